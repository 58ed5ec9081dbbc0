package four_eyes_test

import data.licet.user.four_eyes

release(roles, resource) := {
	"principal": {"subject": "cleo", "roles": roles},
	"tool": {"tags": ["payment.release"]},
	"run": {"counts": {}, "spent": {"calls": 0}},
	"context": {"resource": resource},
}

denied contains denial.rule if some denial in four_eyes.deny

test_a_checker_releases_what_another_prepared if {
	denied == set() with input as release(["payments_checker"], {"prepared_by": "max"})
	count(four_eyes.approval) == 1 with input as release(["payments_checker"], {"prepared_by": "max"})
}

test_nobody_releases_their_own if {
	every resource in [{"prepared_by": "cleo"}, {"prepared_by": ["max", "cleo"]}, {"prepared_by": null}, {}, null] {
		denied == {"licet.library.separation.requester_may_not_approve"} with input as release(["payments_checker"], resource)
	}
}

test_roles_do_not_mix if {
	every held in [[], ["payments_maker"], ["payments_maker", "payments_checker"]] {
		denied == {"four_eyes.role"} with input as release(held, {"prepared_by": "max"})
	}
}

test_a_run_that_prepared_releases_nothing if {
	mixed := object.union(
		release(["payments_checker"], {"prepared_by": "max"}),
		{"run": {"counts": {"prepare_payment": {"executed": 1}}, "spent": {"calls": 1}}},
	)
	denied == {"four_eyes.run"} with input as mixed
}

prepare(held) := object.union(release(held, null), {"tool": {"tags": ["payment.prepare"]}})

test_a_maker_prepares if {
	denied == set() with input as prepare(["payments_maker"])
	four_eyes.approval == set() with input as prepare(["payments_maker"])
	denied == {"four_eyes.role"} with input as prepare(["payments_checker"])
}
