# METADATA
# title: What a call's effect allows
# description: |
#   Reads and writes that the workflow lists and whose arguments it lets through pass. So do irreversible calls, but
#   they owe a person's approval, unless the workflow's owner lets this one pass without, or lets pass what provenance
#   vouches for, and its risk is not high.
package licet.effects

import data.licet.contract
import data.licet.provenance

# METADATA
# title: A read on the workflow's list
# description: The workflow lists the tool, its arguments lie inside the narrowings, and it only reads.
grant contains "licet.effects.read_allowlisted" if {
	admitted
	input.tool.effect == "read"
}

# METADATA
# title: A write within the workflow's narrowings
# description: The workflow lists the tool, its arguments lie inside the narrowings, and what it does can be undone.
grant contains "licet.effects.write_within_narrowings" if {
	admitted
	input.tool.effect == "write"
}

# METADATA
# title: An irreversible call that a person approves
# description: Granted together with the approval it owes.
grant contains "licet.effects.irreversible_with_approval" if {
	admitted
	input.tool.effect == "irreversible"
	count(approval) > 0
}

# METADATA
# title: An irreversible call that may pass unattended
# description: The workflow's owner lets this call pass without a person, and the workflow's risk is not high.
grant contains "licet.effects.irreversible_unattended" if {
	admitted
	input.tool.effect == "irreversible"
	unattended
}

# METADATA
# title: An irreversible call owes an approval
# description: |
#   By one person, within a day. Owed by every call that is not shown to be a read, a write, unattended or vouched for.
approval contains {
	"rule": "licet.effects.irreversible_owes_approval",
	"requires": [{"group": "any", "count": 1}],
	"expires_in": 86400,
	"escalate_to": null,
	"reason": "What this call does cannot be undone.",
} if {
	not reversible
	not unattended
	not provenance.unattended
}

# METADATA
# title: The input is not as the contract says
# description: A rule that reads a missing field is silent, so nothing passes on an input that is not whole.
deny contains {
	"rule": "licet.effects.malformed_input",
	"message": "The input of the policy is not as the contract says.",
	"visible_to_model": false,
} if {
	not contract.valid
}

# METADATA
# title: A mode that is not known
# description: Whatever the mode lets happen is not known either. The gate holds what observe and suggest withhold.
deny contains {
	"rule": "licet.effects.unknown_mode",
	"message": "The run is in a mode that the policy does not know.",
	"visible_to_model": false,
} if {
	not known_mode
}

# METADATA
# title: An effect that is not known
# description: Only a read, a write and an irreversible call can be judged.
deny contains {
	"rule": "licet.effects.unknown_effect",
	"message": "The tool has an effect that the policy does not know.",
	"visible_to_model": false,
} if {
	not known_effect
}

# METADATA
# title: Outside the workflow
# description: The workflow does not list the tool, or the arguments lie outside its narrowings.
deny contains {
	"rule": "licet.effects.outside_workflow",
	"message": "The workflow does not allow this tool with these arguments.",
	"visible_to_model": true,
} if {
	not within_workflow
}

# METADATA
# title: Admitted
# description: What has to be shown before anything is granted.
admitted if {
	contract.valid
	known_mode
	within_workflow
}

# METADATA
# title: The workflow allows it
# description: The tool is on its list and the arguments are inside its narrowings.
within_workflow if {
	input.allowance.listed == true
	input.allowance.within == true
}

# METADATA
# title: The mode is known
# description: The same is decided in each; what observe and suggest withhold is the gate's to withhold.
known_mode if input.workflow.mode in {"observe", "suggest", "act"}

# METADATA
# title: The effect is known
# description: The three effects that a tool can declare.
known_effect if input.tool.effect in {"read", "write", "irreversible"}

# METADATA
# title: It can be undone
# description: A read has nothing to undo and a write can be written again.
reversible if input.tool.effect in {"read", "write"}

# METADATA
# title: It may pass unattended
# description: The workflow's owner said so for this call, and the workflow's risk is known and not high.
unattended if {
	input.allowance.unattended == true
	input.workflow.risk in {"low", "medium"}
}
