"""`time.parse_duration_ns`: Go's `time.ParseDuration`, and OPA's days, weeks and years."""

from __future__ import annotations

import re
from decimal import Decimal

from licet.policies.builtins.values import Number, Undefined, Value, text

_NANOSECONDS = {
    "ns": 1,
    "us": 10**3,
    "µs": 10**3,
    "μs": 10**3,
    "ms": 10**6,
    "s": 10**9,
    "m": 60 * 10**9,
    "h": 3600 * 10**9,
}
_HOURS = {"d": 24, "w": 7 * 24, "y": 365 * 24}
_SEGMENT = r"[0-9.]+(?:ms|us|µs|ns|[a-z])"
_EXTENDED = re.compile(rf"([-+]?)((?:{_SEGMENT})+)")
_PART = re.compile(r"([0-9.]+)(ms|us|µs|ns|[a-z])")
_GO_PART = re.compile(r"([0-9]*)(\.([0-9]*))?([^.0-9]+)")
_MOST = 1 << 63


def parse_duration_ns(value: Value) -> Value:
    """`time.parse_duration_ns(duration)`."""
    written = text(value)
    if any(unit in written for unit in _HOURS):
        match = _EXTENDED.fullmatch(written)
        if match is None:
            raise Undefined
        written = match[1] + "".join(_in_hours(digits, unit) for digits, unit in _PART.findall(match[2]))
    return Number(_go_duration(written))


def _in_hours(digits: str, unit: str) -> str:
    if unit not in _HOURS:
        return digits + unit
    try:
        hours = float(digits) * _HOURS[unit]
    except ValueError:
        raise Undefined from None
    if float(digits) == float("inf"):
        raise Undefined
    return "+Infh" if hours == float("inf") else f"{Decimal(repr(hours)):f}".removesuffix(".0") + "h"


def _go_duration(written: str) -> int:
    negative = written.startswith("-")
    rest = written[1:] if written[:1] in ("-", "+") else written
    if rest == "0":
        return 0
    if not rest:
        raise Undefined
    total, place = 0, 0
    while place < len(rest):
        match = _GO_PART.match(rest, place)
        if match is None or not (match[1] or match[3]) or match[4] not in _NANOSECONDS:
            raise Undefined
        place = match.end()
        total = (total + _part(match[1], match[3] or "", _NANOSECONDS[match[4]])) % 2**64
        if total > _MOST:
            raise Undefined
    if negative:
        return -total
    if total > _MOST - 1:
        raise Undefined
    return total


def _part(whole: str, fraction: str, unit: int) -> int:
    if len(whole.lstrip("0")) > 19 or int(whole or 0) > _MOST // unit:
        raise Undefined
    found = int(whole or 0) * unit
    digits, scale = 0, 1.0
    for digit in fraction:
        if digits > (_MOST - 1) // 10 or digits * 10 + int(digit) > _MOST:
            break
        digits, scale = digits * 10 + int(digit), scale * 10
    if digits:
        found += int(float(digits) * (float(unit) / scale))
    if found > _MOST:
        raise Undefined
    return found
