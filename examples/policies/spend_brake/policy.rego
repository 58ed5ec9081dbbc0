# METADATA
# title: A brake on what a run spends
# description: |
#   Once so much of the run's money or tokens is used, each further call asks a person, and close to the end none is
#   made. A workflow that sets no limit for its runs has nothing that could be used up.
package licet.user.spend_brake

import data.licet.library.budgets

default ask_from := 1

ask_from := data.spend_brake.ask_from_percent

default stop_from := 1

stop_from := data.spend_brake.stop_from_percent

below(percent) if {
	budgets.used_usd_below(percent)
	budgets.used_tokens_below(percent)
}

approval contains {
	"rule": "spend_brake.ask",
	"requires": [{"group": "any", "count": 1}],
	"expires_in": 14400,
	"reason": "The run has used most of what it may spend.",
} if {
	not below(ask_from)
}

deny contains {
	"rule": "spend_brake.stop",
	"message": "The run has used nearly all it may spend. Finish with what is known.",
	"visible_to_model": true,
} if {
	not below(stop_from)
}
