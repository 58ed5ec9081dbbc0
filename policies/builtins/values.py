"""Values of Rego in Python, exactly: read from the text that a compiled policy dumps, written as it parses them.

`None`, `bool` and `str` stand for themselves, arrays are tuples, sets are frozensets, objects are `Object` and numbers
are `Number`, so that any value can be a member of a set or a key. A string is what its UTF-8 says; bytes that are no
UTF-8 come as lone surrogates (PEP 383).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from decimal import Decimal
from functools import cached_property, cmp_to_key
from typing import TypeAlias

_SHORT = 16
"""Integers of fewer digits are hashed as such."""


class Number:
    """A number as it was written. Two are equal when their values are: `1` and `1.0`.

    Attributes:
        text: a JSON number, or one that begins with its point, as Rego may write it.
    """

    def __init__(self, text: str | int) -> None:
        self.text = str(text)

    @cached_property
    def value(self) -> Decimal:
        """The exact value."""
        return Decimal(self.text)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Number) and (self.text == other.text or self.value == other.value)

    def __hash__(self) -> int:
        if len(self.text) < _SHORT and self.text.isdecimal():
            return hash(int(self.text))
        sign, digits, exponent = self.value.as_tuple()
        if not isinstance(exponent, int):
            return hash(self.value)
        written = "".join(map(str, digits))
        kept = written.strip("0") and written.rstrip("0")
        exponent += len(written) - len(kept)
        if not kept or 0 <= exponent < _SHORT - len(kept):
            return hash((-1) ** sign * int(kept or "0") * 10 ** (exponent if kept else 0))
        # By its text: anybody can find many numbers whose own hash is the same, and none whose texts' is.
        return hash(f"{sign}{kept}e{exponent}")

    def __repr__(self) -> str:
        return f"Number({self.text})"


class Object(dict["Value", "Value"]):
    """An object, which is not changed once it is made."""

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(frozenset(self.items()))


Value: TypeAlias = bool | str | Number | tuple["Value", ...] | frozenset["Value"] | Object | None
Builtin: TypeAlias = Callable[..., Value]
"""What a builtin is in Python: it takes values and gives one.

It raises `Undefined` where OPA's would end with an error, and `Stop` where the evaluation must not go on.
"""


class Undefined(Exception):
    """The builtin has no value for these arguments, as OPA's has none."""


class Stop(Exception):
    """What OPA would answer cannot be told here, or would take too much. The evaluation ends without a result."""


MOST = 100_000
"""The most elements that a builtin gives, or steps that it takes."""

MOST_WORK = 1_000_000
"""The most that a builtin does where that is not bounded by how long its arguments are. One is an element that is
looked at, or up to 50 characters."""


def bounded(count: int) -> int:
    """`count`, when a builtin may give so many elements.

    Raises:
        Stop: it may not.
    """
    if count > MOST:
        raise Stop(f"it would give more than {MOST} elements")
    return count


class Work:
    """What one call of a builtin does, counted as it is done: no deadline ends a builtin in its midst."""

    def __init__(self) -> None:
        self._left = MOST_WORK

    def take(self, amount: int) -> None:
        """Count so much more.

        Raises:
            Stop: it is too much.
        """
        self._left -= amount
        if self._left < 0:
            raise Stop(f"it would take more than {MOST_WORK} steps")


def text(value: Value) -> str:
    """A string operand.

    Raises:
        Undefined: it is something else.
    """
    if type(value) is not str:
        raise Undefined
    return value


def number(value: Value) -> Number:
    """A number operand.

    Raises:
        Undefined: it is something else.
    """
    if type(value) is not Number:
        raise Undefined
    return value


def int64(value: Value) -> int:
    """An operand that OPA takes as a Go int: at most 19 digits, and only zeros after a point.

    Raises:
        Undefined: it is something else.
    """
    found = go_int(number(value).text)
    if found is None:
        raise Undefined
    return found


_GO_INT = re.compile(r"([-+]?)([0-9]*)(?:\.(0*))?", re.ASCII)


def go_int(digits: str) -> int | None:
    """What OPA's own `util.Atoi64` reads, or None."""
    match = _GO_INT.fullmatch(digits)
    if match is None or (not match[2] and match[3] is None) or not 0 < len(digits) - len(match[1]) <= 19:
        return None
    found = int(match[1] + (match[2] or "0"))
    return found if -(2**63) <= found < 2**63 else None


_TOKEN = re.compile(
    r"""\s*(?:(?P<string>"[^"\\\x00-\x1f]*(?:\\.[^"\\\x00-\x1f]*)*")|(?P<number>-?\.?[0-9][0-9.eE+-]*)"""
    r"""|(?P<mark>set\(\)|[\[\]{},:]|true|false|null))""",
    re.DOTALL,
)
_WORDS: dict[str, Value] = {"true": True, "false": False, "null": None, "set()": frozenset()}


