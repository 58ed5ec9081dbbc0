# METADATA
# title: What the run may still use
# description: |
#   Spend in USD, tokens and calls, against the limits that the workflow sets for one run. Where it sets none there is
#   nothing that could run out, so every rule here holds.
package licet.library.budgets

# METADATA
# title: So much money is left
# description: The run may still spend at least this much, in USD.
# scope: document
# custom:
#   examples:
#   - budgets.left_usd_at_least(0.25)
#   - not budgets.left_usd_at_least(0.26)
default left_usd_at_least(_) := false

left_usd_at_least(usd) if _left_at_least("usd", usd)

# METADATA
# title: So many tokens are left
# description: The run may still use at least this many tokens, input and output together.
# scope: document
# custom:
#   examples:
#   - budgets.left_tokens_at_least(4096)
default left_tokens_at_least(_) := false

left_tokens_at_least(tokens) if _left_at_least("tokens", tokens)

# METADATA
# title: So many calls are left
# description: The run may still make at least this many calls, this one included.
# scope: document
# custom:
#   examples:
#   - budgets.left_calls_at_least(2)
default left_calls_at_least(_) := false

left_calls_at_least(calls) if _left_at_least("calls", calls)

# METADATA
# title: Less than a share of the money is used
# description: |
#   Of what the run may spend, less than so many percent are spent. What is under way counts at the most it can cost.
# scope: document
# custom:
#   examples:
#   - budgets.used_usd_below(80)
#   - not budgets.used_usd_below(75)
default used_usd_below(_) := false

used_usd_below(percent) if _used_below("usd", percent)

# METADATA
# title: Less than a share of the tokens is used
# description: Of the tokens that the run may use, less than so many percent are used.
# scope: document
# custom:
#   examples:
#   - budgets.used_tokens_below(50)
default used_tokens_below(_) := false

used_tokens_below(percent) if _used_below("tokens", percent)

# METADATA
# title: Less than a share of the calls is made
# description: Of the calls that the run may make, less than so many percent are made.
# scope: document
# custom:
#   examples:
#   - budgets.used_calls_below(50)
default used_calls_below(_) := false

used_calls_below(percent) if _used_below("calls", percent)

# METADATA
# title: Spending has a limit
# description: The workflow says how much one run may spend.
# scope: document
# custom:
#   examples:
#   - budgets.usd_limited
default usd_limited := false

usd_limited if is_number(input.run.remaining.usd)

# METADATA
# title: Tokens have a limit
# description: The workflow says how many tokens one run may use.
# scope: document
# custom:
#   examples:
#   - budgets.tokens_limited
default tokens_limited := false

tokens_limited if is_number(input.run.remaining.tokens)

# METADATA
# title: At least so much is left
# description: There is no limit, or what is left of it is no less.
# scope: document
_left_at_least(unit, amount) if {
	is_number(amount)
	is_null(input.run.remaining[unit])
}

_left_at_least(unit, amount) if {
	is_number(amount)
	left := input.run.remaining[unit]
	is_number(left)
	left >= amount
}

# METADATA
# title: Less than so many percent are used
# description: There is no limit, or what is used of it is a smaller share.
# scope: document
_used_below(unit, percent) if {
	_share(percent)
	is_null(input.run.remaining[unit])
}

_used_below(unit, percent) if {
	_share(percent)
	used := _whole(input.run.spent[unit])
	left := _whole(input.run.remaining[unit])
	used * (100 - percent) < left * percent
}

# METADATA
# title: A share in percent
# description: More than nothing and at most all.
_share(percent) if {
	is_number(percent)
	percent > 0
	percent <= 100
}

# METADATA
# title: An amount in billionths
# description: |
#   OPA's server computes in binary fractions and the compiled policy in decimal ones. In whole numbers both are exact.
_whole(amount) := round(amount * 1000000000)
