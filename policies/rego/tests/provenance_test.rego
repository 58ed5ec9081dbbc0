package licet.provenance_test

import data.licet

leaf(role, kind, labels) := {"role": role, "kind": kind, "labels": labels, "sources": []}

input_of(effect, values, changes) := json.patch(
	{
		"principal": {"subject": "u-1", "tenant": "acme", "roles": [], "attributes": {}},
		"agent": {"id": "desk", "model": null},
		"workflow": {
			"name": "desk", "version": "1", "owner": "pay@acme.example",
			"risk": "medium", "mode": "act", "content": "strict",
		},
		"tool": {
			"name": "send", "version": "1", "effect": effect, "idempotent": false,
			"contract_hash": "ab", "tags": [], "source": "python",
		},
		"allowance": {"listed": true, "within": true, "unattended": false, "vouched": true},
		"call": {"args": {}, "reason": "asked", "digest": "cd", "provenance": values},
		"run": {
			"id": "r-1", "step": 1, "counts": {}, "calls": [], "labels": ["read_external"],
			"spent": {"usd": 0, "tokens": 0, "calls": 0},
			"remaining": {"usd": null, "tokens": null, "calls": null}, "approvals": 0,
		},
		"context": {"time": "2026-01-02T03:04:05.000006Z", "environment": {}, "tenant_data": {}, "resource": null},
	},
	changes,
)

replaced(path, value) := [{"op": "replace", "path": path, "value": value}]

standard := replaced("/workflow/content", "standard")

decided(effect, values, changes) := answer if {
	answer := licet.decision with input as input_of(effect, values, changes)
}

# It passes with nobody asked.
passes(effect, values, changes) if {
	answer := decided(effect, values, changes)
	answer.allow
	answer.approval == null
}

# It passes once a person approved, by this rule at least.
asks(effect, values, changes, rule) if {
	answer := decided(effect, values, changes)
	answer.allow
	some owed in answer.approval.rules
	owed == rule
}

unvouched := "licet.provenance.unvouched_owes_approval"

alone(role, kind, labels) := {"/a": leaf(role, kind, labels)}

mail(to, body) := {"/to": leaf("target", "email", to), "/body": leaf("content", null, body)}

paid(role, labels) := {"/to": leaf("target", "iban", ["user"]), "/a": leaf(role, null, labels)}

shared(labels) := {"/file": leaf("target", "file", labels), "/email": leaf("target", "email", ["user"])}

test_a_vouched_irreversible_call_passes_when_the_owner_lets_such_calls_pass if {
	passes("irreversible", mail(["user"], ["words"]), [])
	answer := decided("irreversible", mail(["user"], ["words"]), [])
	answer.grants == {"licet.provenance.vouched"}
}

test_a_vouched_irreversible_call_asks_when_the_owner_does_not_say_so if {
	every changes in [
		replaced("/allowance/vouched", false),
		[{"op": "remove", "path": "/allowance/vouched"}],
		replaced("/workflow/risk", "high"),
	] {
		asks("irreversible", mail(["user"], ["words"]), changes, "licet.effects.irreversible_owes_approval")
	}
}

test_a_write_asks_once_the_run_has_read_what_others_wrote if {
	every label in ["read_external", "read_peer"] {
		asks("write", mail(["model"], ["model"]), replaced("/run/labels", [label]), unvouched)
	}
	every labels in [[], ["read_sensitive"], ["repeated_target"]] {
		passes("write", mail(["model"], ["model"]), replaced("/run/labels", labels))
	}
	passes("write", mail(["user"], ["user"]), [])
}

test_what_the_owner_lets_pass_passes if {
	passes("write", mail(["model"], ["model"]), replaced("/allowance/unattended", true))
	changes := array.concat(replaced("/allowance/unattended", true), replaced("/workflow/risk", "high"))
	asks("write", mail(["model"], ["model"]), changes, unvouched)
}

