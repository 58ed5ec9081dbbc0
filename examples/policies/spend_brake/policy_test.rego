package spend_brake_test

import data.licet.user.spend_brake

used(usd, of) := {"run": {
	"spent": {"usd": usd, "tokens": 10, "calls": 1},
	"remaining": {"usd": of - usd, "tokens": null, "calls": 5},
}}

test_asks_at_eighty_percent if {
	spend_brake.approval == set() with input as used(0.79, 1)
	count(spend_brake.approval) == 1 with input as used(0.80, 1)
	spend_brake.deny == set() with input as used(0.80, 1)
}

test_stops_at_ninety_five if {
	spend_brake.deny == set() with input as used(0.94, 1)
	count(spend_brake.deny) == 1 with input as used(0.95, 1)
}

test_tokens_count_too if {
	tokens := {"run": {
		"spent": {"usd": 0, "tokens": 900, "calls": 1},
		"remaining": {"usd": null, "tokens": 100, "calls": 5},
	}}
	count(spend_brake.approval) == 1 with input as tokens
}

test_a_run_without_limits if {
	free := {"run": {"spent": {"usd": 9, "tokens": 9, "calls": 9}, "remaining": {"usd": null, "tokens": null, "calls": 1}}}
	spend_brake.approval == set() with input as free
	spend_brake.deny == set() with input as free
}

test_what_cannot_be_told_is_stopped if {
	count(spend_brake.deny) == 1 with input as {"run": {}}
	count(spend_brake.approval) == 1 with input as {}
}

test_without_data_it_asks_from_the_first_cent if {
	count(spend_brake.approval) == 1 with input as used(0.01, 1) with data.spend_brake as {}
	count(spend_brake.deny) == 1 with input as used(0.01, 1) with data.spend_brake as {}
}
