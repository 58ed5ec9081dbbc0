# METADATA
# title: Four eyes on a payment
# description: |
#   Who prepares payments (the tag payment.prepare) and who releases them (payment.release) are two people, by role, by
#   payment and by run; and a release takes somebody of the treasury besides. The tool's own code says in
#   input.context.resource.prepared_by who prepared the payment.
package licet.user.four_eyes

import data.licet.library.history
import data.licet.library.roles
import data.licet.library.separation

prepares if "payment.prepare" in input.tool.tags

releases if "payment.release" in input.tool.tags

deny contains {
	"rule": "four_eyes.role",
	"message": "This takes the role of those who do it, and not the other one.",
	"visible_to_model": true,
} if {
	some needed in ({role | prepares; role := "payments_maker"} | {role | releases; role := "payments_checker"})
	not in_role(needed)
}

in_role(needed) if {
	roles.has(needed)
	separation.at_most_one_of(["payments_maker", "payments_checker"])
}

deny contains denial if {
	releases
	some denial in separation.requester_may_not_approve("prepared_by")
}

deny contains {
	"rule": "four_eyes.run",
	"message": "A run that prepares payments releases none.",
	"visible_to_model": true,
} if {
	releases
	not history.has_not_called(["prepare_payment"])
}

approval contains {
	"rule": "four_eyes.treasury",
	"requires": [{"group": "treasury", "count": 1}],
	"expires_in": 86400,
	"reason": "A payment leaves the house.",
} if {
	releases
}
