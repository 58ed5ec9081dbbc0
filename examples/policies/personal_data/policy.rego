# METADATA
# title: Personal data never goes to external tools
# description: |
#   Of every tool that carries the tag external. A value whose author declared it as something personal is not sent
#   there, nor one that carries a label that bars it; free text, in which anything may stand, is read by somebody first.
package licet.user.personal_data

import data.licet.library.arguments

external if "external" in input.tool.tags

deny contains {
	"rule": "personal_data.sent",
	"message": "Personal data does not go to an external service.",
	"visible_to_model": true,
} if {
	external
	some origin in input.call.provenance
	not harmless(origin)
	arguments.given({"role": origin.role, "kind": origin.kind})
}

# Shown, and not only not known to be personal: without the lists nothing is harmless.
harmless(origin) if {
	is_array(data.personal_data.kinds)
	is_array(data.personal_data.labels)
	not origin.kind in data.personal_data.kinds
	every label in origin.labels { not label in data.personal_data.labels }
}

approval contains {
	"rule": "personal_data.text",
	"requires": [{"group": "data_protection", "count": 1}],
	"expires_in": 28800,
	"reason": "This text goes to an external service, and anything may stand in it.",
} if {
	external
	some role in ["content", "headline"]
	arguments.given({"role": role})
}
