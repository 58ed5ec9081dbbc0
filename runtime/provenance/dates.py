"""Days and times: in a person's words, and in an argument."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date
from typing import NamedTuple

_FIRST_HALF = ("january", "february", "march", "april", "may", "june")
_SECOND_HALF = ("july", "august", "september", "october", "november", "december")
_MONTHS = _FIRST_HALF + _SECOND_HALF
_SHORT = {name[:3]: number for number, name in enumerate(_MONTHS, 1)} | {"sept": 9}
_MONTH = "|".join([*_MONTHS, *(rf"{short}\.?" for short in _SHORT)])
_WRITTEN = re.compile(
    r"(?<![\w.-])(?:"
    r"(?P<iso>\d{4}-\d{2}-\d{2})"
    r"|(?P<dots>\d{1,2}\.\d{1,2}\.\d{4})"
    rf"|(?P<m1>{_MONTH})\s+(?P<d1>\d{{1,2}})(?:st|nd|rd|th)?(?:(?:,\s*|\s+)(?P<y1>\d{{4}}))?"
    rf"|(?P<d2>\d{{1,2}})(?:st|nd|rd|th)?\s+(?:of\s+)?(?P<m2>{_MONTH})(?:(?:,\s*|\s+)(?P<y2>\d{{4}}))?"
    rf"|(?P<m3>{_MONTH})\s+(?P<y3>\d{{4}})"
    r")(?![\w-])",
    re.IGNORECASE | re.ASCII,
)
_TIME = re.compile(r"(?<![\w:.-])([01]?\d|2[0-3]):([0-5]\d)(?::[0-5]\d)?(?![\w:])", re.ASCII)
_CLOCK = re.compile(r"(?<![\w:.-])(1[0-2]|0?[1-9])(?::([0-5]\d))?\s?([ap])\.?m\b", re.IGNORECASE | re.ASCII)
_TOGETHER = re.compile(r"\s*(?:to|until|till|through|and|-|\u2013)\s*(?:the\s+)?", re.IGNORECASE)
_RELATIVE = re.compile(
    r"\b(?:today|tonight|tomorrow|yesterday|weekend|(?:next|this|coming) week|"
    r"(?:mon|tues|wednes|thurs|fri|satur|sun)days?)\b",
    re.IGNORECASE,
)
_VALUE = re.compile(
    r"(\d{4}-\d{2}-\d{2})(?:[T ]([01]\d|2[0-3]):([0-5]\d)(?::[0-5]\d(?:\.\d+)?)?(Z|[+-]\d{2}:?\d{2})?)?",
    re.ASCII,
)


class Day(NamedTuple):
    """A day in a person's words; without a year when they gave none."""

    year: int | None
    month: int
    day: int


@dataclass(slots=True)
class Times:
    """What a person's words say of time.

    Attributes:
        spans: where in the text a day or a time stands, so that its numbers count as nothing else.
        said: they name a day, if only as `tomorrow`. English words are known, and no others.
    """

    days: set[Day] = field(default_factory=set)
    clock: set[str] = field(default_factory=set)
    spans: list[tuple[int, int]] = field(default_factory=list)
    said: bool = False


def read_times(text: str) -> Times:
    """The days and times in a text. A day takes its year from the other end of its range: May 1st to May 5th 2024."""
    found = Times(said=_RELATIVE.search(text) is not None)
    before: tuple[Day, int] | None = None
    for match in _WRITTEN.finditer(text):
        found.spans.append(match.span())
        day = _day(match)
        if day is None:
            continue
        found.days.add(day)
        if (
            before is not None
            and before[0].year is None
            and day.year is not None
            and _TOGETHER.fullmatch(text, before[1], match.start())
        ):
            found.days.discard(before[0])
            found.days.add(before[0]._replace(year=day.year))
        before = day, match.end()
    for match in _TIME.finditer(text):
        found.spans.append(match.span())
        found.clock.add(f"{int(match[1]):02}:{match[2]}")
    for match in _CLOCK.finditer(text):
        found.spans.append(match.span())
        hour = int(match[1]) % 12 + (12 if match[3].lower() == "p" else 0)
        found.clock.add(f"{hour:02}:{match[2] or '00'}")
    found.said = found.said or bool(found.days or found.clock)
    return found


def _day(match: re.Match[str]) -> Day | None:
    if match["iso"]:
        year, month, day = (int(part) for part in match["iso"].split("-"))
    elif match["dots"]:
        day, month, year = (int(part) for part in match["dots"].split("."))
    elif match["m3"]:
        return None
    else:
        first = match["m1"] is not None
        name, number, written = ("m1", "d1", "y1") if first else ("m2", "d2", "y2")
        month, day = _SHORT[match[name].lower().rstrip(".")[:3]], int(match[number])
        if match[written] is None:
            return Day(None, month, day) if _is_day(2024, month, day) else None
        year = int(match[written])
    return Day(year, month, day) if _is_day(year, month, day) else None


def _is_day(year: int, month: int, day: int) -> bool:
    try:
        date(year, month, day)
    except ValueError:
        return False
    return True


class Moment(NamedTuple):
    """A date in an argument, with the time of day when it has one, and whether it names a time zone."""

    day: Day
    clock: str | None
    zoned: bool


def read_moment(value: object) -> Moment | None:
    """An ISO 8601 date, or date and time, as a whole value; None: it is none."""
    found = _VALUE.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        return None
    year, month, day = (int(part) for part in found[1].split("-"))
    if not _is_day(year, month, day):
        return None
    clock = None if found[2] is None else f"{found[2]}:{found[3]}"
    return Moment(Day(year, month, day), clock, found[4] is not None)


def said_of(moment: Moment, times: Times) -> str | None:
    """`user`: day and time are the user's; `dated`: the day is, and the time of it or the year is not."""
    if moment.day in times.days:
        exact = not moment.zoned and (moment.clock is None or moment.clock in times.clock)
        return "user" if exact else "dated"
    return "dated" if moment.day._replace(year=None) in times.days else None