test_a_read_asks_only_before_it_tells_an_address_something if {
	passes("read", alone("target", "query", ["model"]), [])
	asks("read", alone("target", "url", ["external"]), [], unvouched)
	passes("read", alone("target", "url", ["user"]), [])
	passes("read", alone("target", "url", ["cited", "peer"]), [])
	asks("read", alone("target", "url", ["cited", "external"]), [], unvouched)
	asks("read", alone("target", "url", ["cited", "external", "peer"]), [], unvouched)
	passes("read", alone("target", "url", ["external"]), replaced("/run/labels", []))
}

test_without_labels_nothing_is_vouched_for if {
	asks("irreversible", mail([], []), replaced("/run/labels", []), "licet.effects.irreversible_owes_approval")
	asks("irreversible", {}, replaced("/run/labels", []), "licet.effects.irreversible_owes_approval")
	asks("write", {}, [], unvouched)
}

test_what_vouches_for_a_target if {
	every labels in [["user"], ["workflow"], ["default"], ["nothing"], ["record", "system"], ["made"]] {
		passes("irreversible", alone("target", "order", labels), [])
	}
	every labels in [
		["model"], ["external"], ["peer"], ["system"], ["own"], ["words"], ["directory", "system"],
		["ambiguous", "record"], ["cited", "external"], ["within"], ["unsaid"], ["narrow"], ["dated"],
	] {
		asks("irreversible", alone("target", "order", labels), [], unvouched)
	}
}

test_a_directory_is_for_what_the_user_says if {
	entry := leaf("target", "channel", ["directory", "system"])
	passes("irreversible", {"/channel": entry, "/user": leaf("target", "user", ["user"])}, [])
	passes("irreversible", {"/channel": entry, "/body": leaf("content", null, ["words"])}, [])
	asks("irreversible", {"/channel": entry, "/body": leaf("content", null, ["model"])}, standard, unvouched)
	asks("irreversible", {"/channel": entry, "/body": leaf("content", null, ["nothing"])}, [], unvouched)
	two := {"/channel": entry, "/body": leaf("content", null, ["words"]), "/more": leaf("content", null, ["model"])}
	asks("irreversible", two, standard, unvouched)
	asks("irreversible", {"/channel": entry, "/day": leaf("when", null, ["user"])}, [], unvouched)
}

test_a_cited_address_is_for_somebody_the_user_named if {
	address := leaf("target", "email", ["cited", "external"])
	named := leaf("target", "user", ["user"])
	passes("irreversible", {"/email": address, "/user": named}, [])
	asks("irreversible", {"/email": address, "/cc": leaf("target", "email", ["user"])}, [], unvouched)
	asks("irreversible", {"/email": address, "/user": leaf("target", null, ["user"])}, [], unvouched)
	asks("irreversible", {"/email": address, "/more": address, "/user": named}, [], unvouched)
	other := leaf("target", "email", ["ambiguous", "cited", "external"])
	asks("irreversible", {"/email": other, "/user": named}, [], unvouched)
}

test_amounts_days_and_flags if {
	every labels in [["user"], ["record"], ["within"], ["workflow"], ["nothing"]] {
		passes("irreversible", paid("amount", labels), [])
	}
	every labels in [["model"], ["system"], ["external"], ["ambiguous", "record"], ["directory"]] {
		asks("irreversible", paid("amount", labels), [], unvouched)
	}
	again := replaced("/run/labels", ["read_external", "repeated_target"])
	asks("irreversible", paid("amount", ["within"]), again, unvouched)
	passes("irreversible", paid("amount", ["user"]), again)
	every labels in [["user"], ["dated"], ["unsaid"], ["record"]] { passes("irreversible", paid("when", labels), []) }
	every labels in [["model"], ["external"], ["system"]] { asks("irreversible", paid("when", labels), [], unvouched) }
	every labels in [["user"], ["narrow"], ["default"]] { passes("irreversible", paid("flag", labels), []) }
	every labels in [["model"], ["system"]] { asks("irreversible", paid("flag", labels), [], unvouched) }
}

