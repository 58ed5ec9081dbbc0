# METADATA
# title: Bounds on the call's arguments
# description: |
#   Each rule says which arguments it is about. A name means that argument; an array of names and places, such as
#   ["address", "country"], means what lies there; and an object means every value whose author declared it so: `kind`,
#   `role` and `label` as input.call.provenance has them, all that are given. Of an array or object each value inside is
#   meant. A rule holds when there is at least one such value and each is inside the bound, so what is missing, null or
#   of another type is outside.
package licet.library.arguments

# METADATA
# title: The values that are meant
# description: As an array, in no particular order; empty when there are none. Null is no value.
# scope: document
# custom:
#   examples:
#   - arguments.values("amount") == [12.5]
#   - count(arguments.values("to")) == 2
#   - 'arguments.values({"kind": "order_id"}) == ["O-1234"]'
#   - arguments.values("nothing") == []
default values(_) := []

values(which) := _scalars(input.call.args[which]) if is_string(which)

values(which) := _scalars(object.get(input.call.args, which, null)) if {
	is_array(which)
	count(which) > 0
}

values(which) := [value |
	some path, value
	walk(input.call.args, [path, value])
	_scalar(value)
	_declared(input.call.provenance[_pointer(path)], which)
] if {
	is_object(which)
	count(which) > 0
}

# METADATA
# title: There is such a value
# description: At least one.
# scope: document
# custom:
#   examples:
#   - arguments.given("amount")
#   - not arguments.given("cc")
default given(_) := false

given(which) if count(values(which)) > 0

# METADATA
# title: There are no other arguments
# description: Each argument of the call has one of these names, an array or a set.
# scope: document
# custom:
#   examples:
#   - arguments.only(["order_id", "amount", "to", "cc", "page", "file"])
#   - not arguments.only(["order_id"])
default only(_) := false

only(names) if every name, _ in input.call.args { name in names }

# METADATA
# title: So many values at most
# description: Such as receivers.
# scope: document
# custom:
#   examples:
#   - arguments.count_at_most("to", 2)
#   - not arguments.count_at_most("to", 1)
default count_at_most(_, _) := false

count_at_most(which, most) if {
	given(which)
	is_number(most)
	count(values(which)) <= most
}

# METADATA
# title: Numbers up to a bound
# description: Each is a number, and not more than this.
# scope: document
# custom:
#   examples:
#   - arguments.at_most("amount", 12.5)
#   - not arguments.at_most("amount", 12)
#   - not arguments.at_most("order_id", 12)
default at_most(_, _) := false

at_most(which, most) if {
	given(which)
	is_number(most)
	every value in values(which) {
		is_number(value)
		value <= most
	}
}

# METADATA
# title: Numbers from a bound on
# description: Each is a number, and not less than this.
# scope: document
# custom:
#   examples:
#   - arguments.at_least("amount", 12.5)
#   - not arguments.at_least("amount", 13)
default at_least(_, _) := false

at_least(which, least) if {
	given(which)
	is_number(least)
	every value in values(which) {
		is_number(value)
		value >= least
	}
}

# METADATA
# title: One of certain values
# description: Each is one of these, an array or a set.
# scope: document
# custom:
#   examples:
#   - arguments.one_of("order_id", ["O-1234"])
#   - not arguments.one_of("order_id", [])
default one_of(_, _) := false

one_of(which, allowed) if {
	given(which)
	every value in values(which) { value in allowed }
}

# METADATA
# title: Text of a certain form
# description: Each is text that this regular expression (RE2) matches as a whole.
# scope: document
# custom:
#   examples:
#   - arguments.matches("order_id", `O-\d{4}`)
#   - not arguments.matches("order_id", `O-\d`)
default matches(_, _) := false

matches(which, pattern) if {
	given(which)
	regex.is_valid(pattern)
	whole := concat("", ["^(?:", pattern, ")$"])
	every value in values(which) {
		is_string(value)
		regex.match(whole, value)
	}
}

# METADATA
# title: Text of a certain length
# description: Each is text of at most so many characters.
# scope: document
# custom:
#   examples:
#   - arguments.length_at_most("order_id", 6)
#   - not arguments.length_at_most("order_id", 5)
default length_at_most(_, _) := false

length_at_most(which, most) if {
	given(which)
	is_number(most)
	every value in values(which) {
		is_string(value)
		count(value) <= most
	}
}

# METADATA
# title: Mail addresses of certain domains
# description: |
#   Each is one plain address, such as ann@acme.example, whose domain is one of these, or one below it where
#   "*.acme.example" is listed. A name beside the address, two addresses in one text, and letters beyond ASCII are refused.
# scope: document
# custom:
#   examples:
#   - arguments.email_domain_in("to", ["acme.example", "*.partner.example"])
#   - not arguments.email_domain_in("to", ["acme.example"])
default email_domain_in(_, _) := false

email_domain_in(which, domains) if {
	given(which)
	every value in values(which) {
		[[_, domain]] := regex.find_all_string_submatch_n(
			"^[A-Za-z0-9.!#$%&'*+/=?^_{|}~-]+@((?:[A-Za-z0-9-]+\\.)+[A-Za-z0-9-]+)$",
			value, 1,
		)
		some known in domains
		_domain_of(lower(domain), lower(known))
	}
}

