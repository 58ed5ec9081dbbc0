"""Canonical JSON is RFC 8785's, by the reference implementation's own word."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any

import pytest
import rfc8785
from hypothesis import example, given
from hypothesis import strategies as st

from licet.audit.canonical import canonical, digest, parse

INTEGERS = st.integers(-(2**53) + 1, 2**53 - 1)
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
LEAVES = st.none() | st.booleans() | INTEGERS | FLOATS | st.text()
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20
)


@given(VALUES)
@example({"": [0.0, -0.0, 1.0, 1e-5, 9.99e-6, 1e15 + 0.5, 1e21, 5e-324]})
@example({"\ue000": 1, "\U00010000": 2})
@example({"text": '\x00\x1f\x7f\u2028"\\/\U0001f600'})
def test_the_bytes_are_the_references(value: Any) -> None:
    assert canonical(value) == rfc8785.dumps(value)


@given(FLOATS)
def test_floats_too(value: float) -> None:
    assert canonical([value]) == rfc8785.dumps([value])


@given(VALUES)
@example([1e18, 2.0**53, -1e20, "1234567890123456789"])
def test_what_was_written_is_read_back_to_the_same_bytes(value: Any) -> None:
    text = canonical(value)
    assert canonical(parse(text)) == text


def test_tuples_are_lists_and_order_of_keys_does_not_matter() -> None:
    assert canonical({"b": (1, 2), "a": None}) == b'{"a":null,"b":[1,2]}'
    assert digest({"b": 1, "a": 2}) == digest({"a": 2, "b": 1})


@pytest.mark.parametrize(
    ("value", "place"),
    [
        ({"a": [1, math.nan]}, "/a/1 is a float that is not finite"),
        ({"a": math.inf}, "/a is a float"),
        ({"a": {"b": 2**53}}, "/a/b is an integer beyond"),
        ([-(2**53)], "/0 is an integer beyond"),
        ({"a/b": "\ud800"}, "/a~1b is not valid Unicode"),
        ({"\udfff": 1}, "has a key"),
        ({1: 1}, "has a key"),
        ({"a": Decimal("12.50")}, "/a is of type Decimal"),
        ({"a": b"secret"}, "/a is of type bytes"),
        ("\ud800", "the value is not valid Unicode"),
    ],
)
def test_what_cannot_be_written_is_named_and_never_quoted(value: Any, place: str) -> None:
    with pytest.raises(ValueError, match="not canonical JSON") as caught:
        canonical(value)
    assert place in str(caught.value)
    assert "secret" not in str(caught.value)
    assert "12.50" not in str(caught.value)


@pytest.mark.parametrize("leaf", [1, 1.0])
def test_nesting_that_no_reader_takes_is_refused(leaf: float) -> None:
    value: Any = leaf
    for _ in range(100_000):
        value = [value]
    with pytest.raises(ValueError, match="nested too deeply"):
        canonical(value)


def test_text_that_is_not_json_is_refused() -> None:
    with pytest.raises(ValueError, match=r"JSON|unexpected"):
        parse(b"{")
