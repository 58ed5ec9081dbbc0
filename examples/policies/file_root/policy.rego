# METADATA
# title: Files under a folder
# description: |
#   Of every tool that carries the tag files, and of every value declared as a path: read under some folders, written
#   under fewer. Where links in the file system lead, the tool itself has to watch.
package licet.user.file_root

import data.licet.library.arguments

paths := {"kind": "path"}

default readable := []

readable := data.file_root.read

default writable := []

writable := data.file_root.write

default owned := []

owned := data.file_root.owned

touches_files if "files" in input.tool.tags

touches_files if arguments.given(paths)

under(folders) if {
	some folder in folders
	arguments.path_under(paths, folder)
}

allowed if {
	input.tool.effect == "read"
	under(array.concat(readable, writable))
}

allowed if under(writable)

deny contains {
	"rule": "file_root.outside",
	"message": "This path is outside the folders for it; write it in full and plainly.",
	"visible_to_model": true,
} if {
	touches_files
	not allowed
}

approval contains {
	"rule": "file_root.owned",
	"requires": [{"group": "any", "count": 1}],
	"expires_in": 14400,
	"reason": "Others work with these files too.",
} if {
	touches_files
	input.tool.effect != "read"
	not under(owned)
}
