# METADATA
# title: What the user's own packages add
# description: |
#   A package licet.user.NAME may hold five partial sets: grant (rule ids), deny ({rule, message, visible_to_model}),
#   approval ({rule, requires, expires_in, reason, escalate_to}), obligation (objects), and hide (as deny), which hides
#   a tool from the model. What is not of that form denies the call, or hides the tool, for nobody can tell what it was
#   meant to do.
package licet.extensions

# METADATA
# title: The user's grants
# description: Rule ids, as the user wrote them.
grants contains rule if {
	some name
	some rule in data.licet.user[name].grant
	is_string(rule)
}

# METADATA
# title: The user's denials
# description: In full; a denial that says nothing of the model is not shown to it.
denials contains {
	"rule": entry.rule,
	"message": entry.message,
	"visible_to_model": object.get(entry, "visible_to_model", false),
} if {
	some name
	some entry in data.licet.user[name].deny
	well_formed_denial(entry)
}

# METADATA
# title: A grant that is no rule id
# description: A grant is a string.
denials contains malformed(name, "grant", "a set of rule ids") if {
	some name
	some rule in data.licet.user[name].grant
	not is_string(rule)
}

# METADATA
# title: A denial of another form
# description: It still denies.
denials contains malformed(name, "deny", "a set of {rule, message, visible_to_model}") if {
	some name
	some entry in data.licet.user[name].deny
	not well_formed_denial(entry)
}

# METADATA
# title: An approval of another form
# description: Who is to approve is not known, so nobody can.
denials contains malformed(name, "approval", "a set of {rule, requires, expires_in, reason, escalate_to}") if {
	some name
	some entry in data.licet.user[name].approval
	not well_formed_approval(entry)
}

# METADATA
# title: An obligation of another form
# description: What is obliged is not known, so it cannot be met.
denials contains malformed(name, "obligation", "a set of objects") if {
	some name
	some entry in data.licet.user[name].obligation
	not is_object(entry)
}

# METADATA
# title: Grants that are no set
# description: A complete rule or an object where a partial set belongs.
denials contains malformed(name, "grant", "a set of rule ids") if {
	some name
	value := data.licet.user[name].grant
	not is_set(value)
}

# METADATA
# title: Denials that are no set
# description: A complete rule or an object where a partial set belongs.
denials contains malformed(name, "deny", "a set of {rule, message, visible_to_model}") if {
	some name
	value := data.licet.user[name].deny
	not is_set(value)
}

# METADATA
# title: Approvals that are no set
# description: A complete rule or an object where a partial set belongs.
denials contains malformed(name, "approval", "a set of {rule, requires, expires_in, reason, escalate_to}") if {
	some name
	value := data.licet.user[name].approval
	not is_set(value)
}

# METADATA
# title: Obligations that are no set
# description: A complete rule or an object where a partial set belongs.
denials contains malformed(name, "obligation", "a set of objects") if {
	some name
	value := data.licet.user[name].obligation
	not is_set(value)
}

# METADATA
# title: The user's approvals
# description: Each with a place to escalate to, or null.
approvals contains object.union({"escalate_to": null}, entry) if {
	some name
	some entry in data.licet.user[name].approval
	well_formed_approval(entry)
}

# METADATA
# title: The user's obligations
# description: As the user wrote them.
obligations contains entry if {
	some name
	some entry in data.licet.user[name].obligation
	is_object(entry)
}

# METADATA
# title: What the user hides
# description: In full; a reason that says nothing of the model is not shown to it.
hidden contains {
	"rule": entry.rule,
	"message": entry.message,
	"visible_to_model": object.get(entry, "visible_to_model", false),
} if {
	some name
	some entry in data.licet.user[name].hide
	well_formed_denial(entry)
}

# METADATA
# title: A reason of another form
# description: It still hides.
hidden contains malformed(name, "hide", "a set of {rule, message, visible_to_model}") if {
	some name
	some entry in data.licet.user[name].hide
	not well_formed_denial(entry)
}

# METADATA
# title: Reasons that are no set
# description: A complete rule or an object where a partial set belongs.
hidden contains malformed(name, "hide", "a set of {rule, message, visible_to_model}") if {
	some name
	value := data.licet.user[name].hide
	not is_set(value)
}

# METADATA
# title: The denial that stands for something malformed
# description: Names the package and the rule, for whoever wrote it.
malformed(name, kind, form) := {
	"rule": "licet.extensions.malformed",
	"message": concat("", ["The rule ", kind, " of the package licet.user.", name, " is not ", form, "."]),
	"visible_to_model": false,
}

# METADATA
# title: A denial as it should be
# description: A rule id and a message, and whether the model may read it.
well_formed_denial(entry) if {
	is_object(entry)
	is_string(entry.rule)
	is_string(entry.message)
	is_boolean(object.get(entry, "visible_to_model", false))
	object.keys(entry) - {"rule", "message", "visible_to_model"} == set()
}

# METADATA
# title: An approval as it should be
# description: A rule id, who has to approve, within how many seconds, why, and where to escalate it to.
well_formed_approval(entry) if {
	is_object(entry)
	is_string(entry.rule)
	is_string(entry.reason)
	well_formed_requires(entry.requires)
	whole_number(entry.expires_in)
	entry.expires_in <= 315360000
	null_or_string(object.get(entry, "escalate_to", null))
	object.keys(entry) - {"rule", "reason", "requires", "expires_in", "escalate_to"} == set()
}

# METADATA
# title: Who has to approve, in an array
# description: At least one group, each with a count.
well_formed_requires(requires) if {
	is_array(requires)
	count(requires) > 0
	every entry in requires { well_formed_count(entry) }
}

# METADATA
# title: Who has to approve, in a set
# description: At least one group, each with a count.
well_formed_requires(requires) if {
	is_set(requires)
	count(requires) > 0
	every entry in requires { well_formed_count(entry) }
}

# METADATA
# title: A group and how many of it
# description: So many reviewers of this group.
well_formed_count(entry) if {
	is_object(entry)
	is_string(entry.group)
	entry.group != ""
	whole_number(entry.count)
	object.keys(entry) == {"group", "count"}
}

# METADATA
# title: A whole number from one
# description: What a count and an expiry are.
whole_number(value) if {
	is_number(value)
	value >= 1
	value == floor(value)
}

# METADATA
# title: Null
# description: Nothing is named.
null_or_string(value) if is_null(value)

# METADATA
# title: Text
# description: Something is named.
null_or_string(value) if is_string(value)
