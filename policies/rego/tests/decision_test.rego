package licet.decision_test

import data.licet

input_of(effect, changes) := json.patch(
	{
		"principal": {"subject": "u-1", "tenant": "acme", "roles": ["support"], "attributes": {}},
		"agent": {"id": "desk", "model": null},
		"workflow": {"name": "desk", "version": "1", "owner": "pay@acme.example", "risk": "low", "mode": "act"},
		"tool": {
			"name": "refund", "version": "1", "effect": effect, "idempotent": false,
			"contract_hash": "ab", "tags": [], "source": "python",
		},
		"allowance": {"listed": true, "within": true, "unattended": false},
		"call": {"args": {"amount": 12.5}, "reason": "asked", "digest": "cd", "provenance": {}},
		"run": {
			"id": "r-1", "step": 1, "counts": {}, "calls": [], "labels": [],
			"spent": {"usd": 0, "tokens": 0, "calls": 0},
			"remaining": {"usd": null, "tokens": null, "calls": null}, "approvals": 0,
		},
		"context": {"time": "2026-01-02T03:04:05.000006Z", "environment": {}, "tenant_data": {}, "resource": null},
	},
	changes,
)

replaced(path, value) := [{"op": "replace", "path": path, "value": value}]

decided(effect, changes) := answer if {
	answer := licet.decision with input as input_of(effect, changes)
}

composed(effect, packages) := answer if {
	answer := licet.decision with input as input_of(effect, []) with data.licet.user as packages
}

test_a_listed_read_passes if {
	answer := decided("read", [])
	answer.allow
	answer.grants == {"licet.effects.read_allowlisted"}
	answer.approval == null
	answer.deny == set()
}

test_a_write_within_the_narrowings_passes if {
	answer := decided("write", [])
	answer.allow
	answer.grants == {"licet.effects.write_within_narrowings"}
	answer.approval == null
}

test_an_irreversible_call_passes_and_owes_an_approval if {
	answer := decided("irreversible", [])
	answer.allow
	answer.grants == {"licet.effects.irreversible_with_approval"}
	answer.approval.requires == [{"group": "any", "count": 1}]
	answer.approval.expires_in == 86400
	answer.approval.rules == ["licet.effects.irreversible_owes_approval"]
}

test_an_unattended_irreversible_call_owes_nothing if {
	every risk in ["low", "medium"] {
		answer := decided("irreversible", array.concat(
			replaced("/allowance/unattended", true),
			replaced("/workflow/risk", risk),
		))
		answer.allow
		answer.grants == {"licet.effects.irreversible_unattended"}
		answer.approval == null
	}
}

test_high_risk_is_never_unattended if {
	answer := decided("irreversible", array.concat(
		replaced("/allowance/unattended", true),
		replaced("/workflow/risk", "high"),
	))
	answer.allow
	answer.approval.requires == [{"group": "any", "count": 1}]
}

test_outside_the_workflow_nothing_passes if {
	every effect in ["read", "write", "irreversible"] {
		every path in ["/allowance/listed", "/allowance/within"] {
			answer := decided(effect, replaced(path, false))
			not answer.allow
			answer.grants == set()
			some denial in answer.deny
			denial.rule == "licet.effects.outside_workflow"
		}
	}
}

test_every_known_mode_decides_the_same if {
	every mode in ["observe", "suggest", "act"] {
		decided("write", replaced("/workflow/mode", mode)).allow
	}
}

test_an_unknown_mode_grants_nothing if {
	every mode in ["ACT", "", "live"] {
		answer := decided("read", replaced("/workflow/mode", mode))
		not answer.allow
		answer.grants == set()
	}
}

test_an_unknown_effect_grants_nothing_and_owes_an_approval if {
	answer := decided("delete", [])
	not answer.allow
	answer.approval != null
	"licet.effects.unknown_effect" in {denial.rule | some denial in answer.deny}
}

