"""Go's `strconv.FormatFloat`, and what the flag # makes of it. After Go 1.26's internal/strconv/ftoa.go."""

from __future__ import annotations

import struct

_MOST_PLAIN = 6
"""From this exponent on the shortest form of %g is written with it."""


def float_text(value: float, form: str, precision: int) -> str:
    """Go's `strconv.FormatFloat(value, form, precision, 64)` of a value that is not negative."""
    if form == "b":
        bits = struct.unpack(">Q", struct.pack(">d", value))[0]
        mantissa, exponent = bits & (2**52 - 1), bits >> 52
        mantissa, exponent = (mantissa | 2**52, exponent) if exponent else (mantissa, 1)
        return f"{mantissa}p{exponent - 1075:+d}"
    if form in "xX":
        return _hex_float(value, form, precision)
    if form == "f":
        return format(value, f".{precision}f")
    if form in "eE":
        return format(value, f".{precision}{form}")
    lower = _general(value, precision)
    return lower.upper() if form == "G" else lower


def _general(value: float, precision: int) -> str:
    if precision >= 0:
        return format(value, f".{min(precision, 800)}g")
    digits, _, power = repr(value).partition("e")
    whole, _, fraction = digits.partition(".")
    fraction = "" if fraction == "0" and not power else fraction
    significant = (whole + fraction).lstrip("0")
    exponent = int(power or 0) + len(whole) - 1
    if whole == "0":
        exponent = -(len(fraction) - len(fraction.lstrip("0"))) - 1
    significant = significant.rstrip("0")
    if not significant:
        return "0"
    if exponent < -4 or exponent >= _MOST_PLAIN:
        point = "." if len(significant) > 1 else ""
        return f"{significant[0]}{point}{significant[1:]}e{exponent:+03d}"
    if exponent < 0:
        return "0." + "0" * (-exponent - 1) + significant
    if len(significant) <= exponent + 1:
        return significant.ljust(exponent + 1, "0")
    return f"{significant[: exponent + 1]}.{significant[exponent + 1 :]}"


def _hex_float(value: float, form: str, precision: int) -> str:
    bits = struct.unpack(">Q", struct.pack(">d", value))[0]
    mantissa, exponent = bits & (2**52 - 1), (bits >> 52) - 1023
    if bits >> 52:
        mantissa |= 2**52
    else:
        exponent += 1
    if mantissa == 0:
        exponent = 0
    mantissa <<= 8
    while mantissa and not mantissa & 1 << 60:
        mantissa <<= 1
        exponent -= 1
    if 0 <= precision < 15:
        shift = precision * 4
        extra = (mantissa << shift) & ((1 << 60) - 1)
        mantissa >>= 60 - shift
        if extra | (mantissa & 1) > 1 << 59:
            mantissa += 1
        mantissa <<= 60 - shift
        if mantissa & 1 << 61:
            mantissa >>= 1
            exponent += 1
    digits = format(mantissa & ((1 << 60) - 1), f"015{form}")
    digits = digits.rstrip("0") if precision < 0 else digits[:precision].ljust(precision, "0")
    point = "." if digits else ""
    mark = "p" if form == "x" else "P"
    return f"0{form}{mantissa >> 60 & 1}{point}{digits}{mark}{exponent:+03d}"


def with_point(shown: str, verb: str, precision: int) -> str:
    """What the flag # makes of it: a point always, and the zeros that %g leaves out."""
    digits = 0
    if verb in "vgGx":
        digits = 6 if precision == -1 else precision
    marks = "pP" if verb in "xX" else "pPeE"
    at = next((place for place, mark in enumerate(shown) if mark in marks), len(shown))
    shown, tail = shown[:at], shown[at:]
    seen = False
    for mark in shown:
        if mark == ".":
            continue
        seen = seen or mark != "0"
        digits -= seen
    if "." not in shown:
        digits -= shown == "0"
        shown += "."
    return shown + "0" * max(digits, 0) + tail
