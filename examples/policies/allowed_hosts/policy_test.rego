package allowed_hosts_test

import data.licet.user.allowed_hosts

page(effect, url) := {
	"tool": {"tags": ["http"], "effect": effect},
	"call": {
		"args": {"url": url},
		"provenance": {"/url": {"role": "target", "kind": "url", "labels": [], "sources": []}},
	},
}

command(args) := {"tool": {"tags": ["shell"], "effect": "irreversible"}, "call": {"args": args, "provenance": {}}}

test_listed_pages if {
	allowed_hosts.deny == set() with input as page("read", "https://docs.acme.example/a?b=c")
	allowed_hosts.deny == set() with input as page("write", "https://api.acme.example/orders")
}

test_other_pages if {
	count(allowed_hosts.deny) == 1 with input as page("write", "https://docs.acme.example/a")
	every url in [
		"https://evil.example/", "http://docs.acme.example/", "https://docs.acme.example@evil.example/",
		"https://acme.example/", "https://169.254.169.254/", "file:///etc/passwd", "", null, ["https://evil.example/"],
	] {
		count(allowed_hosts.deny) == 1 with input as page("read", url)
	}
}

test_listed_commands_ask if {
	allowed_hosts.deny == set() with input as command({"host": "web-1", "command": "uptime"})
	count(allowed_hosts.approval) == 1 with input as command({"host": "web-1", "command": "uptime"})
}

test_other_commands if {
	every args in [
		{"host": "web-1", "command": "uptime; rm -rf /"}, {"host": "db-1", "command": "uptime"}, {"host": "web-1"},
		{"command": "uptime"}, {"host": "web-1", "command": "uptime", "user": "root"}, {},
	] {
		count(allowed_hosts.deny) == 1 with input as command(args)
	}
}

test_other_tools_are_left_alone if {
	allowed_hosts.deny == set() with input as {"tool": {"tags": []}, "call": {"args": {}, "provenance": {}}}
}

test_without_data_nothing_is_reached if {
	count(allowed_hosts.deny) == 1 with input as page("read", "https://docs.acme.example/") with data.allowed_hosts as {}
	count(allowed_hosts.deny) == 1 with input as command({"host": "web-1", "command": "uptime"}) with data.allowed_hosts as {}
	hosts := {"shell": {"hosts": ["web-1"]}}
	count(allowed_hosts.deny) == 1 with input as command({"host": "web-1", "command": "uptime"}) with data.allowed_hosts as hosts
}
