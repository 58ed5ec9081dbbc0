package licet.library.time_windows_test

import data.licet.library.time_windows

office := {"days": ["mon", "tue", "wed", "thu", "fri"], "from": "09:00", "to": "17:30"}

# 2026-03-02 is a Monday.
at_office := {
	"2026-03-02T09:00:00Z": true,
	"2026-03-02T09:00:00.000001Z": true,
	"2026-03-02T17:29:59.999999Z": true,
	"2026-03-02T08:59:59.999999Z": false,
	"2026-03-02T17:30:00Z": false,
	"2026-03-06T12:00:00Z": true,
	"2026-03-07T12:00:00Z": false,
	"2026-03-08T12:00:00Z": false,
	"2024-02-29T12:00:00Z": true,
	"2026-02-29T12:00:00Z": false,
	"2026-04-31T12:00:00Z": false,
	"2026-13-02T12:00:00Z": false,
	"2026-00-02T12:00:00Z": false,
	"2026-03-00T12:00:00Z": false,
	"2026-03-02T24:00:00Z": false,
	"2026-03-02T12:60:00Z": false,
	"2026-03-02T12:00:60Z": false,
	"2026-03-02T12:00:00": false,
	"2026-03-02T12:00:00+00:00": false,
	"2026-03-02 12:00:00Z": false,
	"2026-03-02T12:00:00Z\n": false,
	"2026-3-2T12:00:00Z": false,
	"1969-12-31T12:00:00Z": false,
	"monday": false,
	"": false,
}

test_a_window_opens_and_closes_to_the_minute if {
	every time, open in at_office {
		print(time)
		time_windows.open(office, time) == open
	}
}

test_a_window_across_midnight_belongs_to_the_day_on_which_it_opened if {
	night := {"days": ["fri"], "from": "22:00", "to": "06:00"}
	every time, open in {
		"2026-03-06T21:59:00Z": false,
		"2026-03-06T22:00:00Z": true,
		"2026-03-07T05:59:59Z": true,
		"2026-03-07T06:00:00Z": false,
		"2026-03-07T22:00:00Z": false,
		"2026-03-06T05:00:00Z": false,
	} {
		print(time)
		time_windows.open(night, time) == open
	}
}

test_a_whole_day_and_a_window_of_nothing if {
	time_windows.open({"from": "00:00", "to": "24:00"}, "2026-03-07T00:00:00Z")
	time_windows.open({"from": "00:00", "to": "24:00"}, "2026-03-07T23:59:59Z")
	not time_windows.open({"from": "09:00", "to": "09:00"}, "2026-03-07T09:00:00Z")
}

test_a_frozen_day_is_closed if {
	frozen := object.union(office, {"except": ["2026-03-03", "2026-12-21/2027-01-06"]})
	every day, open in {
		"2026-03-02": true,
		"2026-03-03": false,
		"2026-03-04": true,
		"2026-12-18": true,
		"2026-12-21": false,
		"2026-12-31": false,
		"2027-01-06": false,
		"2027-01-07": true,
	} {
		print(day)
		time_windows.open(frozen, concat("", [day, "T12:00:00Z"])) == open
	}
}

test_a_night_ends_where_a_frozen_day_begins if {
	night := {"from": "22:00", "to": "06:00", "except": ["2026-03-07"]}
	time_windows.open(night, "2026-03-06T23:59:00Z")
	not time_windows.open(night, "2026-03-07T00:00:00Z")
	not time_windows.open(night, "2026-03-07T23:00:00Z")
	not time_windows.open(night, "2026-03-08T05:00:00Z")
	time_windows.open(night, "2026-03-08T22:00:00Z")
}

test_a_zone_moves_the_clock_and_the_day if {
	every zone, times in {
		"+01:00": {"2026-03-02T08:00:00Z": true, "2026-03-02T16:30:00Z": false},
		"-08:00": {"2026-03-02T17:00:00Z": true, "2026-03-03T01:29:00Z": true, "2026-03-02T01:00:00Z": false},
		"+05:30": {"2026-03-02T03:30:00Z": true, "2026-03-01T22:30:00Z": false},
		"UTC": {"2026-03-02T09:00:00Z": true},
		"Europe/Berlin": {
			"2026-03-02T08:00:00Z": true, "2026-03-02T16:30:00Z": false,
			"2026-03-27T08:00:00Z": true, "2026-03-27T07:59:59Z": false,
			"2026-03-30T07:00:00Z": true, "2026-03-30T15:30:00Z": false,
		},
		"America/Los_Angeles": {"2026-03-03T01:29:00Z": true, "2026-03-03T01:30:00Z": false, "2026-03-09T16:00:00Z": true},
		"Asia/Kolkata": {"2026-03-02T03:30:00Z": true, "2026-03-01T22:30:00Z": false},
		"Pacific/Kiritimati": {"2026-03-01T19:00:00Z": true, "2026-03-06T19:00:00Z": false},
	} {
		every time, open in times {
			print(zone, time)
			time_windows.open(object.union(office, {"zone": zone}), time) == open
		}
	}
}

test_a_malformed_window_is_never_open if {
	every change in [
		{"from": "9:00"}, {"from": "25:00"}, {"from": 9}, {"from": null}, {"to": "17:60"}, {"to": ""}, {"to": "17:30 "},
		{"days": ["monday"]}, {"days": []}, {"days": "mon"}, {"days": null}, {"except": ["2026-13-01"]},
		{"except": ["2026-02-30"]}, {"except": ["christmas"]}, {"except": [20261224]}, {"except": "2026-12-24"},
		{"except": ["2027-01-06/2026-12-21"]}, {"except": ["2026-12-21/"]}, {"except": ["2026-12-21/2026-12-22/2026-12-23"]},
		{"zone": "Mars/Olympus"}, {"zone": "Local"}, {"zone": "CET"}, {"zone": "europe/berlin"},
		{"zone": "../Europe/Berlin"}, {"zone": "utc"}, {"zone": ""}, {"zone": null}, {"zone": "+1:00"}, {"zone": "+24:00"},
		{"zone": "+01:60"}, {"freeze": ["2026-12-24"]}, {"Days": ["mon"]},
	] {
		print(change)
		not time_windows.open(object.union(office, change), "2026-03-02T12:00:00Z")
	}
	not time_windows.open({"from": "09:00"}, "2026-03-02T12:00:00Z")
	not time_windows.open({"to": "17:00"}, "2026-03-02T12:00:00Z")
	not time_windows.open([], "2026-03-02T12:00:00Z")
}

test_one_open_window_of_several_is_enough if {
	windows := [{"from": "08:00", "to": "09:00"}, {"from": "x"}, office]
	time_windows.open_in_any(windows, "2026-03-02T08:30:00Z")
	time_windows.open_in_any(windows, "2026-03-02T12:00:00Z")
	not time_windows.open_in_any(windows, "2026-03-02T18:00:00Z")
	not time_windows.open_in_any(office, "2026-03-02T12:00:00Z")
}
