# METADATA
# title: What the run has done so far
# description: |
#   Calls that were started, whatever came of them; those that were denied were not. What is under way counts as if it
#   were of the kind that is asked for, because the input does not say what it is. Reads without a price that are under
#   way are not in the input, so they do not count before they are done.
package licet.library.history

# METADATA
# title: A tool was called less often than that
# description: Fewer calls of this tool were started in this run. For the tool of this very call give input.tool.name.
# scope: document
# custom:
#   examples:
#   - history.calls_below("read_order", 2)
#   - not history.calls_below("read_order", 1)
#   - history.calls_below(input.tool.name, 1)
default calls_below(_, _) := false

calls_below(tool, most) if {
	is_string(tool)
	is_number(most)
	_done(tool) + _under_way < most
}

# METADATA
# title: Fewer calls had an effect
# description: |
#   Fewer calls with an effect, writes and irreversible ones together, were started in this run. The input tells the
#   effects of the last 50 calls; each one before counts as if it had one.
# scope: document
# custom:
#   examples:
#   - history.effects_below(1)
#   - not history.effects_below(0)
default effects_below(_) := false

effects_below(most) if {
	is_number(most)
	known := count([past |
		some past in input.run.calls
		past.effect != "read"
		past.outcome in {"executed", "failed"}
	])
	older := sum([number | some outcomes in input.run.counts; some number in outcomes]) - count(input.run.calls)
	(known + max([older, 0])) + _under_way < most
}

# METADATA
# title: None of several tools was called
# description: No call of these tools, an array or a set, was started in this run, and nothing is under way.
# scope: document
# custom:
#   examples:
#   - history.has_not_called(["create_payment", "change_payee"])
#   - not history.has_not_called(["read_order"])
default has_not_called(_) := false

has_not_called(tools) if {
	count(tools) > 0
	_under_way == 0
	every tool in tools {
		is_string(tool)
		_done(tool) == 0
	}
}

# METADATA
# title: Calls of a tool that are done
# description: Those that were started and have ended, well or not.
_done(tool) := sum([number |
	some outcome in ["executed", "failed"]
	number := input.run.counts[tool][outcome]
])

# METADATA
# title: Calls under way
# description: Those that were started and have not ended. One whose outcome is in doubt is among them.
_under_way := max([
	0,
	input.run.spent.calls - sum([number |
		some outcomes in input.run.counts
		some outcome in ["executed", "failed"]
		number := outcomes[outcome]
	]),
])
