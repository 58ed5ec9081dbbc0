"""When two values are one: raw text is compared as it stands, and a declared kind by a parser of that kind.

No text is folded, trimmed or normalised to make a match. A parser reads a whole value or it reads nothing, and then
the raw text is all there is to compare.
"""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation
from typing import Any, Literal
from urllib.parse import urlsplit

Family = Literal["iban", "number", "date", "email", "url", "caption"]
"""A group of kinds that one parser reads."""

Key = str | tuple[str, Any]
"""What stands for a value when values are compared: raw text, or a family with the value that its parser read."""

_FAMILIES: dict[str, Family] = {
    "iban": "iban",
    "number": "number",
    "amount": "number",
    "money": "number",
    "date": "date",
    "datetime": "date",
    "entry_date": "date",
    "email": "email",
    "url": "url",
    "caption": "caption",
}
_LONGEST = 2_048
"""Characters of a value that a parser reads; nothing of these kinds is longer."""

_IBAN = re.compile(r"[A-Z]{2}[0-9]{2}[A-Z0-9]{10,30}")
_IBAN_IN_BLOCKS = re.compile(r"[A-Z]{2}[0-9]{2}(?: [A-Z0-9]{4}){2,7}(?: [A-Z0-9]{1,4})?")
_NUMBER = re.compile(
    r"[+-]?(?:(?P<english>\d{1,3}(?:,\d{3})+(?:\.\d+)?)|(?P<german>\d{1,3}(?:\.\d{3})+,\d+)"
    r"|(?P<comma>\d+,\d{1,2})|(?P<plain>\d+(?:\.\d+)?))",
    re.ASCII,
)
_CURRENCY = re.compile(r"(?:[$€£¥]|[A-Z]{3})?\s?([+-]?[\d.,]+)\s?(?:[$€£¥]|[A-Z]{3})?", re.ASCII)
_EMAIL = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+")
_HOST = re.compile(r"[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,63}")


_LOWER = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}


def family(role: str, kind: str | None) -> Family | None:
    """Which parser compares a parameter of this role and kind; None: raw text is compared."""
    found = _FAMILIES.get(kind or "")
    if found is None and role == "amount":
        return "number"
    return "date" if found is None and role == "when" else found


def number(value: object) -> Decimal | None:
    """A number, however a person writes it: 1,200.00 is 1200, and 1.200,50 is 1200.50."""
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, int | float | Decimal):
        read = value if isinstance(value, Decimal) else Decimal(repr(value))
        return read if read.is_finite() else None
    if not isinstance(value, str) or len(value) > 64:
        return None
    found = _NUMBER.fullmatch(value)
    if found is None:
        return None
    text = value.replace(",", "") if found["english"] or found["plain"] else value.replace(".", "")
    try:
        return Decimal(text.replace(",", "."))
    except InvalidOperation:
        return None


def money(text: str) -> Decimal | None:
    """A number as it stands in a person's words, with or without a currency beside it: $30,000 and 50EUR."""
    found = _CURRENCY.fullmatch(text) if len(text) <= 64 else None
    return None if found is None else number(found[1].rstrip(".,"))


def iban(text: str) -> str | None:
    """An IBAN (ISO 13616) without its blanks. Its check digits are for the bank to check."""
    if _IBAN.fullmatch(text):
        return text
    return text.replace(" ", "") if _IBAN_IN_BLOCKS.fullmatch(text) else None


def email(text: str) -> str | None:
    """An address with its domain in lower case (RFC 5321, 2.4); ASCII only, so that no homoglyph is equal."""
    if len(text) > _LONGEST or not _EMAIL.fullmatch(text):
        return None
    local, _, domain = text.rpartition("@")
    return f"{local}@{domain.lower()}"


def url(text: str) -> tuple[str, str, int | None, str, str] | None:
    """Scheme, host, port, path and query of a web address; `https://` may be left out. Anything unusual is no address.

    The host's case does not count (RFC 3986, 3.2.2), an empty path is `/`, the path's and the query's case do.
    """
    if len(text) > _LONGEST or not text.isascii() or len(text.split()) != 1 or text != text.strip():
        return None
    try:
        parts = urlsplit(text if "://" in text else f"https://{text}")
        port = parts.port
    except ValueError:
        return None
    host, scheme = parts.hostname or "", parts.scheme.lower()
    if scheme not in _PORTS or parts.username is not None or "\\" in text:
        return None
    if not _HOST.fullmatch(host) or parts.fragment:
        return None
    return scheme, host.lower(), None if port == _PORTS[scheme] else port, parts.path or "/", parts.query


_PORTS = {"http": 80, "https": 443}
"""The ports that need not be said."""


def caption(text: str) -> str | None:
    """A few words whose author said that ASCII capitals do not count. Anything but ASCII stays raw."""
    return text.lower() if text.isascii() else None


def ascii_lower(text: str) -> str:
    """The text with A to Z in lower case and nothing else changed."""
    return text.translate(_LOWER)


def key_of(family: Family | None, value: Any) -> Key | None:
    """What a value of this family is compared by; None for one that nothing equals, such as null.

    A number is a number whatever was declared: 7 is 7.0. Dates are compared in `licet.runtime.provenance.dates`.
    """
    if isinstance(value, str):
        if family == "number":
            read: Any = number(value)
        elif family == "iban":
            read = iban(value)
        elif family == "email":
            read = email(value)
        elif family == "url":
            read = url(value)
        else:
            return value or None
        return value or None if read is None else (family or "", read)
    read = number(value)
    return None if read is None else ("number", read)


def keys_of(text: str) -> list[Key]:
    """Every key under which a whole value may be asked for, its raw text first."""
    keys: list[Key] = [text]
    if len(text) > 320 or not text.isascii():
        return keys
    first = text[0]
    if first.isdigit() or first in "+-":
        read = number(text)
        if read is not None:
            keys.append(("number", read))
    elif first.isupper():
        account = iban(text)
        if account is not None:
            keys.append(("iban", account))
    if "@" in text:
        address = email(text)
        if address is not None:
            keys.append(("email", address))
    elif "." in text:
        place = url(text)
        if place is not None:
            keys.append(("url", place))
    return keys


def keys_in(word: str) -> list[tuple[str, Any]]:
    """What a word in a text may be asked for by, beside the word itself: the address or the number that it is."""
    if "@" in word:
        found: list[tuple[str, Any]] = [("email", email(word))]
    elif word[:1].isdigit():
        found = [("number", number(word))]
    else:
        found = [("iban", iban(word)), ("url", url(word) if "." in word else None)]
    return [(family, read) for family, read in found if read is not None]
