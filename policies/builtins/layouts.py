"""Go's time layouts: what `2006-01-02T15:04:05Z07:00` stands for. After Go 1.26's time/format.go.

Layouts and what they format are text of one character for each byte (Latin-1), as Go goes over bytes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from licet.policies.builtins.values import Stop, Undefined

RFC3339_NANO = "2006-01-02T15:04:05.999999999Z07:00"
RFC3339 = "2006-01-02T15:04:05Z07:00"

NAMED = {
    "ANSIC": "Mon Jan _2 15:04:05 2006",
    "UnixDate": "Mon Jan _2 15:04:05 MST 2006",
    "RubyDate": "Mon Jan 02 15:04:05 -0700 2006",
    "RFC822": "02 Jan 06 15:04 MST",
    "RFC822Z": "02 Jan 06 15:04 -0700",
    "RFC850": "Monday, 02-Jan-06 15:04:05 MST",
    "RFC1123": "Mon, 02 Jan 2006 15:04:05 MST",
    "RFC1123Z": "Mon, 02 Jan 2006 15:04:05 -0700",
    "RFC3339": RFC3339,
    "RFC3339Nano": RFC3339_NANO,
}
"""The layouts that OPA knows by name."""

MONTHS = ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October"]
MONTHS += ["November", "December"]
DAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]

_CHUNK = re.compile(
    r"January|Jan(?![a-z])|Monday|Mon(?![a-z])|MST|0[1-6]|002|15|1|2006|2|_(?=2006)|_2|__2|3|4|5|PM|pm"
    r"|-070000|-07:00:00|-0700|-07:00|-07|Z070000|Z07:00:00|Z0700|Z07:00|Z07|[.,](?:0+|9+)(?![0-9])"
)


@dataclass(frozen=True, slots=True)
class Moment:
    """A time in a zone, taken apart.

    Attributes:
        weekday: 0 is Monday.
        zone: what the zone is called then.
        offset: seconds east of UTC.
    """

    year: int
    month: int
    day: int
    year_day: int
    weekday: int
    hour: int
    minute: int
    second: int
    nanosecond: int
    zone: str
    offset: int


def _chunks(layout: str) -> Iterator[tuple[str, str]]:
    """What stands before each chunk, and the chunk; the last one is empty."""
    start = 0
    for match in _CHUNK.finditer(layout):
        if match[0] != "_":  # of `_2006` a plain character
            yield layout[start : match.start()], match[0]
            start = match.end()
    yield layout[start:], ""


def formatted(moment: Moment, layout: str) -> str:
    """A moment by a layout."""
    return "".join(before + _formatted(moment, chunk) for before, chunk in _chunks(layout))


def _formatted(at: Moment, chunk: str) -> str:
    plain = {
        "": "",
        "January": MONTHS[at.month - 1],
        "Jan": MONTHS[at.month - 1][:3],
        "1": f"{at.month}",
        "01": f"{at.month:02}",
        "Monday": DAYS[at.weekday],
        "Mon": DAYS[at.weekday][:3],
        "2": f"{at.day}",
        "_2": f"{at.day:2}",
        "02": f"{at.day:02}",
        "__2": f"{at.year_day:3}",
        "002": f"{at.year_day:03}",
        "15": f"{at.hour:02}",
        "3": f"{at.hour % 12 or 12}",
        "03": f"{at.hour % 12 or 12:02}",
        "4": f"{at.minute}",
        "04": f"{at.minute:02}",
        "5": f"{at.second}",
        "05": f"{at.second:02}",
        "2006": f"{at.year:04}",
        "06": f"{at.year % 100:02}",
        "PM": "PM" if at.hour >= 12 else "AM",
        "pm": "pm" if at.hour >= 12 else "am",
        "MST": at.zone,
    }
    if chunk in plain:
        return plain[chunk]
    return _fraction(at.nanosecond, chunk) if chunk[0] in ".," else _offset(at.offset, chunk)


def _fraction(nanosecond: int, chunk: str) -> str:
    places = len(chunk) - 1
    if chunk[1] == "9" and nanosecond == 0:
        return ""
    shown = chunk[0] + f"{nanosecond:09}"[:places]
    return shown.rstrip("0").removesuffix(chunk[0]) if chunk[1] == "9" else shown


def _offset(offset: int, chunk: str) -> str:
    if chunk[0] == "Z" and offset == 0:
        return "Z"
    # Go drops the seconds before it looks at the sign.
    minutes = abs(offset) // 60
    sign = "-" if offset < 0 and minutes else "+"
    seconds = abs(offset) % 60 if sign == "-" or offset >= 0 else offset % -60
    digits = chunk[1:]
    colon = ":" if ":" in digits else ""
    shown = f"{sign}{minutes // 60:02}"
    if digits != "07":
        shown += f"{colon}{minutes % 60:02}"
    if digits in ("070000", "07:00:00"):
        shown += f"{colon}{seconds:02}"
    return shown


@dataclass(slots=True)
class Parsed:
    """What a text says by a layout. Seconds of the offset are None where it names no zone."""

    year: int = 0
    month: int = -1
    day: int = -1
    year_day: int = -1
    hour: int = 0
    minute: int = 0
    second: int = 0
    nanosecond: int = 0
    offset: int | None = None
    half: str = ""
    utc: bool = False


class _Reader:
    def __init__(self, source: str) -> None:
        self.rest = source

    def take(self, pattern: str) -> re.Match[str]:
        match = re.compile(pattern, re.ASCII | re.IGNORECASE).match(self.rest)
        if match is None:
            raise Undefined
        self.rest = self.rest[match.end() :]
        return match

    def exactly(self, pattern: str) -> re.Match[str]:
        match = re.compile(pattern, re.ASCII).match(self.rest)
        if match is None:
            raise Undefined
        self.rest = self.rest[match.end() :]
        return match

    def number(self, fixed: bool) -> int:
        return int(self.exactly("[0-9]{2}" if fixed else "[0-9]{1,2}")[0])

    def skip(self, prefix: str) -> None:
        while prefix:
            if prefix[0] == " ":
                if self.rest and self.rest[0] != " ":
                    raise Undefined
                prefix, self.rest = prefix.lstrip(" "), self.rest.lstrip(" ")
            elif self.rest[:1] != prefix[0]:
                raise Undefined
            else:
                prefix, self.rest = prefix[1:], self.rest[1:]


def parsed(source: str, layout: str) -> Parsed:
    """What `source` says by a layout.

    Raises:
        Undefined: it is not of that layout.
        Stop: it names a zone by letters that mean another offset on another machine.
    """
    reader, found = _Reader(source), Parsed()
    chunks = list(_chunks(layout))
    for place, (before, chunk) in enumerate(chunks):
        reader.skip(before)
        if chunk:
            following = chunks[place + 1][1] if place + 1 < len(chunks) else ""
            _parse(reader, found, chunk, following)
    if reader.rest:
        raise Undefined
    return found


def _parse(reader: _Reader, found: Parsed, chunk: str, following: str) -> None:
    match chunk:
        case "06":
            year = _go_atoi(reader.exactly(r"[\x00-\xff]{2}")[0])
            found.year = year + (1900 if year >= 69 else 2000)
        case "2006":
            found.year = _go_atoi(reader.exactly(r"(?=[0-9])[\x00-\xff]{4}")[0])
        case "Jan" | "January":
            found.month = _named(reader, MONTHS, chunk == "Jan") + 1
        case "1" | "01":
            found.month = _within(reader.number(chunk == "01"), 1, 12)
        case "Mon" | "Monday":
            _named(reader, DAYS, chunk == "Mon")
        case "2" | "_2" | "02":
            if chunk == "_2":
                reader.exactly(" ?")
            found.day = reader.number(chunk == "02")
        case "__2" | "002":
            if chunk == "__2":
                reader.exactly(" {0,2}")
            found.year_day = int(reader.exactly("[0-9]{3}" if chunk == "002" else "[0-9]{1,3}")[0])
        case "15":
            found.hour = _within(reader.number(False), 0, 23)
        case "3" | "03":
            found.hour = _within(reader.number(chunk == "03"), 0, 12)
        case "4" | "04":
            found.minute = _within(reader.number(chunk == "04"), 0, 59)
        case "5" | "05":
            found.second = _within(reader.number(chunk == "05"), 0, 59)
            if following[:1] not in (".", ","):
                found.nanosecond = _nanoseconds(reader.exactly("(?:[.,]([0-9]+))?")[1], found.nanosecond)
        case "PM" | "pm":
            found.half = reader.exactly("[AP]M" if chunk == "PM" else "[ap]m")[0].upper()
        case "MST":
            _parse_zone(reader, found)
        case _ if chunk[0] in ".,":
            _parse_fraction(reader, found, chunk)
        case _:
            _parse_offset(reader, found, chunk)


def _parse_fraction(reader: _Reader, found: Parsed, chunk: str) -> None:
    if chunk[1] == "0":
        digits = reader.exactly(rf"[.,]([\x00-\xff]{{{len(chunk) - 1}}})")[1]
        # Go reads a sign here, as its atoi does, and of more than nine digits the first nine.
        value = _go_atoi(digits[:9])
        if value < 0:
            raise Undefined
        found.nanosecond = value * 10 ** (9 - len(digits[:9]))
    else:
        found.nanosecond = _nanoseconds(reader.exactly("(?:[.,]([0-9]+))?")[1], found.nanosecond)


def _nanoseconds(digits: str | None, before: int) -> int:
    return before if digits is None else int(digits[:9].ljust(9, "0"))


def _go_atoi(digits: str) -> int:
    if not re.fullmatch("[-+]?[0-9]*", digits, re.ASCII):
        raise Undefined
    return int(digits if digits.strip("-+") else "0")


def _within(value: int, least: int, most: int) -> int:
    if not least <= value <= most:
        raise Undefined
    return value


def _named(reader: _Reader, names: list[str], short: bool) -> int:
    match = reader.take("|".join(f"({name[:3] if short else name})" for name in names))
    assert match.lastindex is not None
    return match.lastindex - 1


def _parse_offset(reader: _Reader, found: Parsed, chunk: str) -> None:
    if chunk[0] == "Z" and reader.rest[:1] == "Z":
        reader.rest = reader.rest[1:]
        found.utc = True
        return
    pattern = re.sub("0[07]", "([0-9]{2})", chunk[1:])
    sign, hours, *parts = reader.exactly(f"([-+]){pattern}").groups()
    minutes, seconds = (*map(int, parts), 0, 0)[:2]
    offset = (_within(int(hours), 0, 24) * 60 + _within(minutes, 0, 60)) * 60 + _within(seconds, 0, 60)
    found.offset = -offset if sign == "-" else offset


_ZONE = re.compile(
    r"ChST|MeST|GMT(?:[-+][0-9]+)?|[-+][0-9]+|[A-Z]{4}T(?![A-Z])|(?:[A-Z]{3}T|WITA)(?![A-Z])|[A-Z]{3}(?![A-Z])",
    re.ASCII,
)


def _parse_zone(reader: _Reader, found: Parsed) -> None:
    if reader.rest.startswith("UTC"):
        reader.rest = reader.rest[3:]
        found.utc = True
        return
    match = _ZONE.match(reader.rest)
    if match is None:
        raise Undefined
    name = match[0]
    if name.startswith("GMT") and name != "GMT" and int(name[4:]) > 23:
        name = "GMT"
    elif name[0] in "+-" and int(name[1:]) > 23:
        raise Undefined
    reader.rest = reader.rest[len(name) :]
    if not name.startswith("GMT"):
        raise Stop(f"what the zone {name} is depends on where OPA runs; give an offset, or UTC")
