"""Limits of one run and its stop rules: what ends a run, each as a result with a reason."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from licet.runtime.active import ActiveRun
from licet.runtime.call import Call, End


def run_over(run: ActiveRun, now: datetime) -> End | None:
    """What ends the run before its next step or call, whatever that is."""
    limits, rules, state = run.workflow.limits, run.workflow.stop_rules, run.state
    if state.overran:
        return End("model.overran", "The model provider used more than was reserved for the request.")
    if state.worked(now).total_seconds() >= limits.wall_clock:
        return End("limits.wall_clock", f"The run has worked for {limits.wall_clock:g} seconds, its limit.")
    if rules.denials_in_row is not None and state.denials_in_row >= rules.denials_in_row:
        return End("stop_rules.denials_in_row", f"{state.denials_in_row} calls in a row were denied.")
    if rules.errors_in_row is not None and state.errors_in_row >= rules.errors_in_row:
        return End("stop_rules.errors_in_row", f"{state.errors_in_row} calls in a row failed.")
    return None


def stop_rule(call: Call, now: datetime) -> End | None:
    """What ends the run instead of letting this call start."""
    run = call.run
    over = run_over(run, now)
    if over is not None:
        return over
    if call.attempt > 1:
        return None
    limits, rules, state = run.workflow.limits, run.workflow.stop_rules, run.state
    started = sum(state.started_calls.values()) + sum(run.reading.values())
    if started >= limits.calls:
        return End("limits.calls", f"The run has made {started} calls, its limit.")
    most = limits.calls_per_tool.get(call.tool_name)
    if most is not None:
        of_tool = state.started_calls[call.tool_name] + run.reading[call.tool_name]
        if of_tool >= most:
            return End(
                f"limits.calls_per_tool.{call.tool_name}",
                f"The run has called {call.tool_name} {of_tool} times, its limit.",
            )
    if rules.same_call is not None:
        repeated = state.repeats[call.digest] + run.reading_same[call.digest]
        if repeated >= rules.same_call:
            return End(
                "stop_rules.same_call",
                f"{call.tool_name} was called {rules.same_call} times with the same arguments.",
            )
    return None


def overdrawn(call: Call) -> End | None:
    """The call's price does not fit what is left of the run's spend."""
    return spend_over(call.run, call.price, f"{call.tool_name} costs")


def spend_over(run: ActiveRun, cost: Decimal, what: str) -> End | None:
    """`cost` does not fit what is left of the run's spend."""
    limit = run.workflow.limits.spend
    if limit is None or run.state.spent + cost <= limit:
        return None
    left = max(limit - run.state.spent, Decimal(0))
    return End("limits.spend", f"{what} up to {cost:f} USD, and {left:f} of {limit:f} USD are left.")
