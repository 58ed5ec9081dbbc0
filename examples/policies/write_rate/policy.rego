# METADATA
# title: Not too many writes in one run
# description: |
#   Calls with an effect are counted, whatever came of them. From so many on a person is asked, and from more on none is
#   made; a tool may have a limit of its own.
package licet.user.write_rate

import data.licet.library.history

default ask_from := 0

ask_from := data.write_rate.ask_from

default most := 0

most := data.write_rate.most

default most_of_tool := {}

most_of_tool := data.write_rate.most_of_tool

writes if input.tool.effect != "read"

approval contains {
	"rule": "write_rate.ask",
	"requires": [{"group": "any", "count": 1}],
	"expires_in": 14400,
	"reason": "The run has changed a good deal already.",
} if {
	writes
	not history.effects_below(ask_from)
}

deny contains {
	"rule": "write_rate.most",
	"message": "This run has changed as much as one run may.",
	"visible_to_model": true,
} if {
	writes
	not history.effects_below(most)
}

deny contains {
	"rule": "write_rate.tool",
	"message": "This tool has been used as often as one run may.",
	"visible_to_model": true,
} if {
	writes
	not history.calls_below(input.tool.name, object.get(most_of_tool, input.tool.name, most))
}
