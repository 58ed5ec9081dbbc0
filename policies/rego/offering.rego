# METADATA
# title: Which tools a run is offered
# description: |
#   For each of the workflow's tools, the reasons that hide it from the model. The rules are asked about one tool after
#   the other, each standing in input.tool as it does when a call of it is decided; input.call and input.allowance are
#   not there, for nothing has been called. Rules only hide.
package licet.offering

import data.licet.contract
import data.licet.delegation
import data.licet.extensions

# METADATA
# title: The reasons that hide each tool
# description: None, when it is offered. A tool for which they cannot be worked out is left out, and not offered.
tools := {tool.name: reasons |
	some tool in input.tools
	reasons := hidden with input.tool as tool
}

# METADATA
# title: What hides a tool
# description: The user's rules; the library itself hides nothing.
hidden := extensions.hidden | malformed if not delegation.delegated

# METADATA
# title: What hides a tool from an agent with rights of its own
# description: With all of the principal's roles, and with those that the agent may use.
hidden := (extensions.hidden | narrowed) | malformed if {
	delegation.delegated
	narrowed := extensions.hidden with input.principal.roles as delegation.shared_roles
}

# METADATA
# title: The input is not as the contract says
# description: A rule that reads a missing field is silent, so nothing is offered on an input that is not whole.
malformed contains {
	"rule": "licet.offering.malformed_input",
	"message": "The input of the policy is not as the contract says.",
	"visible_to_model": false,
} if {
	not contract.offering
}
