"""Numbers in a policy set's data that nobody here can hold, and where they stand."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from math import isfinite
from typing import Any

_LONGEST_EXPONENT = 20
"""Characters. What is written with more is beyond what any reader of numbers knows."""


def beyond_float(number: str) -> bool:
    """Whether it is larger than any 64-bit float, so that JSON readers refuse it."""
    return not isfinite(float(number))


def unreadable(number: str) -> bool:
    """Whether it has an exponent of more digits than those that read numbers exactly take."""
    return len(number.lower().partition("e")[2]) > _LONGEST_EXPONENT


def place_of(document: bytes, refused: Callable[[str], bool]) -> str | None:
    """Where the first number stands that is refused, such as `limits.most`; None where there is none, or no JSON."""

    def read(number: str) -> Any:
        return _Refused() if refused(number) else None

    try:
        return next(_places(json.loads(document, parse_float=read, parse_int=read), ""), None)
    except (ValueError, RecursionError):
        return None


class _Refused:
    """Stands for a number that is refused."""


def _places(value: Any, path: str) -> Iterator[str]:
    if isinstance(value, _Refused):
        yield path or "the whole document"
    elif isinstance(value, dict):
        for name, item in value.items():
            yield from _places(item, f"{path}.{name}" if path else name)
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from _places(item, f"{path}[{number}]")
