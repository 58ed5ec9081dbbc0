package personal_data_test

import data.licet.user.personal_data

sent(args, origins) := {
	"tool": {"tags": ["external"]},
	"call": {"args": args, "provenance": {pointer: object.union({"labels": [], "sources": []}, origin) |
		some pointer, origin in origins
	}},
}

test_what_is_not_personal if {
	city := sent({"city": "Bern"}, {"/city": {"role": "target", "kind": "city"}})
	personal_data.deny == set() with input as city
	personal_data.approval == set() with input as city
}

test_what_is_personal if {
	every kind in ["email", "iban", "phone"] {
		count(personal_data.deny) == 1 with input as sent({"a": "x"}, {"/a": {"role": "target", "kind": kind}})
	}
	deep := sent({"a": [{"b": "x"}]}, {"/a/0/b": {"role": "content", "kind": "email"}})
	count(personal_data.deny) == 1 with input as deep
}

test_a_label_bars_a_value_of_any_kind if {
	labelled := sent({"a": "x"}, {"/a": {"role": "target", "kind": null, "labels": ["user", "private"]}})
	count(personal_data.deny) == 1 with input as labelled
}

test_an_address_that_is_left_out if {
	personal_data.deny == set() with input as sent({"a": null}, {"/a": {"role": "target", "kind": "email"}})
}

test_free_text_is_read_first if {
	text := sent({"a": "x"}, {"/a": {"role": "content", "kind": null}})
	personal_data.deny == set() with input as text
	count(personal_data.approval) == 1 with input as text
}

test_our_own_tools_are_left_alone if {
	own := object.union(sent({"a": "x"}, {"/a": {"role": "target", "kind": "iban"}}), {"tool": {"tags": []}})
	personal_data.deny == set() with input as own
}

test_without_data_nothing_is_sent if {
	city := sent({"city": "Bern"}, {"/city": {"role": "target", "kind": "city"}})
	count(personal_data.deny) == 1 with input as city with data.personal_data as {}
}
