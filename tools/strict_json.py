"""Reading what a model sends: JSON as RFC 7493 (I-JSON) wants it, bounded, with every number exact."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Mapping
from typing import Any

import orjson

from licet.tools.errors import FieldError, InvalidArguments
from licet.tools.exact_numbers import TAG, NumberRefused, read_fraction, read_integer
from licet.tools.plain_values import AS_THEY_ARE, MAX_DEPTH, Path, json_text, show_path

MAX_TEXT = 1_000_000
"""The most bytes that the arguments of a call may have, as UTF-8."""

MAX_STRING = 250_000
"""The most characters that one text among them may have."""

MAX_VALUES = 20_000
"""The most values they may hold in all."""

_STRINGS = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"?', re.DOTALL)
_TOKENS = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"?|[\[\]{}:]', re.DOTALL)
_SEARCHED = 100_000
_NOT_BRACKETS = re.compile(r"[^\[\]{}]+")


class _Fault:
    """Stands in the tree for a value that could not be read, until its path is known."""

    __slots__ = ("message", "name")

    def __init__(self, message: str, name: str | None = None) -> None:
        self.message = message
        self.name = name


def read(raw: str | bytes | Mapping[str, Any]) -> dict[str, Any]:
    """Arguments as plain values: JSON text, or a mapping of Python values, which takes the same way.

    A number that a double does not hold comes as tagged text (see `licet.tools.exact_numbers`).

    Raises:
        InvalidArguments: not JSON, not an object, not Unicode, a name twice, NaN or Infinity, too large, too
            deep.
    """
    text = _decoded(raw if isinstance(raw, str | bytes) else raw_arguments(raw))
    _check_shape(text)
    found = _reading.found
    found.clear()
    try:
        tree = _reading.decoder.decode(text)
    except json.JSONDecodeError as error:
        raise _invalid("", f"is not valid JSON: {error.msg}, at character {error.pos}") from None
    except (RecursionError, ValueError):
        raise _invalid("", "is not valid JSON") from None
    if found:
        found.clear()
        raise InvalidArguments(_located(tree, ()))
    if type(tree) is not dict:
        raise _invalid("", "the arguments should be a JSON object")
    if len(text) > MAX_STRING:
        _check_strings(tree)
    return tree


def raw_arguments(arguments: str | bytes | Mapping[str, Any]) -> bytes:
    """Arguments as they were given, as bytes to record and to parse: JSON text, or a mapping written as JSON.

    Raises:
        InvalidArguments: a value in the mapping is of a type that JSON has no word for, or nested too deep.
    """
    if isinstance(arguments, bytes):
        return arguments
    if isinstance(arguments, str):
        return arguments.encode(errors="surrogatepass")
    if AS_THEY_ARE.issuperset(map(type, arguments.values())):
        try:
            return orjson.dumps(arguments)
        except TypeError:
            pass  # a name that is no text, or text that is no Unicode: `json_text` says so
    faults: list[FieldError] = []
    text = json_text(arguments, faults)
    if faults:
        raise InvalidArguments(faults)
    return text.encode()


def write(tree: dict[str, Any]) -> bytes:
    """The tree as JSON text for validation.

    Raises:
        InvalidArguments: some text is not valid Unicode (a lone surrogate).
    """
    try:
        return orjson.dumps(tree)
    except (TypeError, orjson.JSONEncodeError):
        faults = [FieldError(show_path(path), "is not valid Unicode") for path in _not_unicode(tree, ())]
        raise InvalidArguments(faults or [FieldError("", "is not JSON")]) from None


def tagged(value: Any, path: Path = ()) -> list[Path]:
    """Where in `value` a number is left that only a Decimal could have taken."""
    if isinstance(value, str):
        return [path] if TAG in value else []
    return [found for key, item in _children(value) for found in tagged(item, (*path, key))]


def _decoded(raw: str | bytes) -> str:
    text = raw if isinstance(raw, str) else _from_utf8(raw)
    too_large = len(raw) > MAX_TEXT
    if not too_large and isinstance(raw, str) and len(raw) > MAX_TEXT // 4:
        too_large = len(raw.encode(errors="surrogatepass")) > MAX_TEXT
    if too_large:
        name = _largest_member(text)
        raise _invalid(name, f"is too large: the arguments may have {MAX_TEXT} bytes in all")
    return text


def _from_utf8(raw: bytes) -> str:
    try:
        return bytes(raw).decode()
    except UnicodeDecodeError as error:
        raise _invalid("", f"the arguments are not valid UTF-8, at byte {error.start}") from None


def _check_shape(text: str) -> None:
    """Depth and number of values, before anything is built; what stands within strings does not count."""
    opened = text.count("[") + text.count("{")
    if opened <= MAX_DEPTH and text.count(",") + opened < MAX_VALUES:
        return
    bare = _STRINGS.sub("", text)
    depth = 0
    for bracket in _NOT_BRACKETS.sub("", bare):
        depth += 1 if bracket in "[{" else -1
        if depth > MAX_DEPTH:
            raise _invalid(_largest_member(text), f"is nested more than {MAX_DEPTH} deep")
    if bare.count(",") + bare.count("[") + bare.count("{") >= MAX_VALUES:
        name = _largest_member(text)
        raise _invalid(name, f"holds too much: the arguments may hold {MAX_VALUES} values in all")


def _largest_member(text: str) -> str:
    """The name of the argument that is to blame for a text that is not read: the one nested too deep, or the
    largest.

    It looks at no more than `_SEARCHED` tokens, and then takes the one it stands in.
    """
    depth, sizes, name, key, begun = 0, {"": 0}, "", "", 0
    for count, token in enumerate(_TOKENS.finditer(text)):
        found = token[0]
        if found[0] == '"':
            key = found
        elif found in "[{":
            depth += 1
        elif found in "]}":
            depth -= 1
        if depth > MAX_DEPTH or count > _SEARCHED:
            return name
        if depth == 1 and found == ":" and len(key) <= 256:
            sizes[name] = token.start() - begun
            name, begun = show_path((key.strip('"'),)), token.end()
    sizes[name] = len(text) - begun
    sizes[""] = 0
    return max(sizes, key=sizes.__getitem__)


def _decoder(found: list[_Fault]) -> json.JSONDecoder:
    def fault(message: str, name: str | None = None) -> _Fault:
        found.append(_Fault(message, name))
        return found[-1]

    def number(read_number: Any) -> Any:
        def read_or_fault(text: str) -> Any:
            try:
                return read_number(text)
            except NumberRefused as error:
                return fault(str(error))

        return read_or_fault

    def members(pairs: list[tuple[str, Any]]) -> Any:
        tree = dict(pairs)
        if len(tree) != len(pairs):
            seen: set[str] = set()
            for name, _ in pairs:
                if name in seen:
                    tree[name] = fault("stands there twice")
                seen.add(name)
        return tree

    return json.JSONDecoder(
        object_pairs_hook=members,
        parse_float=number(read_fraction),
        parse_int=number(read_integer),
        parse_constant=lambda _: fault("is not a finite number"),
    )


class _Reading(threading.local):
    """A decoder, which takes a while to make, and what the text that it reads is at fault in."""

    def __init__(self) -> None:
        self.found: list[_Fault] = []
        self.decoder = _decoder(self.found)


_reading = _Reading()


def _children(value: Any) -> list[tuple[str | int, Any]]:
    if isinstance(value, dict):
        return list(value.items())
    if isinstance(value, list):
        return list(enumerate(value))
    return []


def _located(value: Any, path: Path) -> list[FieldError]:
    if isinstance(value, _Fault):
        return [FieldError(show_path(path), value.message)]
    return [fault for key, item in _children(value) for fault in _located(item, (*path, key))]


def _check_strings(tree: Any) -> None:
    long = [
        FieldError(show_path(path), f"is longer than {MAX_STRING} characters") for path in _long(tree, ())
    ]
    if long:
        raise InvalidArguments(long)


def _long(value: Any, path: Path) -> list[Path]:
    if isinstance(value, str):
        return [path] if len(value) > MAX_STRING else []
    return [found for key, item in _children(value) for found in _long(item, (*path, key))]


def _not_unicode(value: Any, path: Path) -> list[Path]:
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError:
            return [path]
        return []
    return [
        found
        for key, item in _children(value)
        for found in (_not_unicode(key, (*path, key)) or _not_unicode(item, (*path, key)))
    ]


def _invalid(path: str, message: str) -> InvalidArguments:
    return InvalidArguments([FieldError(path, message)])
