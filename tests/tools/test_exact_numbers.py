"""Numbers as they are written: one text for one number."""

from __future__ import annotations

from decimal import Context, Decimal, localcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from licet.tools.exact_numbers import MAX_DIGITS, NumberRefused, decimal_text


@given(st.decimals(allow_nan=False, allow_infinity=False), st.sampled_from([0, 1]))
def test_a_decimal_has_one_text_which_says_it_exactly(value: Decimal, capitals: int) -> None:
    with localcontext(Context(prec=3, capitals=capitals)):
        try:
            text = decimal_text(value)
        except NumberRefused:
            assert value.adjusted() >= MAX_DIGITS or value.as_tuple().exponent < -MAX_DIGITS  # type: ignore[operator]
            return
    assert Decimal(text) == value
    assert text.removeprefix("-").replace(".", "", 1).isdigit()
    assert text != "-0"
    if "." in text:
        assert text[-1] != "0"


@pytest.mark.parametrize(
    ("written", "text"),
    [("-0", "0"), ("0E+5", "0"), ("1.500", "1.5"), ("12.00", "12"), ("1E+3", "1000"), ("1E-7", "0.0000001")],
)
def test_however_it_was_written(written: str, text: str) -> None:
    assert decimal_text(Decimal(written)) == text


@pytest.mark.parametrize("written", ["NaN", "sNaN", "Infinity", "-Infinity", "1E+100", "1E-101", "9" * 101])
def test_what_has_no_text_is_refused(written: str) -> None:
    with pytest.raises(NumberRefused):
        decimal_text(Decimal(written))