# METADATA
# title: Addresses on the web at certain hosts
# description: |
#   Each is a URL of one of these hosts: "api.acme.example" is that host over https; "*.acme.example" every host below
#   it; "http://localhost:8080" says scheme and port too. A default port is left out. After the host there is nothing or
#   a path; a user name, a backslash, blanks and letters beyond ASCII are refused. Where the host leads, and whether it
#   redirects, is for the tool to watch.
# scope: document
# custom:
#   examples:
#   - arguments.url_in("page", ["*.acme.example"])
#   - arguments.url_in("page", ["https://docs.acme.example"])
#   - not arguments.url_in("page", ["acme.example"])
default url_in(_, _) := false

url_in(which, hosts) if {
	given(which)
	every value in values(which) {
		[[_, scheme, host, port]] := regex.find_all_string_submatch_n(
			`^([A-Za-z]+)://([A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*)(:[0-9]+)?(?:/[!-\[\]-~]*)?$`,
			value, 1,
		)
		some listed in hosts
		[known_scheme, known_host] := _origin(lower(listed))
		lower(scheme) == known_scheme
		_domain_of(concat("", [lower(host), _port(known_scheme, port)]), known_host)
	}
}

# METADATA
# title: Files under a folder
# description: |
#   Each is the path of this folder or of something in it, written without "." and "..", empty parts, backslashes, colons
#   and control characters. "/srv/reports" takes absolute paths, "reports" relative ones, "." every relative one that does
#   not begin with "~". Links in the file system are for the tool to watch.
# scope: document
# custom:
#   examples:
#   - arguments.path_under("file", "/srv/reports")
#   - not arguments.path_under("file", "/srv/rep")
#   - not arguments.path_under("file", ".")
default path_under(_, _) := false

path_under(which, root) if {
	given(which)
	folder := _folder(root)
	every value in values(which) {
		parts := _parts(value)
		array.slice(parts, 0, count(folder)) == folder
		_rooted(root, parts)
	}
}

# METADATA
# title: Text, a number, true or false
# description: What has nothing inside.
# scope: document
_scalar(value) if is_string(value)

_scalar(value) if is_number(value)

_scalar(value) if is_boolean(value)

# METADATA
# title: What has nothing inside
# description: The value itself, or all that lie in it.
_scalars(place) := [value |
	some value
	walk(place, [_, value])
	_scalar(value)
]

# METADATA
# title: A JSON Pointer
# description: RFC 6901.
_pointer(path) := concat("", [concat("", ["/", _token(part)]) | some part in path])

# METADATA
# title: One step of a JSON Pointer
# description: A name, or a place in an array.
# scope: document
_token(part) := replace(replace(part, "~", "~0"), "/", "~1") if is_string(part)

_token(part) := json.marshal(part) if is_number(part)

# METADATA
# title: Declared so
# description: The role and the kind are these, and the label is among its labels.
_declared(origin, which) if {
	object.keys(which) - {"role", "kind", "label"} == set()
	every key, wanted in which { _has(origin, key, wanted) }
}

# METADATA
# title: One thing that is declared
# description: Its role, its kind, or one of its labels.
# scope: document
_has(origin, key, wanted) if origin[key] == wanted

_has(origin, "label", wanted) if wanted in origin.labels

# METADATA
# title: A domain is meant
# description: It is the very one, or one below where a star says so.
# scope: document
_domain_of(domain, known) if domain == known

_domain_of(domain, known) if {
	startswith(known, "*.")
	endswith(domain, substring(known, 1, -1))
}

# METADATA
# title: Scheme and host of what is listed
# description: The scheme is https where none is said.
# scope: document
_origin(listed) := ["https", listed] if not contains(listed, "://")

_origin(listed) := split(listed, "://") if contains(listed, "://")

# METADATA
# title: A port worth telling
# description: Not the one that the scheme has anyway.
# scope: document
_port(scheme, port) := "" if [scheme, port] in [["https", ":443"], ["http", ":80"]]

_port(scheme, port) := port if not [scheme, port] in [["https", ":443"], ["http", ":80"]]

# METADATA
# title: The parts of a folder
# description: None for the folder in which relative paths begin.
# scope: document
_folder(root) := [] if root == "."

_folder(root) := _parts(root) if root != "."

# METADATA
# title: The parts of a path
# description: Of one that is written plainly.
_parts(path) := parts if {
	regex.match(`^[^\x00-\x1f\x7f\\:]+$`, path)
	parts := split(path, "/")
	every place, part in parts {
		not part in {".", ".."}
		_named(place, part)
	}
}

# METADATA
# title: A part has a name
# description: Only the first has none, in a path from the root.
# scope: document
_named(_, part) if part != ""

_named(0, "") := true

# METADATA
# title: It begins where the folder does
# description: A relative path in no folder's name begins neither at the root nor in somebody's home.
# scope: document
_rooted(root, _) if root != "."

_rooted(".", parts) if {
	parts[0] != ""
	not startswith(parts[0], "~")
}
