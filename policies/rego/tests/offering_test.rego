package licet.offering_test

import data.licet
import data.licet.decision_test as base

asked(tools, changes) := json.patch(
	json.remove(base.input_of("read", []), ["/tool", "/allowance", "/call"]),
	array.concat(changes, [{"op": "add", "path": "/tools", "value": [tool_of(name) | some name in tools]}]),
)

tool_of(name) := object.union(base.input_of("read", []).tool, {"name": name})

hiding(entries) := {"shop": {"hide": entries}}

test_nothing_is_hidden_by_the_library if {
	licet.offered == {"a": set(), "b": set()} with input as asked(["a", "b"], [])
}

test_a_rule_hides if {
	reason := {"rule": "shop.closed", "message": "closed"}
	answer := licet.offered with input as asked(["a"], []) with data.licet.user as hiding({reason})
	answer == {"a": {{"rule": "shop.closed", "message": "closed", "visible_to_model": false}}}
}

test_a_malformed_rule_hides if {
	every entries in [{"a"}, {{"rule": "x"}}, ["a"], true] {
		answer := licet.offered with input as asked(["a"], []) with data.licet.user as hiding(entries)
		some reason in answer.a
		reason.rule == "licet.extensions.malformed"
	}
}

test_a_malformed_input_hides if {
	answer := licet.offered with input as asked(["a"], [{"op": "remove", "path": "/principal"}])
	some reason in answer.a
	reason.rule == "licet.offering.malformed_input"
}
