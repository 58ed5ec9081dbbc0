# METADATA
# title: The decision
# description: |
#   The entry point, data.licet.decision. It composes what Licet's own library says with what the packages
#   licet.user.NAME add: any denial wins, approvals add up, and nothing that is added takes anything of ours away.
# authors:
# - The Licet authors
package licet

import data.licet.delegation
import data.licet.effects
import data.licet.extensions
import data.licet.offering
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
	"obligations": obligations,
}

# METADATA
# title: What a run is offered
# description: The second entry point, data.licet.offered; the library's package licet.offering says it.
offered := offering.tools

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
# title: What grants the call
# description: The ids of the rules that grant it, ours and the user's.
granting := (effects.grant | provenance.grant) | extensions.grants

# METADATA
# title: What denies the call
# description: Ours and the user's.
denying := effects.deny | extensions.denials

# METADATA
# title: What is asked of people
# description: The approvals that our rules and the user's ask for.
asking := (effects.approval | provenance.approval) | extensions.approvals

# METADATA
# title: All that the rules say of the call
# description: To be asked once more with fewer roles.
said := {
	"granting": granting,
	"denying": denying,
	"asking": asking,
	"obliging": extensions.obligations,
}

# METADATA
# title: All that the rules say to an agent with rights of its own
# description: With those of its principal's roles that it may use.
narrowed := found if {
	delegation.delegated
	found := said with input.principal.roles as delegation.shared_roles
}

# METADATA
# title: Every grant
# description: Without rights of the agent's own, what grants the call.
grants := granting if not delegation.delegated

# METADATA
# title: Every grant that an agent can use
# description: What grants the call with the roles that the agent may use, if it is granted to its principal at all.
grants := narrowed.granting if {
	delegation.delegated
	count(granting) > 0
}

# METADATA
# title: No grant to its principal
# description: An agent can do nothing that its principal cannot.
grants := set() if {
	delegation.delegated
	count(granting) == 0
}

# METADATA
# title: Every denial
# description: Those of the rules, and the one that says that nothing granted the call.
denials := denying | default_denial if not delegation.delegated

# METADATA
# title: Every denial, to an agent with rights of its own
# description: Those with all of the principal's roles and those with the roles that the agent may use, and that one.
denials := (denying | narrowed.denying) | default_denial if delegation.delegated

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
# description: The approvals that are asked of people.
owed := asking if not delegation.delegated

# METADATA
# title: Everything that is owed, for an agent with rights of its own
# description: With all of the principal's roles, and with those that the agent may use.
owed := asking | narrowed.asking if delegation.delegated

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
# title: Everything that is obliged
# description: What the user's rules oblige to.
obligations := extensions.obligations if not delegation.delegated

# METADATA
# title: Everything that is obliged, of an agent with rights of its own
# description: With all of the principal's roles, and with those that the agent may use.
obligations := extensions.obligations | narrowed.obliging if delegation.delegated

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
