"""`units.*`, `numbers.range_step` and the way OPA reads a number as a big.Float."""

from __future__ import annotations

import re
from decimal import Decimal
from fractions import Fraction

from licet.policies.builtins.values import Builtin, Number, Stop, Undefined, Value, bounded, number, text

_PRECISION = 64
_WIDEST = 5_000


def range_step(start: Value, end: Value, step: Value) -> Value:
    """`numbers.range_step(a, b, step)`: from a towards b, both included."""
    first, last, by = (_integer(value) for value in (start, end, step))
    if by <= 0:
        raise Undefined
    bounded(abs(last - first) // by + 1)
    found = range(first, last + 1, by) if first <= last else range(first, last - 1, -by)
    return tuple(Number(_plain(value)) for value in found)


def _integer(value: Value) -> int:
    found = number(value)
    if abs(found.value.adjusted()) > _WIDEST:
        raise Stop("a number has too large an exponent")
    if found.value != found.value.to_integral_value():
        raise Undefined
    return int(found.value)


_BYTES = {"": 1} | {
    prefix + suffix: base**power
    for power, prefix in enumerate("kmgtpe", 1)
    for suffix, base in (("", 1000), ("b", 1000), ("i", 1024), ("ib", 1024))
}
_UNITS = {"": Fraction(1), "m": Fraction(0.001), "M": Fraction(1000**2)} | {
    spelling + suffix: Fraction(base**power)
    for power, prefix in enumerate("kmgtpe", 1)
    for spelling in (prefix, prefix.upper())
    for suffix, base in (("", 1000), ("i", 1024))
    if spelling + suffix not in ("m", "M")
}


def parse_units(value: Value) -> Value:
    """`units.parse(x)`: "10K", "1.5Gi", "200m"."""
    digits, unit = _amount(text(value).replace('"', ""))
    factor = _UNITS.get(unit[:1] + unit[1:].lower())
    if factor is None:
        raise Undefined
    found = _rational(digits) * factor
    if found.denominator == 1:
        return Number(_plain(found.numerator))
    scaled = abs(found) * 10**10
    whole = (2 * scaled.numerator + scaled.denominator) // (2 * scaled.denominator)
    return Number(f"{'-' if found < 0 else ''}{_plain(whole // 10**10)}.{whole % 10**10:010}")


def parse_bytes(value: Value) -> Value:
    """`units.parse_bytes(x)`: "10KB", "1.5GiB", to whole bytes."""
    digits, unit = _amount(text(value).lower().replace('"', ""))
    factor = _BYTES.get(unit)
    if factor is None:
        raise Undefined
    found = _rounded(big_float(digits) * factor, _PRECISION)
    return Number(_plain(abs(found.numerator) // found.denominator * (-1 if found < 0 else 1)))


def _plain(value: int) -> str:
    if value.bit_length() > 4 * _WIDEST:
        raise Stop("the amount is too large")
    return str(Decimal(value))  # Python itself writes and reads integers of up to 4,300 digits only


_TOO_LARGE = re.compile(r"[eE][-+]?[0-9]{7}")


def _amount(written: str) -> tuple[str, str]:
    """The number and the unit that OPA's `extractNumAndUnit` finds."""
    if " " in written:
        raise Undefined
    place = 0
    while place < len(written):
        mark = written[place]
        following = written[place + 1 : place + 2]
        if mark in "eE":
            if not following or following not in "0123456789+-":
                break
            if _TOO_LARGE.match(written, place):
                raise Undefined
            place += following in "+-"
        elif mark not in "0123456789.+-":
            break
        place += 1
    if place == 0:
        raise Undefined
    return written[:place], written[place:]


_DECIMAL = re.compile(r"([-+]?)(?:([0-9]+)(?:\.([0-9]*))?|\.([0-9]+))(?:[eE]([-+]?[0-9]+))?", re.ASCII)


def _parts(written: str) -> tuple[int, int]:
    match = _DECIMAL.fullmatch(written)
    if match is None:
        raise Undefined
    whole, fraction = match[2] or "", match[3] or match[4] or ""
    if len(match[5] or "") > 8:
        raise Stop("a number has too large an exponent")
    exponent = int(match[5] or 0) - len(fraction)
    if abs(exponent) > _WIDEST or len(whole + fraction) > _WIDEST:
        raise Stop("a number is too long")
    return int(Decimal(match[1] + whole + fraction)), exponent


def _rational(written: str) -> Fraction:
    """What Go's `big.Rat.SetString` reads of a decimal number."""
    digits, exponent = _parts(written)
    return Fraction(digits) * Fraction(10) ** exponent


def big_float(written: str) -> Fraction:
    """The value that Go's `big.Float.SetString` gives a decimal number, in 64 bits of precision.

    It rounds the powers of five it multiplies by too, so it is not always the nearest value.
    """
    digits, exponent = _parts(written)
    if exponent == 0:
        return _rounded(Fraction(digits), _PRECISION)
    power = _power_of_five(abs(exponent))
    found = Fraction(digits) * power if exponent > 0 else Fraction(digits) / power
    return _rounded(found, _PRECISION) * Fraction(2) ** exponent


_TABLE = 27


def _power_of_five(exponent: int) -> Fraction:
    if exponent <= _TABLE:
        return Fraction(5**exponent)
    found, factor = Fraction(5**_TABLE), Fraction(5)
    left = exponent - _TABLE
    while left:
        if left & 1:
            found = _rounded(found * factor, _PRECISION + 64)
        factor = _rounded(factor * factor, _PRECISION + 128)
        left >>= 1
    return found


def _rounded(value: Fraction, bits: int) -> Fraction:
    """To so many significant bits, halves to even."""
    if value == 0:
        return value
    size = abs(value)
    shift = bits - (size.numerator.bit_length() - size.denominator.bit_length())
    while True:
        scaled = size * Fraction(2) ** shift
        whole = scaled.numerator // scaled.denominator
        if whole.bit_length() <= bits:
            if whole.bit_length() == bits:
                break
            shift += 1
        else:
            shift -= 1
    rest = scaled - whole
    if rest > Fraction(1, 2) or (rest == Fraction(1, 2) and whole & 1):
        whole += 1
    return Fraction(whole if value > 0 else -whole) * Fraction(2) ** -shift


BUILTINS: dict[str, Builtin] = {
    "numbers.range_step": range_step,
    "units.parse": parse_units,
    "units.parse_bytes": parse_bytes,
}
"""What this file gives, by name."""
