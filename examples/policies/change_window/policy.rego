# METADATA
# title: Production changes only in the change window
# description: |
#   Of every tool that carries the tag production and changes something. Outside the window, and on days on which
#   production is frozen, an incident commander may, when two people on call say yes.
package licet.user.change_window

import data.licet.library.roles
import data.licet.library.time_windows

default windows := []

windows := data.change_window.windows

changes_production if {
	"production" in input.tool.tags
	input.tool.effect != "read"
}

in_window if time_windows.open_in_any(windows, input.context.time)

deny contains {
	"rule": "change_window.closed",
	"message": "Production is changed in the change window only.",
	"visible_to_model": true,
} if {
	changes_production
	not in_window
	not roles.has("incident_commander")
}

approval contains {
	"rule": "change_window.incident",
	"requires": [{"group": "on_call", "count": 2}],
	"expires_in": 3600,
	"reason": "This changes production outside the change window.",
} if {
	changes_production
	not in_window
}
