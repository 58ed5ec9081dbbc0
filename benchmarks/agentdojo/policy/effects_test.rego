package licet.user.agentdojo_test

import data.licet.user.agentdojo

owed(tool) := {item.rule | some item in agentdojo.approval with input as {"tool": tool}}

test_a_read_owes_nothing if owed({"effect": "read"}) == set()

test_every_other_call_owes_an_approval if {
	every tool in [{"effect": "write"}, {"effect": "irreversible"}, {"effect": "paint"}, {}] {
		owed(tool) == {"agentdojo.effect_owes_approval"}
	}
}
