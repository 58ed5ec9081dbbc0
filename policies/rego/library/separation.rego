# METADATA
# title: Separation of duties
# description: |
#   One person does not do both halves of what takes two. That nobody reviews what runs in their own name, and that
#   nobody counts twice, Licet itself sees to. What stands here is about what the call acts on: input.context.resource,
#   as the tool's own code reads it.
package licet.library.separation

# METADATA
# title: Somebody else did it
# description: |
#   This field of the resource names somebody, or several people in an array, and the principal is none of them. Ids are
#   compared as they are; local:alice and alice are one person, as for reviews.
# scope: document
# custom:
#   examples:
#   - separation.another_person("created_by")
#   - not separation.another_person("owner")
#   - not separation.another_person("nothing")
default another_person(_) := false

another_person(field) if {
	people := _people(object.get(input.context.resource, field, null))
	count(people) > 0
	every person in people {
		is_string(person)
		trim_prefix(person, "local:") != ""
		trim_prefix(person, "local:") != trim_prefix(input.principal.subject, "local:")
	}
}

# METADATA
# title: The requester may not approve
# description: |
#   A set of denials, for a rule of yours to hand on: one when this field of the resource names the principal, or does
#   not say who requested it; none when it names somebody else.
# scope: document
# custom:
#   examples:
#   - count(separation.requester_may_not_approve("created_by")) == 0
#   - count(separation.requester_may_not_approve("owner")) == 1
#   - count(separation.requester_may_not_approve("nothing")) == 1
default requester_may_not_approve(_) := {{
	"rule": "licet.library.separation.requester_may_not_approve",
	"message": "Who requested this may not approve it, and nothing shows that somebody else did.",
	"visible_to_model": true,
}}

requester_may_not_approve(field) := set() if another_person(field)

# METADATA
# title: At most one of several roles
# description: The principal's roles are known, and at most one of these is among them. So its duties do not conflict.
# scope: document
# custom:
#   examples:
#   - separation.at_most_one_of(["support", "finance"])
#   - not separation.at_most_one_of("support")
default at_most_one_of(_) := false

at_most_one_of(roles) if {
	distinct := {role | some role in roles}
	count(distinct) > 0
	is_array(input.principal.roles)
	count([role | some role in distinct; role in input.principal.roles]) <= 1
}

# METADATA
# title: One person or several
# description: As an array. An empty one names nobody.
# scope: document
_people(value) := [value] if is_string(value)

_people(value) := value if is_array(value)
