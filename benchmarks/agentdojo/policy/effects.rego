# METADATA
# title: What AgentDojo's tools owe
# description: |
#   The agent reads what strangers wrote (files, subjects of payments), and nothing here tells a stranger's wish from
#   the user's. So every call that is not shown to be a read waits for a person, the reversible ones too.
package licet.user.agentdojo

# METADATA
# title: A call with an effect owes an approval
# description: Also one whose effect is not known. By one person, within an hour.
approval contains {
	"rule": "agentdojo.effect_owes_approval",
	"requires": [{"group": "any", "count": 1}],
	"expires_in": 3600,
	"reason": "The agent has read what strangers wrote; the user has to want this call.",
} if {
	not reads
}

# METADATA
# title: It only reads
# description: The one effect that changes nothing.
reads if input.tool.effect == "read"
