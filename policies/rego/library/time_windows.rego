# METADATA
# title: When something may happen
# description: |
#   A window is an object. `from` and `to` are times of the day, such as "09:00" and "17:30"; `to` is the first minute
#   that is outside, and "24:00" is midnight. Where `to` is before `from`, the window ends on the next day. `days` are
#   those on which it opens, of mon, tue, wed, thu, fri, sat, sun; every day when it is left out. `except` are dates on
#   which it is closed, "2026-12-24" or "2026-12-24/2027-01-06", both ends included. `zone` is a name of the IANA
#   database, such as "Europe/Berlin", an offset such as "+01:00", or UTC, which it is when it is left out. A window that
#   has anything else, or is malformed, is never open.
package licet.library.time_windows

# METADATA
# title: The window is open
# description: The time, as input.context.time gives it, lies in this window.
# scope: document
# custom:
#   examples:
#   - 'time_windows.open({"from": "09:00", "to": "17:00"}, "2026-03-02T09:00:00Z")'
#   - 'not time_windows.open({"from": "09:00", "to": "17:00"}, "2026-03-02T17:00:00Z")'
#   - 'time_windows.open({"from": "22:00", "to": "06:00", "days": ["fri"]}, "2026-03-07T05:59:00Z")'
#   - 'time_windows.open({"from": "09:00", "to": "17:00", "zone": "Europe/Berlin"}, "2026-07-01T07:00:00Z")'
#   - 'not time_windows.open({"from": "09:00", "to": "17:00", "freeze": []}, "2026-03-02T09:00:00Z")'
default open(_, _) := false

open(window, moment) if {
	_well_formed(window)
	now := _local(moment, object.get(window, "zone", "UTC"))
	since := _minute(window.from)
	until := _minute(window.to)
	_hit(since, until, now)
	opened := _opened(since, until, now)
	_weekdays[(opened + 4) % 7] in object.get(window, "days", _weekdays)
	every closed in object.get(window, "except", []) {
		_outside(closed, opened)
		_outside(closed, now.day)
	}
}

# METADATA
# title: One of several windows is open
# description: The time lies in at least one of these windows, an array or a set.
# scope: document
# custom:
#   examples:
#   - 'time_windows.open_in_any([{"from": "08:00", "to": "12:00"}, {"from": "13:00", "to": "17:00"}], "2026-03-02T14:00:00Z")'
#   - 'not time_windows.open_in_any([], "2026-03-02T14:00:00Z")'
default open_in_any(_, _) := false

open_in_any(windows, moment) if {
	some window in windows
	open(window, moment)
}

# METADATA
# title: The days of the week
# description: From Sunday on.
_weekdays := ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]

# METADATA
# title: A window as it should be
# description: Nothing in it that is not known, for what is misspelled would not be heeded.
_well_formed(window) if {
	object.keys(window) - {"from", "to", "days", "except", "zone"} == set()
	days := object.get(window, "days", ["mon"])
	is_array(days)
	every day in days { day in _weekdays }
	is_array(object.get(window, "except", []))
}

# METADATA
# title: The minute is in the window
# description: Of a day, or across midnight.
# scope: document
_hit(since, until, now) if {
	since < until
	now.minute >= since
	now.minute < until
}

_hit(since, until, now) if {
	since > until
	now.minute >= since
}

_hit(since, until, now) if {
	since > until
	now.minute < until
}

# METADATA
# title: The day on which the window opened
# description: The one before, when it is past midnight in a window that began then.
# scope: document
_opened(since, until, now) := now.day - 1 if {
	since > until
	now.minute < until
} else := now.day

# METADATA
# title: A date lies outside
# description: Of one date, or of all between two.
# scope: document
_outside(closed, day) if {
	not contains(closed, "/")
	day != _date(closed)
}

_outside(closed, day) if {
	[first, last] := split(closed, "/")
	_date(first) <= _date(last)
	day < _date(first)
}

