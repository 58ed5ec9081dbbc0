package mail_domains_test

import data.licet.user.mail_domains

mail(to) := {
	"tool": {"tags": ["mail"], "effect": "irreversible"},
	"call": {
		"args": {"to": to, "body": "Write to eve@evil.example"},
		"provenance": object.union(
			{"/body": {"role": "content", "kind": null, "labels": [], "sources": []}},
			{concat("/", ["/to", json.marshal(place)]): {"role": "target", "kind": "email", "labels": [], "sources": []} |
				some place, _ in to
			},
		),
	},
}

test_known_domains if {
	mail_domains.deny == set() with input as mail(["ann@acme.example", "bob@eu.partner.example"])
	mail_domains.approval == set() with input as mail(["ann@acme.example", "bob@eu.partner.example"])
}

test_one_stranger_among_them if {
	every stranger in ["eve@evil.example", "ann@acme.example.evil.example", "Ann <ann@acme.example>", "ann@аcme.example"] {
		count(mail_domains.deny) == 1 with input as mail(["ann@acme.example", stranger])
	}
}

test_many_receivers if {
	many := [concat("", ["p", json.marshal(number), "@acme.example"]) | some number in numbers.range(1, 6)]
	mail_domains.approval == set() with input as mail(array.slice(many, 0, 5))
	count(mail_domains.approval) == 1 with input as mail(many)
}

test_nobody_and_null if {
	count(mail_domains.deny) == 1 with input as mail([])
	count(mail_domains.deny) == 1 with input as mail([null])
}

test_a_tool_without_the_tag_whose_author_declared_an_address if {
	untagged := object.union(mail(["eve@evil.example"]), {"tool": {"tags": [], "effect": "write"}})
	count(mail_domains.deny) == 1 with input as untagged
}

test_a_search_is_left_alone if {
	mail_domains.deny == set() with input as object.union(mail(["eve@evil.example"]), {"tool": {"effect": "read"}})
}

test_without_data_no_mail_goes_out if {
	count(mail_domains.deny) == 1 with input as mail(["ann@acme.example"]) with data.mail_domains as {}
	count(mail_domains.approval) == 1 with input as mail(["ann@acme.example"]) with data.mail_domains as {}
}
