package licet.library_test

import data.licet.library.arguments
import data.licet.library.budgets
import data.licet.library.history
import data.licet.library.roles
import data.licet.library.separation
import data.licet.library.time_windows

# The input on which every example in the library's metadata holds.
sample := {
	"principal": {"subject": "u-1", "tenant": "acme", "roles": ["support"], "attributes": {"region": "eu"}},
	"agent": {"id": "desk", "model": null},
	"workflow": {"name": "desk", "version": "1", "owner": "pay@acme.example", "risk": "low", "mode": "act"},
	"tool": {
		"name": "refund", "version": "1", "effect": "irreversible", "idempotent": false,
		"contract_hash": "ab", "tags": ["money"], "source": "python",
	},
	"allowance": {"listed": true, "within": true, "unattended": false},
	"call": {
		"args": {
			"order_id": "O-1234", "amount": 12.5, "to": ["ann@acme.example", "bob@eu.partner.example"],
			"cc": null, "page": "https://docs.acme.example/refunds?page=2", "file": "/srv/reports/2026/march.md",
		},
		"reason": "asked",
		"digest": "cd",
		"provenance": {
			"/order_id": {"role": "target", "kind": "order_id", "labels": ["user"], "sources": []},
			"/amount": {"role": "amount", "kind": null, "labels": [], "sources": []},
			"/to/0": {"role": "target", "kind": "email", "labels": ["user"], "sources": []},
			"/to/1": {"role": "target", "kind": "email", "labels": ["external"], "sources": []},
			"/cc": {"role": "target", "kind": "email", "labels": [], "sources": []},
			"/page": {"role": "target", "kind": "url", "labels": [], "sources": []},
			"/file": {"role": "target", "kind": null, "labels": [], "sources": []},
		},
	},
	"run": {
		"id": "r-1", "step": 1, "counts": {"read_order": {"executed": 1, "denied": 2}},
		"calls": [
			{"tool": "read_order", "effect": "read", "outcome": "denied", "labels": []},
			{"tool": "read_order", "effect": "read", "outcome": "denied", "labels": []},
			{"tool": "read_order", "effect": "read", "outcome": "executed", "labels": []},
		],
		"labels": [], "spent": {"usd": 0.75, "tokens": 812, "calls": 1},
		"remaining": {"usd": 0.25, "tokens": 9188, "calls": 19}, "approvals": 0,
	},
	"context": {
		"time": "2026-01-02T03:04:05.000006Z", "environment": {}, "tenant_data": {},
		"resource": {"created_by": "u-2", "owner": "local:u-1", "reviewers": ["u-2", "u-3"]},
	},
}

nonsense := [
	null, true, 0, 1.5, 100000000000000000000000, "", "a)|(b", [], [null], ["x"], {}, {"kind": 1}, {"from": 9}, set(), {"x"},
]

broken := [
	sample, {}, {"call": null, "principal": 1, "run": [], "context": "x"},
	{"call": {"args": ["x"], "provenance": []}, "principal": {"roles": {"support": 1}}},
	{"run": {"remaining": "none", "counts": 3, "calls": null}, "context": {"resource": null}},
]

# Each answer of each rule, to whatever it is asked.
answers(one, two) := [
	arguments.given(one), arguments.only(one), arguments.count_at_most(one, two), arguments.at_most(one, two),
	arguments.at_least(one, two), arguments.one_of(one, two), arguments.matches(one, two),
	arguments.length_at_most(one, two), arguments.email_domain_in(one, two), arguments.url_in(one, two),
	arguments.path_under(one, two), budgets.left_usd_at_least(one), budgets.left_tokens_at_least(one),
	budgets.left_calls_at_least(one), budgets.used_usd_below(one), budgets.used_tokens_below(one),
	budgets.used_calls_below(one), budgets.usd_limited, budgets.tokens_limited, history.calls_below(one, two),
	history.effects_below(one), history.has_not_called(one), roles.has(one), roles.has_any(one), roles.has_all(one),
	roles.has_none(one), roles.attribute_in(one, two), separation.another_person(one),
	separation.at_most_one_of(one), time_windows.open(one, two), time_windows.open_in_any(one, two),
]

test_every_rule_answers_whatever_it_is_asked if {
	every document in broken {
		every place, one in nonsense {
			said := answers(one, nonsense[(place * 7) % 15]) with input as document
			every answer in said { is_boolean(answer) }
			is_array(arguments.values(one)) with input as document
			count(separation.requester_may_not_approve(one)) == 1 with input as document
		}
	}
}

test_an_input_that_is_empty_shows_nothing if {
	every one in nonsense {
		said := answers(one, one) with input as {}
		every answer in said { answer == false }
	}
}
