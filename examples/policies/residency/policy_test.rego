package residency_test

import data.licet.user.residency

reading(tenant, data_region, agent_region) := {
	"tool": {"tags": ["customer_data"]},
	"principal": {"tenant": tenant},
	"context": {"resource": {"region": data_region}, "environment": {"region": agent_region}},
}

denied contains denial.rule if some denial in residency.deny

test_at_home if {
	denied == set() with input as reading("acme", "eu-west", "eu-west")
	residency.approval == set() with input as reading("acme", "eu-west", "eu-west")
}

test_abroad if {
	denied == {"residency.data"} with input as reading("acme", "us-east", "eu-west")
	denied == {"residency.agent"} with input as reading("acme", "eu-west", "us-east")
	denied == {"residency.data", "residency.agent"} with input as reading("unknown", "eu-west", "eu-west")
}

test_between_two_of_its_regions if {
	denied == set() with input as reading("acme", "eu-west", "eu-north")
	count(residency.approval) == 1 with input as reading("acme", "eu-west", "eu-north")
}

test_a_region_that_is_not_said if {
	every region in [null, "", 1, ["eu-west"]] {
		denied == {"residency.data"} with input as reading("acme", region, "eu-west")
		denied == {"residency.agent"} with input as reading("acme", "eu-west", region)
	}
	bare := object.union(reading("acme", "x", "eu-west"), {"context": {"resource": null}})
	denied == {"residency.data"} with input as bare
}

test_without_data_nothing_is_read if {
	count(denied) == 2 with input as reading("acme", "eu-west", "eu-west") with data.residency as {}
}
