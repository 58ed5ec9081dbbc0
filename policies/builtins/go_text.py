"""How OPA writes a value as text, and Go a quoted string. After OPA's `Value.String` and Go 1.26's strconv/quote.go."""

from __future__ import annotations

from collections.abc import Iterable

from licet.policies.builtins.printable import is_printable
from licet.policies.builtins.values import Number, Object, Value, in_order


def show(value: Value) -> str:
    """A value as OPA's `Value.String` writes it."""
    if type(value) is str:
        return quote(value)
    if type(value) is Number:
        return value.text
    if type(value) is tuple:
        return f"[{_shown(value)}]"
    if type(value) is frozenset:
        return f"{{{_shown(in_order(value))}}}" if value else "set()"
    if type(value) is Object:
        return "{" + ", ".join(f"{show(key)}: {show(value[key])}" for key in in_order(value)) + "}"
    return "null" if value is None else "true" if value else "false"


def _shown(values: Iterable[Value]) -> str:
    return ", ".join(show(value) for value in values)


def quote(string: str, mark: str = '"', ascii_only: bool = False) -> str:
    """Go's `strconv.Quote`, `QuoteToASCII` and `QuoteRune`."""
    return mark + "".join(_escaped(character, mark, ascii_only) for character in string) + mark


_ESCAPES = dict(zip("\a\b\f\n\r\t\v", "abfnrtv", strict=True))


def _escaped(character: str, mark: str, ascii_only: bool) -> str:
    if character in (mark, "\\"):
        return "\\" + character
    code = ord(character)
    if is_printable(character) and (code < 0x80 or not ascii_only):
        return character
    if character in _ESCAPES:
        return "\\" + _ESCAPES[character]
    if code < 0x20 or code == 0x7F:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