test_no_input_is_denied if {
	answer := licet.decision with input as {}
	not answer.allow
}

test_a_denial_of_the_users_wins if {
	denial := {"rule": "shop.closed", "message": "closed", "visible_to_model": true}
	answer := composed("read", {"shop": {"deny": {denial}}})
	not answer.allow
	answer.deny == {denial}
}

test_a_denial_is_not_shown_to_the_model_unless_it_says_so if {
	answer := composed("read", {"shop": {"deny": {{"rule": "a", "message": "b"}}}})
	answer.deny == {{"rule": "a", "message": "b", "visible_to_model": false}}
}

test_a_grant_of_the_users_lifts_nothing_of_ours if {
	answer := composed("irreversible", {"shop": {"grant": {"shop.anything"}}})
	answer.allow
	"shop.anything" in answer.grants
	answer.approval.rules == ["licet.effects.irreversible_owes_approval"]
}

test_approvals_add_up if {
	first := {
		"rule": "a.two", "requires": [{"group": "finance", "count": 2}, {"group": "any", "count": 3}],
		"expires_in": 3600, "reason": "Money.", "escalate_to": "cfo",
	}
	second := {"rule": "b.one", "requires": {{"group": "finance", "count": 1}}, "expires_in": 7200, "reason": "Again."}
	answer := composed("irreversible", {"a": {"approval": {first}}, "b": {"approval": {second}}})
	answer.allow
	{entry | some entry in answer.approval.requires} == {{"group": "any", "count": 3}, {"group": "finance", "count": 2}}
	answer.approval.expires_in == 3600
	answer.approval.escalate_to == "cfo"
	answer.approval.reason == "Again.; Money.; What this call does cannot be undone."
	answer.approval.rules == ["a.two", "b.one", "licet.effects.irreversible_owes_approval"]
}

test_obligations_are_gathered if {
	answer := composed("read", {"a": {"obligation": {{"notify": "x"}}}, "b": {"obligation": {{"limit": 3}}}})
	answer.allow
	answer.obligations == {{"notify": "x"}, {"limit": 3}}
}

malformed := {
	"a denial that is text": {"deny": {"no"}},
	"a denial without a message": {"deny": {{"rule": "a"}}},
	"a denial with a stranger": {"deny": {{"rule": "a", "message": "b", "visible": true}}},
	"a denial that is a rule": {"deny": false},
	"a denial that is an array": {"deny": []},
	"a grant that is a number": {"grant": {1}},
	"a grant that is true": {"grant": true},
	"an obligation that is text": {"obligation": {"notify"}},
	"obligations in an object": {"obligation": {"a": {}}},
	"an approval without a group": {"approval": {{"rule": "a", "requires": [], "expires_in": 1, "reason": "b"}}},
	"an approval that is true": {"approval": true},
	"a count of none": approval_with({"requires": [{"group": "any", "count": 0}]}),
	"a count of one and a half": approval_with({"requires": [{"group": "any", "count": 1.5}]}),
	"a count in words": approval_with({"requires": [{"group": "any", "count": "one"}]}),
	"a group without a name": approval_with({"requires": [{"group": "", "count": 1}]}),
	"an expiry in words": approval_with({"expires_in": "1d"}),
	"an expiry of nothing": approval_with({"expires_in": 0}),
	"an expiry beyond ten years": approval_with({"expires_in": 315360001}),
	"a place that is a number": approval_with({"escalate_to": 3}),
	"a stranger in an approval": approval_with({"expires": 3}),
}

approval_with(change) := {"approval": {object.union(
	{"rule": "a", "requires": [{"group": "any", "count": 1}], "expires_in": 60, "reason": "b"},
	change,
)}}

test_what_is_malformed_denies if {
	every name, package_ in malformed {
		answer := composed("read", {"shop": package_})
		print(name)
		not answer.allow
		"licet.extensions.malformed" in {denial.rule | some denial in answer.deny}
	}
}