_outside(closed, day) if {
	[first, last] := split(closed, "/")
	_date(first) <= _date(last)
	day > _date(last)
}

# METADATA
# title: Where a moment falls in a zone
# description: The day, counted from 1970-01-01, and the minute of that day, as the clock on the wall has it.
# scope: document
_local(moment, zone) := {"day": _over(shifted, 1440), "minute": shifted % 1440} if {
	shifted := _minutes(moment) + _offset(zone)
	shifted >= 0
}

_local(moment, zone) := {"day": _day(year, month, date), "minute": (hour * 60) + minute} if {
	regex.match(`^[A-Z][A-Za-z_]+(?:/[A-Z][A-Za-z0-9_+-]+)+$`, zone)
	_minutes(moment) >= 0
	instant := time.parse_rfc3339_ns(moment)
	[year, month, date] := time.date([instant, zone])
	[hour, minute, _] := time.clock([instant, zone])
}

# METADATA
# title: A moment in minutes
# description: Since 1970-01-01 in UTC, seconds left out.
_minutes(moment) := (_date(date) * 1440) + minute if {
	[[_, date, clock]] := regex.find_all_string_submatch_n(
		`^(\d{4}-\d{2}-\d{2})T(\d{2}:\d{2}):[0-5]\d(?:\.\d+)?Z$`,
		moment, 1,
	)
	minute := _minute(clock)
	minute < 1440
}

# METADATA
# title: Minutes east of UTC
# description: Of a zone.
# scope: document
_offset(zone) := 0 if zone == "UTC"

_offset(zone) := minutes if {
	regex.match(`^[+-]\d{2}:\d{2}$`, zone)
	minutes := {"+": 1, "-": -1}[substring(zone, 0, 1)] * _minute(substring(zone, 1, -1))
	abs(minutes) < 1440
}

# METADATA
# title: A time of the day in minutes
# description: From 00:00 to 24:00.
_minute(text) := minutes if {
	regex.match(`^(?:[01]\d|2[0-3]):[0-5]\d$|^24:00$`, text)
	minutes := (to_number(_plain(substring(text, 0, 2))) * 60) + to_number(_plain(substring(text, 3, 2)))
}

# METADATA
# title: A date as a day
# description: Counted from 1970-01-01.
_date(text) := day if {
	regex.match(`^\d{4}-\d{2}-\d{2}$`, text)
	[year, month, date] := [to_number(_plain(part)) | some part in split(text, "-")]
	date >= 1
	date <= _days_of(year, month)
	day := _day(year, month, date)
}

# METADATA
# title: A date in numbers as a day
# description: |
#   In the Gregorian calendar, in which a year here begins with March, so that the day that a leap year has more is its
#   last one.
_day(year, month, date) := day if {
	years := year - {true: 1, false: 0}[month <= 2]
	months := (month + 9) % 12
	leaps := (_over(years, 4) - _over(years, 100)) + _over(years, 400)
	day := (((((years * 365) + leaps) + _over((months * 153) + 2, 5)) + date) - 1) - 719468
}

# METADATA
# title: How many days a month has
# description: In this year.
# scope: document
_days_of(year, month) := [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month - 1] if {
	not _leap_february(year, month)
}

_days_of(year, month) := 29 if _leap_february(year, month)

# METADATA
# title: A February of 29 days
# description: Of a year that four divides, and of a century only when 400 does.
# scope: document
_leap_february(year, month) if {
	month == 2
	year % 4 == 0
	year % 100 != 0
}

_leap_february(year, month) if {
	month == 2
	year % 400 == 0
}

# METADATA
# title: How often a number goes into another
# description: In whole numbers, which every engine divides alike.
_over(number, divisor) := (number - (number % divisor)) / divisor

# METADATA
# title: Digits without zeros before them
# description: As a number is written.
# scope: document
_plain(digits) := "0" if trim_left(digits, "0") == ""

_plain(digits) := trim_left(digits, "0") if trim_left(digits, "0") != ""
