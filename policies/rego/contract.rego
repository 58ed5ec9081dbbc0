# METADATA
# title: The input contract
# description: |
#   Shows that the input has every field, of the type that policies/schema/input.json gives it. A rule that reads a
#   missing field is silent; on an input that is whole, no rule is silent for that reason.
package licet.contract

# METADATA
# title: The input is whole
# description: Every part of it is.
valid if {
	principal
	agent
	workflow
	tool
	allowance
	call
	run
	context
}

# METADATA
# title: The input is whole where nothing is called
# description: Every part of it that is there when a run is offered its tools.
offering if {
	principal
	agent
	workflow
	tool
	run
	context
}

# METADATA
# title: For whom the agent acts
# description: Subject, tenant, roles and attributes.
principal if {
	is_string(input.principal.subject)
	is_string(input.principal.tenant)
	strings(input.principal.roles)
	is_object(input.principal.attributes)
}

# METADATA
# title: Which agent acts
# description: Its id, the model it asks, when it has one, and the roles it may use, when it has rights of its own.
agent if {
	is_string(input.agent.id)
	null_or_string(input.agent.model)
	null_or_strings(object.get(input.agent, "roles", null))
}

# METADATA
# title: Under which workflow
# description: Its name, version, owner, risk and mode.
workflow if {
	is_string(input.workflow.name)
	is_string(input.workflow.version)
	is_string(input.workflow.owner)
	input.workflow.risk in {"low", "medium", "high"}
	is_string(input.workflow.mode)
	object.get(input.workflow, "content", "strict") in {"strict", "standard"}
}

# METADATA
# title: Which tool
# description: What its author declared of it.
tool if {
	is_string(input.tool.name)
	is_string(input.tool.version)
	is_string(input.tool.effect)
	is_boolean(input.tool.idempotent)
	is_string(input.tool.contract_hash)
	strings(input.tool.tags)
	is_string(input.tool.source)
}

# METADATA
# title: What the workflow says of the call
# description: Whether it lists the tool, lets the arguments through, and lets the call pass without a person.
allowance if {
	is_boolean(input.allowance.listed)
	is_boolean(input.allowance.within)
	is_boolean(input.allowance.unattended)
	is_boolean(object.get(input.allowance, "vouched", false))
}

# METADATA
# title: The call
# description: Its arguments, the agent's reason, its digest, and where each argument came from.
call if {
	is_object(input.call.args)
	is_string(input.call.reason)
	is_string(input.call.digest)
	is_object(input.call.provenance)
	every origin in input.call.provenance {
		is_string(origin.role)
		null_or_string(origin.kind)
		strings(origin.labels)
		is_array(origin.sources)
		every source in origin.sources { is_object(source) }
	}
}

# METADATA
# title: The run so far
# description: What it has called, spent and been granted, and what it has left.
run if {
	is_string(input.run.id)
	is_number(input.run.step)
	is_object(input.run.counts)
	every outcomes in input.run.counts {
		is_object(outcomes)
		every number in outcomes { is_number(number) }
	}
	is_array(input.run.calls)
	every past in input.run.calls {
		is_string(past.tool)
		is_string(past.effect)
		is_string(past.outcome)
		strings(past.labels)
	}
	strings(input.run.labels)
	is_number(input.run.spent.usd)
	is_number(input.run.spent.tokens)
	is_number(input.run.spent.calls)
	null_or_number(input.run.remaining.usd)
	null_or_number(input.run.remaining.tokens)
	null_or_number(input.run.remaining.calls)
	is_number(input.run.approvals)
}

# METADATA
# title: The circumstances
# description: |
#   The time, what the embedding application says of its environment and of the tenant, and the resource the tool named.
context if {
	is_string(input.context.time)
	is_object(input.context.environment)
	is_object(object.get(input.context, "tenant_data", {}))
	null_or_object(input.context.resource)
}

# METADATA
# title: An array of text
# description: It may be empty.
strings(values) if {
	is_array(values)
	every value in values { is_string(value) }
}

# METADATA
# title: Null where text may stand
# description: Nothing is given.
null_or_string(value) if is_null(value)

# METADATA
# title: Text where null may stand
# description: Something is given.
null_or_string(value) if is_string(value)

# METADATA
# title: Null where an array of text may stand
# description: Nothing is given, which is another thing than an array of nothing.
null_or_strings(value) if is_null(value)

# METADATA
# title: An array of text where null may stand
# description: Something is given.
null_or_strings(value) if strings(value)

# METADATA
# title: Null where a number may stand
# description: Nothing is given, which for what remains means that there is no limit.
null_or_number(value) if is_null(value)

# METADATA
# title: A number where null may stand
# description: Something is given.
null_or_number(value) if is_number(value)

# METADATA
# title: Null where an object may stand
# description: Nothing is given.
null_or_object(value) if is_null(value)

# METADATA
# title: An object where null may stand
# description: Something is given.
null_or_object(value) if is_object(value)
