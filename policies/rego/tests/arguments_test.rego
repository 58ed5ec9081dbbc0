package licet.library.arguments_test

import data.licet.library.arguments

with_args(args) := {"call": {"args": args, "provenance": {}}}

test_null_and_what_is_missing_and_what_is_empty_are_no_values if {
	every args in [{}, {"a": null}, {"a": []}, {"a": {}}, {"a": [null, {"b": null}]}] {
		arguments.values("a") == [] with input as with_args(args)
		not arguments.given("a") with input as with_args(args)
		not arguments.at_most("a", 5) with input as with_args(args)
		not arguments.one_of("a", [null, [], {}]) with input as with_args(args)
	}
}

test_every_value_inside_is_meant if {
	inside := with_args({"a": {"b": [1, 2], "c": {"d": 3}}})
	arguments.at_most("a", 3) with input as inside
	not arguments.at_most("a", 2) with input as inside
	arguments.at_most(["a", "b"], 2) with input as inside
	arguments.at_most(["a", "b", 0], 1) with input as inside
	not arguments.at_most(["a", "b", 2], 9) with input as inside
	arguments.count_at_most("a", 3) with input as inside
}

test_one_value_outside_is_enough if {
	not arguments.at_most("a", 3) with input as with_args({"a": [1, 4]})
	not arguments.at_most("a", 3) with input as with_args({"a": [1, "2"]})
	not arguments.at_least("a", 3) with input as with_args({"a": [3, 2.999]})
	not arguments.one_of("a", ["x"]) with input as with_args({"a": ["x", "X"]})
	not arguments.matches("a", "x") with input as with_args({"a": ["x", 1]})
	not arguments.length_at_most("a", 2) with input as with_args({"a": ["xx", "xxx"]})
}

test_numbers_are_compared_exactly if {
	large := with_args({"a": 9007199254740993})
	arguments.at_most("a", 9007199254740993) with input as large
	not arguments.at_most("a", 9007199254740992) with input as large
	not arguments.at_most("a", 0.1) with input as with_args({"a": 0.10000000000000000001})
}

test_a_bound_that_is_missing_or_text_lets_nothing_through if {
	every bound in [null, "100", [], true] {
		not arguments.at_most("a", bound) with input as with_args({"a": 1})
		not arguments.at_least("a", bound) with input as with_args({"a": 1})
		not arguments.count_at_most("a", bound) with input as with_args({"a": 1})
		not arguments.length_at_most("a", bound) with input as with_args({"a": "x"})
	}
}

test_text_is_matched_as_a_whole if {
	arguments.matches("a", "x|yy") with input as with_args({"a": "yy"})
	every wrong in ["xyy", "x\n", "\nx", "x y", ""] {
		not arguments.matches("a", "x|yy") with input as with_args({"a": wrong})
	}
	every pattern in ["x)|(.*", "(", "[", null, 1] {
		not arguments.matches("a", pattern) with input as with_args({"a": "x"})
	}
}

found(which) := {value | some value in arguments.values(which)}

test_what_is_declared_is_meant_by_kind_role_and_label if {
	declared := {"call": {
		"args": {"to": ["a@x.example", "b@y.example"], "a/b": {"~": "c@x.example"}, "note": "d@z.example", "cc": null},
		"provenance": {
			"/to/0": {"role": "target", "kind": "email", "labels": ["user"], "sources": []},
			"/to/1": {"role": "target", "kind": "email", "labels": ["external", "link"], "sources": []},
			"/a~1b/~0": {"role": "content", "kind": "email", "labels": [], "sources": []},
			"/note": {"role": "content", "kind": null, "labels": [], "sources": []},
			"/cc": {"role": "target", "kind": "email", "labels": [], "sources": []},
		},
	}}
	found({"kind": "email"}) == {"a@x.example", "b@y.example", "c@x.example"} with input as declared
	found({"kind": "email", "role": "target"}) == {"a@x.example", "b@y.example"} with input as declared
	found({"label": "external"}) == {"b@y.example"} with input as declared
	found({"kind": null}) == {"d@z.example"} with input as declared
	found({"role": "amount"}) == set() with input as declared
	found({}) == set() with input as declared
	found({"kinds": "email"}) == set() with input as declared
	not arguments.email_domain_in({"kind": "email"}, ["x.example"]) with input as declared
	arguments.email_domain_in({"kind": "email"}, ["x.example", "y.example"]) with input as declared
	not arguments.email_domain_in({"kind": "iban"}, ["x.example"]) with input as declared
}

test_there_are_no_other_arguments if {
	arguments.only(["a", "b"]) with input as with_args({"a": 1})
	arguments.only({"a"}) with input as with_args({"a": 1})
	not arguments.only(["a"]) with input as with_args({"a": 1, "b": null})
	not arguments.only("a") with input as with_args({"a": 1})
}