test_strict_takes_the_users_words_and_the_applications_data if {
	every labels in [["user"], ["words"], ["template"], ["system"], ["record"], ["workflow"], ["link", "words"]] {
		passes("irreversible", mail(["user"], labels), [])
	}
	every labels in [
		["model"], ["external"], ["peer"], ["own"], ["private", "system"], ["private", "template"],
		["private", "record"], ["ambiguous", "record"],
	] {
		asks("irreversible", mail(["user"], labels), [], unvouched)
	}
}

test_standard_also_takes_a_models_text_without_links_and_private_data if {
	every labels in [["model"], ["external"]] {
		passes("irreversible", mail(["user"], labels), standard)
		passes("irreversible", mail(["record"], labels), standard)
		asks("irreversible", mail(["model"], labels), standard, unvouched)
	}
	asks("irreversible", mail(["user"], ["link", "model"]), standard, unvouched)
	asks("irreversible", mail(["user"], ["model", "private"]), standard, unvouched)
	asks("irreversible", alone("content", null, ["model"]), standard, unvouched)
}

test_a_headline_is_vouched_for_in_both_profiles if {
	values := object.union(mail(["user"], ["words"]), {"/subject": leaf("headline", null, ["model"])})
	asks("irreversible", values, standard, unvouched)
	asks("irreversible", values, [], unvouched)
}

test_text_that_is_only_kept_is_free_unless_the_call_goes_out if {
	kept := {"/title": leaf("headline", "caption", ["words"]), "/note": leaf("content", "note", ["model"])}
	passes("write", kept, [])
	passes("write", object.union(kept, {"/who": leaf("target", "email", ["nothing"])}), [])
	passes("write", object.union(kept, {"/file": leaf("target", "file", ["record"])}), [])
	asks("write", object.union(kept, {"/who": leaf("target", "email", ["user"])}), [], unvouched)
	asks("write", object.union(kept, {"/who": leaf("target", null, ["user"])}), [], unvouched)
}

test_a_thing_that_a_models_text_is_in_goes_out_only_in_standard if {
	every labels in [["made", "tainted"], ["record", "tainted"], ["tainted", "user"]] {
		asks("irreversible", shared(labels), [], unvouched)
		passes("irreversible", shared(labels), standard)
		passes("write", alone("target", "file", labels), [])
	}
	passes("irreversible", alone("target", "email", ["tainted", "user"]), [])
}

test_the_trifecta_asks_in_both_profiles if {
	three := replaced("/run/labels", ["read_external", "read_sensitive"])
	rule := "licet.provenance.trifecta"
	every profile in [[], standard] {
		asks("irreversible", mail(["user"], ["model"]), array.concat(three, profile), rule)
		passes("irreversible", mail(["user"], ["words"]), array.concat(three, profile))
		passes("write", alone("content", "note", ["model"]), replaced("/run/labels", ["read_sensitive"]))
	}
}

test_the_rule_of_two_at_high_risk if {
	three := array.concat(
		replaced("/run/labels", ["read_peer", "read_sensitive"]),
		replaced("/workflow/risk", "high"),
	)
	asks("write", mail(["user"], ["words"]), three, "licet.provenance.rule_of_two")
	passes("read", alone("target", "query", ["model"]), three)
	two := array.concat(replaced("/run/labels", ["read_peer"]), replaced("/workflow/risk", "high"))
	passes("write", mail(["user"], ["words"]), two)
}

test_the_reason_names_the_places if {
	answer := decided("write", mail(["model"], ["words"]), [])
	answer.approval.reason == "The run has read what others wrote, and nothing vouches for /to."
}

test_an_approval_does_not_lift_a_denial if {
	answer := decided("irreversible", mail(["user"], ["words"]), replaced("/allowance/within", false))
	not answer.allow
}
