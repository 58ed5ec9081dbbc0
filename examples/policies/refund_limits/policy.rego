# METADATA
# title: Refunds over a limit owe a manager's approval, and two managers' over a higher one
# description: Of every tool that carries the tag refund. Above the highest limit nothing is paid back at all.
package licet.user.refund_limits

import data.licet.library.arguments

# Without its data the policy pays nothing back.
default one_manager := 0

one_manager := data.refund_limits.one_manager

default two_managers := 0

two_managers := data.refund_limits.two_managers

default never := 0

never := data.refund_limits.never

refund if "refund" in input.tool.tags

approval contains {
	"rule": "refund_limits.one_manager",
	"requires": [{"group": "managers", "count": 1}],
	"expires_in": 28800,
	"reason": "This refund is more than an agent pays back by itself.",
} if {
	refund
	not arguments.at_most("amount", one_manager)
}

approval contains {
	"rule": "refund_limits.two_managers",
	"requires": [{"group": "managers", "count": 2}],
	"expires_in": 28800,
	"reason": "This refund takes two managers.",
} if {
	refund
	not arguments.at_most("amount", two_managers)
}

deny contains {
	"rule": "refund_limits.never",
	"message": "So much is not paid back by this desk.",
	"visible_to_model": true,
} if {
	refund
	not arguments.at_most("amount", never)
}
