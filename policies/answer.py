"""Reading JSON around a policy without losing a digit of it."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import Any, NoReturn

import orjson

_MAYBE_INEXACT = re.compile(rb"[0-9.]{16}|[0-9][eE]")
"""Where a number may stand that a float does not hold: up to 15 digits without an exponent it always does."""


def parse(raw: bytes) -> Any:
    """The JSON document `raw`, a policy's answer. A number that no float holds exactly is `int` or `Decimal`.

    Raises:
        ValueError: it is no JSON, or holds an integer of more than 4,300 digits.
        RecursionError: it is nested too deep.
    """
    if _MAYBE_INEXACT.search(raw):
        return json.loads(raw, parse_float=_number, parse_constant=_refuse)
    return orjson.loads(raw)


def check(raw: bytes) -> None:
    """See that `raw`, an input, is one whole JSON document in valid Unicode. Its numbers may be of any size.

    Raises:
        ValueError: it is not.
    """
    try:
        orjson.loads(raw)
    except orjson.JSONDecodeError:
        # orjson refuses a number beyond the range of a float, which is JSON all the same.
        try:
            document = json.loads(raw, parse_float=str, parse_int=str, parse_constant=_refuse)
            json.dumps(document, ensure_ascii=False).encode()
        except RecursionError:
            raise ValueError("nested too deep") from None


def _number(text: str) -> float | Decimal:
    exact, number = Decimal(text), float(text)
    return number if Decimal(repr(number)) == exact else exact


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON")
