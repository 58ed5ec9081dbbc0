package change_window_test

import data.licet.user.change_window

deployed(time, roles) := {
	"tool": {"tags": ["production"], "effect": "write"},
	"principal": {"roles": roles},
	"context": {"time": time},
}

test_in_the_window if {
	every time in ["2026-03-02T09:00:00Z", "2026-03-05T14:59:59.999999Z"] {
		change_window.deny == set() with input as deployed(time, [])
		change_window.approval == set() with input as deployed(time, [])
	}
}

test_outside_it if {
	every time in ["2026-03-02T08:59:59Z", "2026-03-02T15:00:00Z", "2026-03-06T12:00:00Z", "2026-03-07T12:00:00Z", "soon"] {
		count(change_window.deny) == 1 with input as deployed(time, ["developer"])
	}
}

test_on_a_frozen_day if {
	count(change_window.deny) == 1 with input as deployed("2026-12-23T12:00:00Z", [])
}

test_in_an_incident if {
	change_window.deny == set() with input as deployed("2026-03-07T12:00:00Z", ["incident_commander"])
	[owed] := [owed | some owed in change_window.approval] with input as deployed("2026-03-07T12:00:00Z", ["incident_commander"])
	owed.requires == [{"group": "on_call", "count": 2}]
}

test_looking_is_always_allowed if {
	looked := object.union(deployed("2026-03-07T12:00:00Z", []), {"tool": {"effect": "read"}})
	change_window.deny == set() with input as looked
	change_window.approval == set() with input as looked
}

test_without_data_the_window_is_closed if {
	count(change_window.deny) == 1 with input as deployed("2026-03-02T12:00:00Z", []) with data.change_window as {}
}
