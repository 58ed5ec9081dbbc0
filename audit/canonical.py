"""Canonical JSON (RFC 8785) and the digests taken over it."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Mapping, Sequence

import orjson
import rfc8785

Json = None | bool | int | float | str | Sequence["Json"] | Mapping[str, "Json"]
"""What JSON can say. Exact decimals are written as strings before they get here."""

LARGEST_INTEGER = 2**53 - 1
"""Beyond it RFC 8785 (by RFC 7493, section 2.2) lets no integer be written: readers would round it."""

_OPTIONS = orjson.OPT_SORT_KEYS | orjson.OPT_STRICT_INTEGER


def canonical(value: Json) -> bytes:
    """`value` as canonical JSON, RFC 8785.

    orjson with sorted keys gives the same bytes as the reference at a tenth of the cost, except for floats
    that are whole, very large or very small (it writes them in another form) and keys beyond ASCII (RFC 8785
    sorts by UTF-16 code units); those take the reference.

    Raises:
        ValueError: a float that is not finite, an integer beyond 2**53 - 1, text that is not valid Unicode,
            a type that JSON has no word for, or nesting beyond what can be read back. The message names the
            place, as a JSON Pointer (RFC 6901), and never quotes the value.
    """
    try:
        if _is_plain(value):
            return orjson.dumps(value, option=_OPTIONS)
        text = rfc8785.dumps(value)
        orjson.loads(text)
        return text
    except (TypeError, ValueError, RecursionError, rfc8785.CanonicalizationError):
        raise ValueError(f"not canonical JSON: {_fault(value)}") from None


def parse(text: bytes) -> Json:
    """The value that `canonical` wrote as `text`: `canonical(parse(text)) == text`.

    RFC 8785 writes a float such as 1e18 without a point, so that it reads like an integer no reader could
    keep; it is read as the float it was.

    Raises:
        ValueError: `text` is not JSON.
    """
    value: Json = orjson.loads(text)
    if _LONG_INTEGER.search(text):
        value = json.loads(text, parse_int=_integer)
    return value


_LONG_INTEGER = re.compile(rb"[0-9]{16}")


def _integer(digits: str) -> int | float:
    number = int(digits) if len(digits) < 32 else LARGEST_INTEGER + 1
    return number if abs(number) <= LARGEST_INTEGER else float(digits)


_LEAVES = frozenset({str, int, bool, type(None)})


def _is_plain(value: object) -> bool:
    kind = type(value)
    if kind in _LEAVES:
        return True
    if isinstance(value, dict) and kind is dict:
        for key, item in value.items():
            if type(key) is not str or not key.isascii():
                return False
            if type(item) not in _LEAVES and not _is_plain(item):
                return False
        return True
    if isinstance(value, list | tuple) and (kind is list or kind is tuple):
        return all(type(item) in _LEAVES or _is_plain(item) for item in value)
    if isinstance(value, float) and kind is float:
        return 1e-5 <= abs(value) < 1e15 and not value.is_integer()
    return False


def _fault(value: object, path: str = "") -> str:
    """What is wrong in `value`, and where."""
    try:
        return _find_fault(value, path) or "nested too deeply"
    except RecursionError:
        return "nested too deeply"


def _find_fault(value: object, path: str) -> str | None:
    where = path or "the value"
    if value is None or isinstance(value, bool):
        return None
    if isinstance(value, str):
        return None if _is_unicode(value) else f"{where} is not valid Unicode"
    if isinstance(value, int):
        return None if abs(value) <= LARGEST_INTEGER else f"{where} is an integer beyond 2**53 - 1"
    if isinstance(value, float):
        return None if math.isfinite(value) else f"{where} is a float that is not finite"
    if isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, str) or not _is_unicode(key):
                return f"{where} has a key that is not a string of valid Unicode"
            fault = _find_fault(item, f"{path}/{key.replace('~', '~0').replace('/', '~1')}")
            if fault:
                return fault
        return None
    if isinstance(value, list | tuple):
        faults = (_find_fault(item, f"{path}/{index}") for index, item in enumerate(value))
        return next(filter(None, faults), None)
    return f"{where} is of type {type(value).__name__}, which JSON has no word for"


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def sha256(data: bytes) -> str:
    """SHA-256 of `data`, in lower-case hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def digest(value: Json) -> str:
    """SHA-256, in hexadecimal, of the canonical JSON of `value`."""
    return sha256(canonical(value))
