package file_root_test

import data.licet.user.file_root

file(effect, path) := {
	"tool": {"tags": ["files"], "effect": effect},
	"call": {
		"args": {"path": path},
		"provenance": {"/path": {"role": "target", "kind": "path", "labels": [], "sources": []}},
	},
}

test_reading if {
	every path in ["/srv/reports/2026/march.md", "/srv/shared/prices.csv", "/srv/drafts/a.md"] {
		file_root.deny == set() with input as file("read", path)
		file_root.approval == set() with input as file("read", path)
	}
}

test_writing if {
	file_root.deny == set() with input as file("write", "/srv/drafts/a.md")
	file_root.approval == set() with input as file("write", "/srv/drafts/agent/a.md")
	count(file_root.approval) == 1 with input as file("write", "/srv/drafts/a.md")
	count(file_root.deny) == 1 with input as file("write", "/srv/reports/a.md")
}

test_outside if {
	every path in ["/etc/passwd", "/srv/reports/../secret", "/srv/reportsx", "reports/a", "~/a", "", null, 7, "/srv/reports/\\..\\x"] {
		count(file_root.deny) == 1 with input as file("read", path)
	}
}

test_a_tool_without_the_tag_whose_author_declared_a_path if {
	count(file_root.deny) == 1 with input as object.union(file("read", "/etc/passwd"), {"tool": {"tags": []}})
}

test_a_tool_with_the_tag_whose_author_declared_nothing if {
	undeclared := {"tool": {"tags": ["files"], "effect": "read"}, "call": {"args": {"path": "/srv/reports/a"}, "provenance": {}}}
	count(file_root.deny) == 1 with input as undeclared
}

test_without_data_no_file_is_touched if {
	count(file_root.deny) == 1 with input as file("read", "/srv/reports/a.md") with data.file_root as {}
	some_folders := {"write": ["/srv/drafts"]}
	count(file_root.approval) == 1 with input as file("write", "/srv/drafts/agent/a.md") with data.file_root as some_folders
}
