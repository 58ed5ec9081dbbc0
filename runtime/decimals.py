"""Exact numbers in a workflow: read without ever passing through a float, written in one spelling."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Annotated, Any

from pydantic import BeforeValidator

from licet.tools.exact_numbers import MAX_DIGITS, MAX_SAFE_INTEGER, check_size

_SPELLING = re.compile(r"[+-]?[0-9]{1,100}(\.[0-9]{1,100})?([eE][+-]?[0-9]{1,3})?", re.ASCII)
_COUNT = re.compile(r"[0-9]{1,16}", re.ASCII)


def exact(value: object) -> Decimal:
    """`value` as a Decimal: an int, a Decimal, or text such as `"200.00"` or `"2e2"`.

    Raises:
        ValueError: a float (0.1 the float is not 0.1), a bool, something not finite or of more than 100
            digits, or text that is not a number.
    """
    if isinstance(value, float):
        raise ValueError('a float is not exact; write the number as text, such as "0.10", or as a Decimal')
    if isinstance(value, str):
        if not _SPELLING.fullmatch(value):
            raise ValueError('is not a number; write it such as "200.00"')
        value = Decimal(value)
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise ValueError("is not a number")
    if isinstance(value, int) and abs(value) >= 10**MAX_DIGITS:
        raise ValueError(f"has more than {MAX_DIGITS} digits")
    number = Decimal(value)
    check_size(number)
    return number


def measured(value: object) -> Decimal | None:
    """The number that an argument is, or None when it is none.

    A float counts as the shortest decimal that reads back as it, which is how it is written in JSON.
    """
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return Decimal(int(value))
    if isinstance(value, float):
        value = Decimal(repr(float(value)))
    if isinstance(value, Decimal) and value.is_finite():
        return value
    return None


def _count(value: object) -> object:
    if isinstance(value, str) and _COUNT.fullmatch(value):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError("is not a whole number")
    if value > MAX_SAFE_INTEGER:
        raise ValueError(f"must be at most {MAX_SAFE_INTEGER}")
    return value


Exact = Annotated[Decimal, BeforeValidator(exact)]
"""A field that is read by `exact`."""

Count = Annotated[int, BeforeValidator(_count)]
"""A field that is a whole number, or its digits as text (as YAML is read)."""


def same(left: Any, right: object) -> bool:
    """Whether a value that a workflow names is the value an argument has.

    Numbers are compared as numbers, so `"5.00"` and 5 are the same for a numeric argument; text is compared
    character by character; true is never 1.
    """
    if left is None or right is None:
        return left is right
    if isinstance(left, bool) or isinstance(right, bool):
        return isinstance(left, bool) and isinstance(right, bool) and left == right
    if isinstance(left, tuple):
        if not isinstance(right, list | tuple) or len(left) != len(right):
            return False
        return all(same(one, other) for one, other in zip(left, right, strict=True))
    number = measured(right)
    if number is None:
        return isinstance(left, str) and isinstance(right, str) and left == right
    if isinstance(left, str):
        if not _SPELLING.fullmatch(left):
            return False
        left = Decimal(left)
    return bool(left == number)
