package licet.library.people_test

import data.licet.library.roles
import data.licet.library.separation

somebody(subject, names) := {"principal": {"subject": subject, "roles": names, "attributes": {"level": 2, "none": null}}}

test_a_role_is_had_or_not if {
	roles.has("a") with input as somebody("u", ["a", "b"])
	not roles.has("A") with input as somebody("u", ["a", "b"])
	not roles.has(["a"]) with input as somebody("u", ["a", "b"])
	roles.has_any({"b", "c"}) with input as somebody("u", ["a", "b"])
	not roles.has_any(["c"]) with input as somebody("u", ["a", "b"])
	not roles.has_any("a") with input as somebody("u", ["a", "b"])
	roles.has_all(["a", "b"]) with input as somebody("u", ["a", "b"])
	not roles.has_all(["a", "c"]) with input as somebody("u", ["a", "b"])
	roles.has_none({"c"}) with input as somebody("u", ["a", "b"])
	not roles.has_none(["c", "b"]) with input as somebody("u", ["a", "b"])
	not roles.has_none("c") with input as somebody("u", ["a", "b"])
}

test_an_attribute_has_one_of_the_values if {
	roles.attribute_in("level", [1, 2]) with input as somebody("u", [])
	not roles.attribute_in("level", ["2"]) with input as somebody("u", [])
	not roles.attribute_in("none", [null]) with input as somebody("u", [])
	not roles.attribute_in("other", [null, 1]) with input as somebody("u", [])
}

made_by(subject, creator) := object.union(
	somebody(subject, ["maker", "checker"]),
	{"context": {"resource": {"made": {"by": creator}, "by": creator}}},
)

test_another_person_did_it if {
	separation.another_person("by") with input as made_by("u-1", "u-2")
	separation.another_person("by") with input as made_by("u-1", ["u-2", "u-3"])
	separation.another_person(["made", "by"]) with input as made_by("u-1", "u-2")
	separation.requester_may_not_approve("by") == set() with input as made_by("u-1", "u-2")
}

test_nobody_and_the_principal_are_no_other_person if {
	every creator in ["u-1", "local:u-1", ["u-2", "u-1"], "", "local:", [], [""], [null], null, 2, {"u-2": 1}, ["u-2", 3]] {
		not separation.another_person("by") with input as made_by("u-1", creator)
		not separation.another_person("by") with input as made_by("local:u-1", creator)
		count(separation.requester_may_not_approve("by")) == 1 with input as made_by("u-1", creator)
	}
}

test_duties_do_not_conflict if {
	separation.at_most_one_of(["maker", "other"]) with input as somebody("u", ["maker"])
	separation.at_most_one_of(["maker", "maker"]) with input as somebody("u", ["maker"])
	separation.at_most_one_of(["checker", "other"]) with input as somebody("u", ["maker"])
	not separation.at_most_one_of(["maker", "checker"]) with input as somebody("u", ["maker", "checker"])
	not separation.at_most_one_of(["maker", "checker"]) with input as {"principal": {"subject": "u"}}
}
