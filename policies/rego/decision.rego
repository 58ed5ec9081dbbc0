# METADATA
# title: The decision
# description: |
#   The entry point, data.licet.decision. It composes what Licet's own library says with what the packages
#   licet.user.NAME add: any denial wins, approvals add up, and nothing that is added takes anything of ours away.
# authors:
# - The Licet authors
package licet

import data.licet.effects
import data.licet.extensions
import data.licet.provenance

# METADATA
# title: What the policy answers
# description: |
#   Undefined when any part of it cannot be worked out, which the engine takes for a denial.
#   Sets come out in no particular order.
decision := {
	"allow": allow,
	"grants": grants,
	"deny": denials,
	"approval": approval,
	"obligations": extensions.obligations,
}

# METADATA
# title: Denied unless granted
# description: A call that no rule grants, or that any rule denies, is not allowed.
default allow := false

# METADATA
# title: Allowed
# description: At least one rule grants the call and none denies it.
allow if {
	count(grants) > 0
	count(denials) == 0
}

# METADATA
# title: Every grant
# description: The ids of the rules that grant the call, ours and the user's.
grants := (effects.grant | provenance.grant) | extensions.grants

# METADATA
# title: Every denial
# description: Ours, the user's, and the one that says that nothing granted the call.
denials := (effects.deny | extensions.denials) | default_denial

# METADATA
# title: The denial by default
# description: So that a call that nothing grants has a reason too.
default_denial contains {
	"rule": "licet.default_deny",
	"message": "No rule of the policy grants this call.",
	"visible_to_model": true,
} if {
	count(grants) == 0
}

# METADATA
# title: Everything that is owed
# description: The approvals that our rules and the user's ask for.
owed := (effects.approval | provenance.approval) | extensions.approvals

# METADATA
# title: No approval is owed
# description: There is no default, so that an approval that cannot be worked out is never taken for none.
approval := null if count(owed) == 0

# METADATA
# title: The approvals as one
# description: |
#   Per group the largest count, the shortest expiry, all reasons and rules in sorted order, and of several
#   places to escalate to the first in sorted order.
approval := {
	"requires": [{"group": group, "count": most} |
		some group in groups
		most := max({entry.count | some item in owed; some entry in item.requires; entry.group == group})
	],
	"expires_in": min({item.expires_in | some item in owed}),
	"escalate_to": escalate_to,
	"reason": concat("; ", sort({item.reason | some item in owed})),
	"rules": sort({item.rule | some item in owed}),
} if {
	count(owed) > 0
}

# METADATA
# title: Groups that are asked
# description: Every group that at least one owed approval names.
groups := {entry.group | some item in owed; some entry in item.requires}

# METADATA
# title: Where it may be escalated
# description: Every place that an owed approval names.
escalations := {place | some item in owed; place := item.escalate_to; is_string(place)}

# METADATA
# title: Escalated nowhere
# description: No owed approval names a place.
escalate_to := null if count(escalations) == 0

# METADATA
# title: Escalated to the first
# description: The first in sorted order, so that the same rules give the same answer.
escalate_to := sort(escalations)[0] if count(escalations) > 0
