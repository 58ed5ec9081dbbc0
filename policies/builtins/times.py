"""`time.*` without the clock. Named zones are those of the `tzdata` package, never of the machine."""

from __future__ import annotations

import calendar
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from importlib import resources
from zoneinfo import ZoneInfo

from licet.policies.builtins.durations import parse_duration_ns
from licet.policies.builtins.layouts import (
    DAYS,
    NAMED,
    RFC3339,
    RFC3339_NANO,
    Moment,
    formatted,
    parsed,
)
from licet.policies.builtins.numbers import big_float
from licet.policies.builtins.values import Builtin, Number, Stop, Undefined, Value, int64, text

_SECOND = 10**9
_LEAST, _MOST = -(2**63), 2**63 - 1
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_DAY = date(1970, 1, 1).toordinal()
_MOST_YEARS = 10**9
_LONGEST_LAYOUT = 10_000


@dataclass(frozen=True, slots=True)
class _Time:
    nanoseconds: int
    zone: ZoneInfo | None
    layout: str = ""

    def moment(self) -> Moment:
        seconds, nanosecond = divmod(self.nanoseconds, _SECOND)
        name, offset = _name_and_offset(self.zone, seconds)
        local = _EPOCH + timedelta(seconds=seconds + offset)
        return Moment(
            local.year,
            local.month,
            local.day,
            local.timetuple().tm_yday,
            local.weekday(),
            local.hour,
            local.minute,
            local.second,
            nanosecond,
            name,
            offset,
        )


def _name_and_offset(zone: ZoneInfo | None, seconds: int) -> tuple[str, int]:
    if zone is None:
        return "UTC", 0
    local = (_EPOCH + timedelta(seconds=seconds)).astimezone(zone)
    offset = local.utcoffset()
    assert offset is not None
    return local.tzname() or "", offset // timedelta(seconds=1)


@lru_cache(maxsize=128)
def _zone(name: str) -> ZoneInfo | None:
    """The zone of that name, or None for UTC.

    Raises:
        Undefined: there is none.
        Stop: it depends on the machine.
    """
    if name in ("", "UTC"):
        return None
    if name == "Local":
        raise Stop("the zone Local is another on each machine; name the zone")
    if ".." in name or name[0] in "/\\" or name[-1] == "/":
        raise Undefined
    try:
        with resources.files("tzdata").joinpath("zoneinfo", *name.split("/")).open("rb") as file:
            return ZoneInfo.from_file(file, key=name)
    except (OSError, ValueError):
        raise Undefined from None


def _layout(written: str) -> str:
    if len(written) > _LONGEST_LAYOUT:
        raise Stop(f"a layout of more than {_LONGEST_LAYOUT} characters")
    return written


def _time(value: Value) -> _Time:
    parts = list(value) if isinstance(value, tuple) else [value]
    if not parts or type(parts[0]) is not Number:
        raise Undefined
    zone = _zone(text(parts[1])) if len(parts) > 1 else None
    layout = _layout(text(parts[2])) if len(parts) > 2 else ""
    nanoseconds = big_float(parts[0].text)
    if nanoseconds.denominator != 1 or not _LEAST <= nanoseconds <= _MOST:
        raise Undefined
    return _Time(int(nanoseconds), zone, layout)


def _safe(nanoseconds: int) -> Number:
    if not _LEAST <= nanoseconds <= _MOST:
        raise Undefined
    return Number(nanoseconds)


def _bytes(value: str) -> str:
    return value.encode().decode("latin-1")


def time_format(value: Value) -> Value:
    """`time.format(x)`: of ns, [ns, zone] or [ns, zone, layout]."""
    time = _time(value)
    layout = _bytes(NAMED.get(time.layout, time.layout) or RFC3339_NANO)
    return formatted(time.moment(), layout).encode("latin-1").decode()


def time_date(value: Value) -> Value:
    """`time.date(ns)`: [year, month, day]."""
    at = _time(value).moment()
    return (Number(at.year), Number(at.month), Number(at.day))


def clock(value: Value) -> Value:
    """`time.clock(ns)`: [hour, minute, second]."""
    at = _time(value).moment()
    return (Number(at.hour), Number(at.minute), Number(at.second))


def weekday(value: Value) -> Value:
    """`time.weekday(ns)`."""
    return DAYS[_time(value).moment().weekday]


