package residency_test

import data.licet.user.residency

reading(data_region, agent_region) := {
	"tool": {"tags": ["customer_data"]},
	"context": {
		"resource": {"region": data_region}, "environment": {"region": agent_region},
		"tenant_data": {"regions": ["eu-west", "eu-north"]},
	},
}

denied contains denial.rule if some denial in residency.deny

test_at_home if {
	denied == set() with input as reading("eu-west", "eu-west")
	residency.approval == set() with input as reading("eu-west", "eu-west")
}

test_abroad if {
	denied == {"residency.data"} with input as reading("us-east", "eu-west")
	denied == {"residency.agent"} with input as reading("eu-west", "us-east")
	denied == {"residency.data", "residency.agent"} with input as reading("us-east", "us-east")
}

test_between_two_of_its_regions if {
	denied == set() with input as reading("eu-west", "eu-north")
	count(residency.approval) == 1 with input as reading("eu-west", "eu-north")
}

test_a_region_that_is_not_said if {
	every region in [null, "", 1, ["eu-west"]] {
		denied == {"residency.data"} with input as reading(region, "eu-west")
		denied == {"residency.agent"} with input as reading("eu-west", region)
	}
	bare := object.union(reading("x", "eu-west"), {"context": {"resource": null}})
	denied == {"residency.data"} with input as bare
}

test_a_tenant_of_which_nothing_is_said_reads_nothing if {
	every said in [{}, {"regions": null}, {"regions": []}] {
		count(denied) == 2 with input as reading("eu-west", "eu-west") with input.context.tenant_data as said
	}
}
