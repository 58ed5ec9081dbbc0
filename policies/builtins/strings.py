"""The string functions of OPA that its compiled policies leave to the host, digests, versions and UUIDs."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
import urllib.parse
from bisect import bisect_right
from collections.abc import Iterable
from functools import partial

from licet.policies.builtins.values import (
    Builtin,
    Number,
    Object,
    Stop,
    Undefined,
    Value,
    Work,
    bounded,
    int64,
    text,
)


def _raw(value: Value) -> bytes:
    return text(value).encode("utf-8", "surrogateescape")


def _string(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")


def any_prefix_match(search: Value, base: Value) -> Value:
    """`strings.any_prefix_match(search, base)`."""
    bases, searched = _strings(base), _strings(search)
    return _any_begins(searched, bases)


def any_suffix_match(search: Value, base: Value) -> Value:
    """`strings.any_suffix_match(search, base)`."""
    bases, searched = _strings(base), _strings(search)
    return _any_begins((one[::-1] for one in searched), (one[::-1] for one in bases))


def _any_begins(searched: Iterable[str], bases: Iterable[str]) -> bool:
    """Whether one of the texts begins with one of the bases, without holding each against each."""
    kept: list[str] = []
    for base in sorted(bases):
        if not kept or not base.startswith(kept[-1]):  # what begins with another base finds nothing more
            kept.append(base)
    # No base begins another any more, so the last that sorts before a text is the only one that may begin it.
    places = ((one, bisect_right(kept, one)) for one in searched)
    return any(place and one.startswith(kept[place - 1]) for one, place in places)


def _strings(value: Value) -> list[str]:
    if type(value) is str:
        return [value]
    if type(value) is not tuple and type(value) is not frozenset:
        raise Undefined
    return [text(item) for item in value]


def count(searched: Value, part: Value) -> Value:
    """`strings.count(search, substring)`."""
    within, wanted = text(searched), text(part)
    return Number(within.count(wanted))


def split_n(split: Value, mark: Value, most: Value) -> Value:
    """`strings.split_n(x, delimiter, n)`: the first n parts, or the last -n."""
    source, delimiter, number = text(split), text(mark), int64(most)
    parts = source.split(delimiter) if delimiter else list(source)
    found = parts[:number] if number >= 0 else parts[max(len(parts) + number, 0) :]
    bounded(len(found))
    return tuple(found)


def indexof_n(searched: Value, part: Value) -> Value:
    """`indexof_n(haystack, needle)`: where it begins, overlapping too."""
    within, wanted = text(searched), text(part)
    if not wanted:
        raise Undefined
    found: list[Value] = []
    work = Work()
    at = within.find(wanted)
    while at >= 0:
        found.append(Number(at))
        bounded(len(found))
        work.take(1 + len(wanted) // 50)  # each search reads what it looks for anew
        at = within.find(wanted, at + 1)
    return tuple(found)


def hex_encode(value: Value) -> Value:
    """`hex.encode(x)`."""
    return _raw(value).hex()


def hex_decode(value: Value) -> Value:
    """`hex.decode(x)`."""
    try:
        return _string(binascii.unhexlify(_raw(value)))
    except ValueError:
        raise Undefined from None


def base64url_encode_no_pad(value: Value) -> Value:
    """`base64url.encode_no_pad(x)`."""
    return base64.urlsafe_b64encode(_raw(value)).decode().rstrip("=")


def urlquery_encode(value: Value) -> Value:
    """`urlquery.encode(x)`: Go's `url.QueryEscape`."""
    return urllib.parse.quote_plus(_raw(value), safe="")


_BAD_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")


def urlquery_decode(value: Value) -> Value:
    """`urlquery.decode(x)`: Go's `url.QueryUnescape`."""
    raw = _raw(value)
    if _BAD_ESCAPE.search(raw):
        raise Undefined
    return _string(urllib.parse.unquote_to_bytes(raw.replace(b"+", b" ")))


def glob_quote_meta(value: Value) -> Value:
    r"""`glob.quote_meta(pattern)`."""
    return re.sub(r"([*?\\\[\]{}])", r"\\\1", text(value))


def digest(algorithm: str, value: Value) -> Value:
    """`crypto.md5`, `crypto.sha1` and `crypto.sha256`."""
    return hashlib.new(algorithm, _raw(value), usedforsecurity=False).hexdigest()


def keyed_digest(algorithm: str, message: Value, key: Value) -> Value:
    """`crypto.hmac.md5`, `crypto.hmac.sha1`, `crypto.hmac.sha256` and `crypto.hmac.sha512`."""
    signed, by = _raw(message), _raw(key)
    return hmac.new(by, signed, algorithm).hexdigest()


def hmac_equal(one: Value, other: Value) -> Value:
    """`crypto.hmac.equal(mac1, mac2)`."""
    mine, yours = _raw(one), _raw(other)
    return hmac.compare_digest(mine, yours)


_IDENTIFIERS = r"[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*"
_NUMERIC = "(0|[1-9][0-9]*)"
_VERSION = re.compile(
    rf"v?{_NUMERIC}\.{_NUMERIC}\.{_NUMERIC}(?:-({_IDENTIFIERS}))?(?:\+{_IDENTIFIERS})?", re.ASCII
)
_INT64_MOST = 2**63 - 1


