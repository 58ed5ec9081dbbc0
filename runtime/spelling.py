"""Whether two JSON values say the same, however their exact decimals are spelled."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Any


def same_values(one: Any, other: Any) -> bool:
    """The same JSON, but for decimals: "60.00", "60" and Decimal(60) are one. Every name must be on both sides."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same_values(one[name], other[name]) for name in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same_values, one, other))
    if isinstance(one, str | Decimal) and isinstance(other, str | Decimal):
        return one == other or _same_amount(one, other)
    return type(one) is type(other) and bool(one == other)


def _same_amount(one: str | Decimal, other: str | Decimal) -> bool:
    try:
        first, second = Decimal(one), Decimal(other)
    except InvalidOperation:
        return False
    return first.is_finite() and first == second