class _Reader:
    def __init__(self, source: str) -> None:
        self._source = source
        self._place = 0

    def _next(self) -> re.Match[str]:
        match = _TOKEN.match(self._source, self._place)
        if match is None:
            raise ValueError("no value of Rego")
        self._place = match.end()
        return match

    def _comes(self, mark: str) -> bool:
        here = _TOKEN.match(self._source, self._place)
        if here is None or here["mark"] != mark:
            return False
        self._place = here.end()
        return True

    def value(self) -> Value:
        token = self._next()
        if (string := token["string"]) is not None:
            return str(json.loads(string, strict=False)) if "\\" in string else string[1:-1]
        if token["number"] is not None:
            return Number(token["number"])
        mark = token["mark"]
        if mark in _WORDS:
            return _WORDS[mark]
        if mark == "[":
            return tuple(self._items("]"))
        if mark == "{":
            return self._braces()
        raise ValueError("no value of Rego")

    def _items(self, end: str) -> list[Value]:
        found: list[Value] = []
        while not self._comes(end):
            if found and not self._comes(","):
                raise ValueError("no value of Rego")
            found.append(self.value())
        return found

    def _braces(self) -> Value:
        if self._comes("}"):
            return Object()
        first = self.value()
        if not self._comes(":"):
            self._comes(",")
            return frozenset([first, *self._items("}")])
        found = Object({first: self.value()})
        while self._comes(","):
            key = self.value()
            if not self._comes(":"):
                raise ValueError("no value of Rego")
            dict.__setitem__(found, key, self.value())
        if not self._comes("}"):
            raise ValueError("no value of Rego")
        return found

    def end(self) -> None:
        if self._source[self._place :].strip():
            raise ValueError("more than one value of Rego")


def read(dumped: bytes) -> Value:
    """The value that `opa_value_dump` wrote.

    Raises:
        ValueError: it is none.
    """
    reader = _Reader(dumped.decode("utf-8", "surrogateescape"))
    value = reader.value()
    reader.end()
    return value


def write(value: Value) -> bytes:
    """The text that `opa_value_parse` reads as `value`."""
    parts: list[str] = []
    _write(value, parts.append)
    return "".join(parts).encode("utf-8", "surrogateescape")


def _write(value: Value, put: Callable[[str], None]) -> None:
    if type(value) is str:
        put(json.dumps(value, ensure_ascii=False))
    elif type(value) is Number:
        put(value.text.replace("-.", "-0.") if "." not in value.text[:1] else f"0{value.text}")
    elif type(value) is tuple:
        _list(value, "[", "]", put)
    elif type(value) is frozenset:
        _list(tuple(value), "{", "}", put) if value else put("set()")
    elif type(value) is Object:
        put("{")
        for number_of, (key, item) in enumerate(value.items()):
            put("," if number_of else "")
            _write(key, put)
            put(":")
            _write(item, put)
        put("}")
    else:
        put("null" if value is None else "true" if value else "false")


def _list(items: tuple[Value, ...], start: str, end: str, put: Callable[[str], None]) -> None:
    put(start)
    for number_of, item in enumerate(items):
        put("," if number_of else "")
        _write(item, put)
    put(end)


_ORDER = {type(None): 0, bool: 1, Number: 2, str: 3, tuple: 4, Object: 5, frozenset: 6}


def compare(one: Value, other: Value) -> int:
    """How Rego orders two values: less than, equal to, or greater than zero."""
    if type(one) is not type(other):
        return _ORDER[type(one)] - _ORDER[type(other)]
    if one is None:
        return 0
    if type(one) is Number and type(other) is Number:
        return (one.value > other.value) - (one.value < other.value)
    if type(one) is str and type(other) is str:
        ours, theirs = one.encode("utf-8", "surrogateescape"), other.encode("utf-8", "surrogateescape")
        return (ours > theirs) - (ours < theirs)
    if type(one) is tuple and type(other) is tuple:
        return _compare_all(one, other)
    if type(one) is Object and type(other) is Object:
        keys, others = in_order(one), in_order(other)
        for mine, yours in zip(keys, others, strict=False):
            if by := compare(mine, yours) or compare(one[mine], other[yours]):
                return by
        return len(keys) - len(others)
    if type(one) is frozenset and type(other) is frozenset:
        return _compare_all(in_order(one), in_order(other))
    return int(bool(one)) - int(bool(other))


def _compare_all(ones: tuple[Value, ...], others: tuple[Value, ...]) -> int:
    for one, other in zip(ones, others, strict=False):
        if by := compare(one, other):
            return by
    return len(ones) - len(others)


_KEY = cmp_to_key(compare)


def in_order(values: frozenset[Value] | Object) -> tuple[Value, ...]:
    """The members of a set, or the keys of an object, in Rego's order."""
    return tuple(sorted(values, key=_KEY))