def add_date(value: Value, years: Value, months: Value, days: Value) -> Value:
    """`time.add_date(ns, years, months, days)`: on the wall clock of the zone, as Go's `Time.AddDate`."""
    time = _time(value)
    by = [int64(amount) for amount in (years, months, days)]
    if any(abs(amount) > _MOST_YEARS for amount in by):
        raise Stop("time.add_date by more than a billion")
    at = time.moment()
    wall = _days(at.year + by[0], at.month + by[1], at.day + by[2]) * 86_400
    wall += at.hour * 3600 + at.minute * 60 + at.second
    if abs(wall) > _MOST // _SECOND + 2 * 86_400:
        raise Undefined
    # As Go does it: the offset as if the wall clock were UTC leads to the one that counts.
    _, offset = _name_and_offset(time.zone, wall)
    if offset:
        _, offset = _name_and_offset(time.zone, wall - offset)
    return _safe((wall - offset) * _SECOND + at.nanosecond)


def _days(year: int, month: int, day: int) -> int:
    """Days from 1970-01-01 to a date whose month and day may lie beyond their range."""
    year, month = year + (month - 1) // 12, (month - 1) % 12 + 1
    cycles, year = divmod(year - 1, 400)
    return date(year + 1, month, 1).toordinal() - _EPOCH_DAY + cycles * 146_097 + day - 1


def diff(one: Value, other: Value) -> Value:
    """`time.diff(ns1, ns2)`: [years, months, days, hours, minutes, seconds]."""
    first, second = _time(one), _time(other)
    start, end = (
        _Time(nanoseconds, first.zone).moment()
        for nanoseconds in sorted((first.nanoseconds, second.nanoseconds))
    )
    year, month, day = end.year - start.year, end.month - start.month, end.day - start.day
    hour, minute, seconds = end.hour - start.hour, end.minute - start.minute, end.second - start.second
    if seconds < 0:
        seconds, minute = seconds + 60, minute - 1
    if minute < 0:
        minute, hour = minute + 60, hour - 1
    if hour < 0:
        hour, day = hour + 24, day - 1
    if day < 0:
        day, month = day + calendar.monthrange(start.year, start.month)[1], month - 1
    if month < 0:
        month, year = month + 12, year - 1
    return tuple(Number(part) for part in (year, month, day, hour, minute, seconds))


def parse_ns(layout: Value, value: Value) -> Value:
    """`time.parse_ns(layout, value)`."""
    form, source = _layout(text(layout)), text(value)
    return _parse(_bytes(NAMED.get(form, form)), _bytes(source))


def parse_rfc3339_ns(value: Value) -> Value:
    """`time.parse_rfc3339_ns(value)`."""
    return _parse(RFC3339, _bytes(text(value)))


def _parse(layout: str, source: str) -> Number:
    found = parsed(source, layout)
    hour = found.hour
    if found.half == "PM" and hour < 12:
        hour += 12
    elif found.half == "AM" and hour == 12:
        hour = 0
    month, day = found.month, found.day
    if found.year_day >= 0:
        month, day = _of_year_day(found.year, found.year_day)
        if (found.month >= 0 and found.month != month) or (found.day >= 0 and found.day != day):
            raise Undefined
    month, day = 1 if month < 0 else month, 1 if day < 0 else day
    if not 1 <= day <= _days(found.year, month + 1, 1) - _days(found.year, month, 1):
        raise Undefined
    seconds = _days(found.year, month, day) * 86_400 + hour * 3600 + found.minute * 60 + found.second
    # To Go an offset of -1 second is none. GMT+3 names a zone to it, and is not taken off.
    if not found.utc and found.offset is not None and found.offset != -1:
        seconds -= found.offset
    return _safe(seconds * _SECOND + found.nanosecond)


def _of_year_day(year: int, year_day: int) -> tuple[int, int]:
    length = _days(year + 1, 1, 1) - _days(year, 1, 1)
    if not 1 <= year_day <= length:
        raise Undefined
    month = 12
    while _days(year, month, 1) - _days(year, 1, 1) >= year_day:
        month -= 1
    return month, year_day - (_days(year, month, 1) - _days(year, 1, 1))


BUILTINS: dict[str, Builtin] = {
    "time.add_date": add_date,
    "time.clock": clock,
    "time.date": time_date,
    "time.diff": diff,
    "time.format": time_format,
    "time.parse_duration_ns": parse_duration_ns,
    "time.parse_ns": parse_ns,
    "time.parse_rfc3339_ns": parse_rfc3339_ns,
    "time.weekday": weekday,
}
"""What this file gives, by name."""