addresses := {
	"ann@acme.example": true,
	"Ann.O+x@ACME.Example": true,
	"ann@mail.acme.example": false,
	"ann@eu.partner.example": true,
	"ann@a.b.partner.example": true,
	"ann@partner.example": false,
	"ann@evilpartner.example": false,
	"ann@acme.example.evil.example": false,
	"ann@acme.example ": false,
	"ann@acme.example\n": false,
	"ann@acme.example\nbcc: eve@evil.example": false,
	"ann@acme.example,eve@evil.example": false,
	"ann@acme.example;eve@evil.example": false,
	"eve@evil.example@acme.example": false,
	"eve@evil.example <ann@acme.example>": false,
	"\"eve@evil.example\"@acme.example": false,
	"eve(@evil.example)@acme.example": false,
	"ann@аcme.example": false,
	"ann@acme。example": false,
	"ann@acme.example.": false,
	"@acme.example": false,
	"ann@": false,
	"acme.example": false,
	"ann@[127.0.0.1]": false,
	"": false,
}

test_a_mail_address_is_one_plain_address_of_a_known_domain if {
	every address, known in addresses {
		print(address)
		arguments.email_domain_in("a", ["Acme.example", "*.partner.example"]) == known with input as with_args({"a": address})
	}
}

pages := {
	"https://api.acme.example": true,
	"https://api.acme.example/": true,
	"HTTPS://API.ACME.EXAMPLE/a?b=c@d#e": true,
	"https://api.acme.example:443/": true,
	"https://api.acme.example:8443/": false,
	"http://api.acme.example/": false,
	"https://acme.example/": false,
	"https://a.b.docs.example/x": true,
	"https://docs.example/x": false,
	"https://evildocs.example/x": false,
	"http://localhost:8080/x": true,
	"http://localhost/x": false,
	"https://localhost:8080/x": false,
	"https://api.acme.example@evil.example/": false,
	"https://api.acme.example:443@evil.example/": false,
	"https://evil.example/@api.acme.example": false,
	"https://evil.example#api.acme.example": false,
	"https://evil.example\\@api.acme.example/": false,
	"https://api.acme.example\\.evil.example/": false,
	"https://api.acme.example.evil.example/": false,
	"https://api.acme.example?x": false,
	"https://api.acme.example./": false,
	"https:api.acme.example": false,
	"https:///api.acme.example": false,
	"//api.acme.example/": false,
	"file:///etc/passwd": false,
	"javascript://api.acme.example/%0aalert(1)": false,
	"https://api.acme.example/ x": false,
	" https://api.acme.example/": false,
	"https://api.acme.example/\n": false,
	"https://аpi.acme.example/": false,
	"https://api.acme.example:/": false,
	"https://[::1]/": false,
	"https://2130706433/": false,
	"": false,
}

test_a_page_is_at_a_host_that_is_listed if {
	every page, known in pages {
		print(page)
		arguments.url_in("a", ["API.acme.example", "*.docs.example", "http://localhost:8080"]) == known with input as with_args({"a": page})
	}
}

files := {
	"/srv/reports": true,
	"/srv/reports/a.md": true,
	"/srv/reports/2026/ä b.md": true,
	"/srv/reports/..hidden": true,
	"/srv/reportsx/a.md": false,
	"/srv/reports/../secret": false,
	"/srv/reports/a/../../../etc/passwd": false,
	"/srv/reports/./a": false,
	"/srv/reports//a": false,
	"/srv/reports/a/": false,
	"//srv/reports/a": false,
	"/srv/reports/..\\..\\secret": false,
	"/srv/reports/a\u0000.md": false,
	"/srv/reports/a\n.md": false,
	"/srv": false,
	"srv/reports/a": false,
	"~/a": false,
	"C:/srv/reports/a": false,
	"": false,
	"/": false,
}

test_a_file_lies_under_the_folder if {
	every file, under in files {
		print(file)
		arguments.path_under("a", "/srv/reports") == under with input as with_args({"a": file})
	}
	every root in ["", "/srv/../srv/reports", "/srv/reports/", "//srv", ["/srv"], null] {
		not arguments.path_under("a", root) with input as with_args({"a": "/srv/reports/a"})
	}
}

test_a_relative_file_lies_under_a_relative_folder if {
	arguments.path_under("a", "reports") with input as with_args({"a": "reports/a"})
	not arguments.path_under("a", "reports") with input as with_args({"a": "/reports/a"})
	arguments.path_under("a", ".") with input as with_args({"a": "reports/a"})
	every file in ["/etc/passwd", "~/.ssh/id", "~root/x", "../a", "a/../../b", ".", ""] {
		not arguments.path_under("a", ".") with input as with_args({"a": file})
	}
}
