"""Time and identifiers, from one place that a test can hold still."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Protocol

import orjson

from licet.audit.entropy import random_bytes


class Clock(Protocol):
    """Where every time in Licet comes from. It may step back: order is by `seq`, never by time."""

    def now(self) -> datetime:
        """The present moment, in UTC, with microseconds."""
        ...


class SystemClock:
    """The operating system's clock."""

    def now(self) -> datetime:
        """The present moment, in UTC, with microseconds."""
        return datetime.now(UTC)


def timestamp(moment: datetime) -> str:
    """`moment` as RFC 3339 in UTC with six decimals, such as `2026-01-02T03:04:05.000006Z`.

    Raises:
        ValueError: `moment` has no time zone.
    """
    if moment.tzinfo is None:
        raise ValueError("a time in Licet has a time zone; give datetime.now(UTC)")
    if moment.tzinfo is not UTC:
        moment = moment.astimezone(UTC)
    text = orjson.dumps(moment, option=orjson.OPT_UTC_Z).decode()
    return text[1:-1] if moment.microsecond else f"{text[1:-2]}.000000Z"


def parse_timestamp(text: str) -> datetime:
    """The moment that `timestamp` wrote.

    Raises:
        ValueError: `text` is not in that form.
    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None or timestamp(moment) != text:
        raise ValueError("a time is written as 2026-01-02T03:04:05.000006Z")
    return moment


def new_id() -> str:
    """A fresh UUID of version 7 (RFC 9562, section 5.7): its first 48 bits are the time in milliseconds."""
    millis = time.time_ns() // 1_000_000
    digits = f"{millis:012x}{random_bytes(10).hex()}"
    variant = "89ab"[int(digits[16], 16) & 0x3]
    return f"{digits[:8]}-{digits[8:12]}-7{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}"
