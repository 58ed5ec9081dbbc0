# METADATA
# title: Who the principal is
# description: What its verified token says of the person or service for whom the agent acts, and nothing that a model says.
package licet.library.roles

# METADATA
# title: Has a role
# description: The principal has this role.
# scope: document
# custom:
#   examples:
#   - roles.has("support")
#   - not roles.has("finance")
default has(_) := false

has(role) if role in input.principal.roles

# METADATA
# title: Has one of several roles
# description: The principal has at least one of these roles, an array or a set. Of none it has none.
# scope: document
# custom:
#   examples:
#   - roles.has_any(["finance", "support"])
#   - not roles.has_any([])
default has_any(_) := false

has_any(roles) if {
	some role in roles
	role in input.principal.roles
}

# METADATA
# title: Has all of several roles
# description: The principal has each of these roles, of which there is at least one.
# scope: document
# custom:
#   examples:
#   - roles.has_all({"support"})
#   - not roles.has_all(["finance", "support"])
#   - not roles.has_all([])
default has_all(_) := false

has_all(roles) if {
	count(roles) > 0
	every role in roles { role in input.principal.roles }
}

# METADATA
# title: Has none of several roles
# description: The principal's roles are known, and none of these is among them.
# scope: document
# custom:
#   examples:
#   - roles.has_none(["contractor", "suspended"])
#   - not roles.has_none(["support"])
default has_none(_) := false

has_none(roles) if {
	_list(roles)
	is_array(input.principal.roles)
	every role in roles { not role in input.principal.roles }
}

# METADATA
# title: Has an attribute of a certain value
# description: The principal's attribute of this name is one of these values. What is missing or null is none of them.
# scope: document
# custom:
#   examples:
#   - roles.attribute_in("region", ["eu", "ch"])
#   - not roles.attribute_in("clearance", ["high"])
default attribute_in(_, _) := false

attribute_in(name, allowed) if {
	value := input.principal.attributes[name]
	not is_null(value)
	value in allowed
}

# METADATA
# title: An array or a set
# description: What a list of roles may be.
# scope: document
_list(values) if is_array(values)

_list(values) if is_set(values)
