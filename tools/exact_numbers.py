"""Numbers as they are written, where a double would round them.

pydantic reads JSON numbers as doubles, even for a `Decimal`: 1234567890123456.789 becomes ...456.8. So a
number that a double does not hold is handed to pydantic as text behind a tag that nobody outside this process
can guess. Only a Decimal (and a string-coded integer) takes the tag off; everything else refuses such a text,
or it is found afterwards.
"""

from __future__ import annotations

import re
import secrets
import sys
from decimal import Decimal, InvalidOperation

from pydantic_core import PydanticCustomError

MAX_DIGITS = 100
"""The most digits an exact number may have before, and after, its decimal point."""

MAX_NUMBER_TEXT = 256
"""The most characters a number may be written with."""

MAX_SAFE_INTEGER = 2**53 - 1
"""Beyond it JSON readers disagree (RFC 8259, section 6; RFC 7493, section 2.2)."""

TAG = f"licet-exact-{secrets.token_hex(16)}:"

_DECIMAL = re.compile(r"-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,9})?")
_TOO_LONG = f"has more than {MAX_DIGITS} digits when written out"


class NumberRefused(ValueError):
    """The number cannot be held. The message says why and does not quote it."""


def read_fraction(text: str) -> float | str:
    """A JSON number with a fraction or an exponent: a float when that holds exactly it, else tagged text.

    "Holds" means that the shortest text which reads back as this double (what Python and JavaScript print) is
    the number that was written; so 0.1 is held. Minus zero is zero.

    Raises:
        NumberRefused: it has too many digits, or an exponent that gives it too many.
    """
    if len(text) > MAX_NUMBER_TEXT:
        raise NumberRefused(_TOO_LONG)
    value = float(text)
    if len(text) <= 15 and "e" not in text and "E" not in text:  # at most 15 digits: always held
        return value + 0.0
    try:
        exact = Decimal(text)
    except InvalidOperation:  # the exponent is beyond what Decimal knows
        raise NumberRefused(_TOO_LONG) from None
    if Decimal(repr(value)) == exact:
        return value + 0.0
    check_size(exact)
    return TAG + text


def read_integer(text: str) -> int | float | str:
    """A JSON number without fraction and exponent: an int up to 2**53 - 1, beyond it a float or tagged text.

    RFC 8785 writes the float 1e20 as 100000000000000000000, so what is read back must be that float again. An
    `int` takes neither of the two.

    Raises:
        NumberRefused: it has too many digits.
    """
    if len(text) > 15:
        if len(text) > MAX_DIGITS + 1:
            raise NumberRefused(_TOO_LONG)
        if abs(int(text)) > MAX_SAFE_INTEGER:
            return read_fraction(text)
    return int(text)


def check_size(value: Decimal) -> None:
    """Refuses a Decimal that is not finite or that written out would have too many digits.

    Raises:
        NumberRefused: it is so.
    """
    if not value.is_finite():
        raise NumberRefused("is not a finite number")
    exponent = value.as_tuple().exponent
    assert isinstance(exponent, int)
    if value and not (value.adjusted() < MAX_DIGITS and exponent >= -MAX_DIGITS):
        raise NumberRefused(_TOO_LONG)


def decimal_text(value: Decimal) -> str:
    """The one text of a Decimal: no exponent, no zeros at the end, no minus before zero.

    Raises:
        NumberRefused: it is not finite, or too long.
    """
    text = str(value)
    if len(text) > MAX_DIGITS or "E" in text or "e" in text or not value.is_finite():
        check_size(value)
        text = format(value, "f")
    if not value:
        return "0"
    return text.rstrip("0").rstrip(".") if "." in text else text


def integer_text(value: int) -> str:
    """The digits of an integer.

    Raises:
        NumberRefused: there are more than Python writes.
    """
    try:
        return str(value)
    except ValueError:  # the time it would take grows with the square of the digits
        raise NumberRefused(f"has more than {sys.get_int_max_str_digits()} digits") from None


def to_decimal(value: object) -> Decimal:
    """What stands in JSON where a Decimal is asked for, as that Decimal in its one form.

    The form is the same however the number was spelled, so that a call which is resumed from its record does
    exactly what it would have done at once.

    Raises:
        PydanticCustomError: it is no number.
    """
    try:
        if isinstance(value, str):
            text = value.removeprefix(TAG)
            if len(text) > MAX_NUMBER_TEXT or not _DECIMAL.fullmatch(text):
                raise PydanticCustomError("licet_decimal", "should be a number, such as 12.5")
            return Decimal(decimal_text(Decimal(text)))
        if isinstance(value, float):
            return Decimal(decimal_text(Decimal(repr(value))))
        if isinstance(value, int) and not isinstance(value, bool):
            return Decimal(value)
    except NumberRefused as error:
        raise PydanticCustomError("licet_decimal_size", "{why}", {"why": str(error)}) from None
    raise PydanticCustomError("licet_decimal", "should be a number, such as 12.5")
