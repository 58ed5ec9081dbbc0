package licet.library.run_so_far_test

import data.licet.library.budgets
import data.licet.library.history

used(spent, remaining) := {"run": {
	"spent": {"usd": spent, "tokens": spent, "calls": spent},
	"remaining": {"usd": remaining, "tokens": remaining, "calls": remaining},
}}

test_what_is_left_is_compared_exactly if {
	every enough in [0, 0.1, -5] {
		budgets.left_usd_at_least(enough) with input as used(0.2, 0.1)
		budgets.left_tokens_at_least(enough) with input as used(0.2, 0.1)
		budgets.left_calls_at_least(enough) with input as used(0.2, 0.1)
	}
	not budgets.left_usd_at_least(0.10000000000000000001) with input as used(0.2, 0.1)
}

test_without_a_limit_nothing_runs_out if {
	budgets.left_usd_at_least(1000000) with input as used(5, null)
	budgets.used_usd_below(1) with input as used(5, null)
	not budgets.usd_limited with input as used(5, null)
	not budgets.tokens_limited with input as used(5, null)
	budgets.usd_limited with input as used(5, 0)
}

test_a_share_is_told_to_the_cent if {
	budgets.used_usd_below(80) with input as used(0.79, 0.21)
	not budgets.used_usd_below(80) with input as used(0.8, 0.2)
	not budgets.used_usd_below(80) with input as used(0.1, 0.025)
	budgets.used_tokens_below(80) with input as used(799999, 200001)
	not budgets.used_calls_below(80) with input as used(16, 4)
	budgets.used_calls_below(80.5) with input as used(16, 4)
	budgets.used_usd_below(100) with input as used(1, 0.01)
	not budgets.used_usd_below(100) with input as used(1, 0)
}

test_a_limit_of_nothing_and_one_that_was_overrun_are_used_up if {
	not budgets.used_usd_below(100) with input as used(0, 0)
	not budgets.used_usd_below(100) with input as used(3, -1)
	not budgets.left_usd_at_least(0) with input as used(3, -1)
}

test_a_share_that_is_none_shows_nothing if {
	every percent in [0, -1, 101, "80", null, [80]] {
		not budgets.used_usd_below(percent) with input as used(0, 100)
		not budgets.used_usd_below(percent) with input as used(0, null)
	}
}

ran(counts, calls, started) := {"run": {
	"counts": counts,
	"calls": [{"tool": tool, "effect": effect, "outcome": outcome, "labels": []} | some [tool, effect, outcome] in calls],
	"spent": {"usd": 0, "tokens": 0, "calls": started},
}}

noted(started) := ran(
	{"note": {"executed": 1, "failed": 1, "denied": 4, "withheld": 2}, "look": {"executed": 1}},
	[
		["note", "write", "executed"], ["note", "write", "failed"], ["look", "read", "executed"],
		["note", "write", "denied"], ["note", "write", "denied"], ["note", "write", "denied"], ["note", "write", "denied"],
		["note", "write", "withheld"], ["note", "write", "withheld"],
	],
	started,
)

test_what_was_started_counts_and_what_was_denied_does_not if {
	history.calls_below("note", 3) with input as noted(3)
	not history.calls_below("note", 2) with input as noted(3)
	history.calls_below("look", 2) with input as noted(3)
	history.calls_below("other", 1) with input as noted(3)
	history.effects_below(3) with input as noted(3)
	not history.effects_below(2) with input as noted(3)
	history.has_not_called(["other"]) with input as noted(3)
	not history.has_not_called(["other", "note"]) with input as noted(3)
}

test_what_is_under_way_counts_for_every_tool if {
	not history.calls_below("other", 2) with input as noted(5)
	history.calls_below("other", 3) with input as noted(5)
	history.effects_below(5) with input as noted(5)
	not history.effects_below(4) with input as noted(5)
	not history.has_not_called(["other"]) with input as noted(5)
}

test_a_call_in_doubt_counts_once if {
	doubt := ran({"pay": {"in_doubt": 1}}, [["pay", "irreversible", "in_doubt"]], 1)
	not history.calls_below("pay", 1) with input as doubt
	history.calls_below("pay", 2) with input as doubt
	not history.effects_below(1) with input as doubt
	history.effects_below(2) with input as doubt
	not history.has_not_called(["pay"]) with input as doubt
	settled := ran(
		{"pay": {"in_doubt": 1, "executed": 1}},
		[["pay", "irreversible", "in_doubt"], ["pay", "irreversible", "executed"]], 1,
	)
	not history.calls_below("pay", 1) with input as settled
	history.calls_below("pay", 2) with input as settled
	not history.effects_below(1) with input as settled
}

test_what_the_input_no_longer_tells_counts_as_an_effect if {
	long := ran({"look": {"executed": 60}}, [["look", "read", "executed"] | some _ in numbers.range(1, 50)], 60)
	history.effects_below(11) with input as long
	not history.effects_below(10) with input as long
}
