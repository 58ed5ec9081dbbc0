# METADATA
# title: Shell and web tools reach listed hosts only
# description: |
#   A tool that carries the tag http gets at pages of the hosts that are listed for it, and changes something at fewer;
#   one that carries the tag shell runs the listed commands on listed hosts, and each asks. All else of theirs is denied.
package licet.user.allowed_hosts

import data.licet.library.arguments

pages := {"kind": "url"}

default read_hosts := []

read_hosts := data.allowed_hosts.http.read

default write_hosts := []

write_hosts := data.allowed_hosts.http.write

default shell_hosts := []

shell_hosts := data.allowed_hosts.shell.hosts

default shell_commands := []

shell_commands := data.allowed_hosts.shell.commands

deny contains {
	"rule": "allowed_hosts.http",
	"message": "Only listed hosts are reached.",
	"visible_to_model": true,
} if {
	"http" in input.tool.tags
	not reached
}

reached if {
	input.tool.effect == "read"
	arguments.url_in(pages, read_hosts)
}

reached if arguments.url_in(pages, write_hosts)

deny contains {
	"rule": "allowed_hosts.shell",
	"message": "Only listed commands are run, on listed hosts.",
	"visible_to_model": true,
} if {
	"shell" in input.tool.tags
	not runs
}

runs if {
	arguments.only(["host", "command"])
	arguments.one_of("host", shell_hosts)
	arguments.one_of("command", shell_commands)
}

approval contains {
	"rule": "allowed_hosts.shell_asks",
	"requires": [{"group": "on_call", "count": 1}],
	"expires_in": 3600,
	"reason": "A command is run on a machine of ours.",
} if {
	"shell" in input.tool.tags
}