def _version(written: str) -> tuple[tuple[int, ...], str]:
    match = _VERSION.fullmatch(written)
    if match is None:
        raise Undefined
    core = tuple(_int64(part) for part in match.groups()[:3])
    release = match[4] or ""
    if None in core or any(
        _is_number(part) and part != "0" and part[0] == "0" for part in release.split(".")
    ):
        raise Undefined
    return tuple(part for part in core if part is not None), release


def _int64(digits: str) -> int | None:
    """The number, when a Go int holds it. Digits without end are not read, which Python refuses."""
    found = int(digits) if len(digits) <= len(str(_INT64_MOST)) else _INT64_MOST + 1
    return found if found <= _INT64_MOST else None


def _is_number(identifier: str) -> bool:
    return identifier.isascii() and identifier.isdigit()


def semver_is_valid(value: Value) -> Value:
    """`semver.is_valid(x)`."""
    try:
        _version(text(value))
    except Undefined:
        return False
    return True


def semver_compare(one: Value, other: Value) -> Value:
    """`semver.compare(a, b)`: -1, 0 or 1, by OPA's reading of SemVer 2.0.0."""
    first, second = text(one), text(other)
    (mine, my_release), (yours, your_release) = _version(first), _version(second)
    if mine != yours:
        return Number(1 if mine > yours else -1)
    if my_release == your_release:
        return Number(0)
    if not my_release or not your_release:
        return Number(-1 if my_release else 1)
    return Number(_compare_releases(my_release.split("."), your_release.split(".")))


def _compare_releases(mine: list[str], yours: list[str]) -> int:
    for place, (one, other) in enumerate(zip(mine, yours, strict=False)):
        if by := _compare_identifiers(one, other):
            return by
        if (place + 1 < len(mine)) != (place + 1 < len(yours)):
            return 1 if place + 1 < len(mine) else -1
    raise Stop("OPA's comparison of these versions does not end")


def _compare_identifiers(one: str, other: str) -> int:
    if _is_number(one) != _is_number(other):
        return -1 if _is_number(one) else 1
    if _is_number(one):
        # OPA's strconv.Atoi gives the largest int where the digits are too many.
        found = [_INT64_MOST if number is None else number for number in (_int64(one), _int64(other))]
        return (found[0] > found[1]) - (found[0] < found[1])
    return (one > other) - (one < other)


_UUID = re.compile(
    rb"(?:[uU][rR][nN]:[uU][uU][iI][dD]:)?([0-9a-fA-F]{8})-([0-9a-fA-F]{4})-([0-9a-fA-F]{4})-([0-9a-fA-F]{4})"
    rb"-([0-9a-fA-F]{12})"
)
_BARE_UUID = re.compile(rb"[0-9a-fA-F]{32}")
_EPOCH_TICKS = 0x01B21DD213814000


def uuid_parse(value: Value) -> Value:
    """`uuid.parse(x)`: version and variant, and of versions 1 and 2 what they are made of (RFC 4122)."""
    raw = _raw(value)
    inner = raw[1:-1] if len(raw) == 38 else raw
    match = _UUID.fullmatch(inner)
    if match is not None:
        octets = bytes.fromhex(b"".join(match.groups()).decode())
    elif _BARE_UUID.fullmatch(raw):
        octets = bytes.fromhex(raw.decode())
    else:
        raise Undefined
    version = octets[6] >> 4
    parts: dict[Value, Value] = {"version": Number(version), "variant": _variant(octets[8])}
    if version in (1, 2):
        low, middle = octets[:4], octets[4:6]
        ticks = int.from_bytes(bytes([octets[6] & 0x0F, octets[7]]) + middle + low, "big")
        # A Go int64, which wraps around for the last years of the format.
        parts["time"] = Number(((ticks - _EPOCH_TICKS) * 100 + 2**63) % 2**64 - 2**63)
        parts["nodeid"] = octets[10:].hex("-")
        parts["macvariables"] = _mac(octets[10])
        parts["clocksequence"] = Number(int.from_bytes(octets[8:10], "big") & 0x3FFF)
    if version == 2:
        parts["id"] = Number(int.from_bytes(octets[:4], "big"))
        domain = octets[9]
        parts["domain"] = {0: "Person", 1: "Group", 2: "Org"}.get(domain, f"Domain{domain}")
    return Object(parts)


def _variant(octet: int) -> str:
    if octet & 0xC0 == 0x80:
        return "RFC4122"
    if octet & 0xE0 == 0xC0:
        return "Microsoft"
    return "Future" if octet & 0xE0 == 0xE0 else "Reserved"


def _mac(octet: int) -> str:
    return ("local" if octet & 2 else "global") + (":multicast" if octet & 1 else ":unicast")


BUILTINS: dict[str, Builtin] = {
    "base64url.encode_no_pad": base64url_encode_no_pad,
    "crypto.hmac.equal": hmac_equal,
    **{f"crypto.{name}": partial(digest, name) for name in ("md5", "sha1", "sha256")},
    **{f"crypto.hmac.{name}": partial(keyed_digest, name) for name in ("md5", "sha1", "sha256", "sha512")},
    "glob.quote_meta": glob_quote_meta,
    "hex.decode": hex_decode,
    "hex.encode": hex_encode,
    "indexof_n": indexof_n,
    "semver.compare": semver_compare,
    "semver.is_valid": semver_is_valid,
    "strings.any_prefix_match": any_prefix_match,
    "strings.any_suffix_match": any_suffix_match,
    "strings.count": count,
    "strings.split_n": split_n,
    "urlquery.decode": urlquery_decode,
    "urlquery.encode": urlquery_encode,
    "uuid.parse": uuid_parse,
}
"""What this file gives, by name."""
