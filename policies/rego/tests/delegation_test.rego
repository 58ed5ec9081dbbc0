package licet.delegation_test

import data.licet
import data.licet.decision_test as base

with_agent(effect, roles, agent) := json.patch(base.input_of(effect, []), [
	{"op": "replace", "path": "/principal/roles", "value": roles},
	{"op": "add", "path": "/agent/roles", "value": agent},
])

test_an_agent_of_no_rights_of_its_own_is_as_one_without_the_field if {
	licet.decision.allow with input as with_agent("write", ["support"], null)
	licet.decision.allow with input as base.input_of("write", [])
}

test_the_same_passes_with_and_without_rights_where_no_rule_asks_for_a_role if {
	every agent in [[], ["support"], ["other"]] {
		answer := licet.decision with input as with_agent("irreversible", ["support"], agent)
		answer.allow
		answer.approval.rules == ["licet.effects.irreversible_owes_approval"]
	}
}

test_rights_that_are_no_names_deny if {
	every agent in ["support", 1, {"support": true}, [1]] {
		answer := licet.decision with input as with_agent("read", ["support"], agent)
		not answer.allow
		some denial in answer.deny
		denial.rule == "licet.effects.malformed_input"
	}
}

test_roles_are_those_that_both_have if {
	licet.delegation.shared_roles == ["b"] with input as with_agent("read", ["a", "b"], ["b", "c"])
	licet.delegation.shared_roles == [] with input as with_agent("read", [], ["b", "c"])
}
