"""What a run or a call came to, read from the state."""

from __future__ import annotations

from typing import Literal

import orjson

from licet.audit.clock import parse_timestamp
from licet.audit.events import ApprovalRequested, CallDenied, CallFailed, CallReconciled, CallWithheld
from licet.runtime.outcomes import (
    Answered,
    Denied,
    Executed,
    Failed,
    InDoubt,
    Outcome,
    Pending,
    RunFailed,
    RunResult,
    Spent,
    Stopped,
    Suggested,
    Suspended,
)
from licet.runtime.state import CallState, RunState
from licet.runtime.workflow import Workflow


def spent(state: RunState) -> Spent:
    """What the run has used so far."""
    return Spent(usd=state.spent, tokens=state.tokens, steps=state.steps, calls=state.started_calls.total())


def result_of(state: RunState, workflow: Workflow) -> RunResult:
    """What a run that is not under way has come to."""
    finished, used, doubts = state.finished, spent(state), state.in_doubt()
    if doubts:
        return doubt(state, doubts[0])
    if finished is None:
        cause = state.suspended.cause if state.suspended else "released"
        detail = state.suspended.detail if state.suspended else "its worker let go of it"
        waiting = tuple(call.request_ids[-1] for call in state.waiting())
        return Suspended(state.run_id, cause, detail, waiting, used)
    match finished.status:
        case "stopped":
            return Stopped(state.run_id, finished.rule or "", finished.reason, used)
        case "failed":
            return RunFailed(state.run_id, finished.reason, used)
        case "closed":
            return Answered(state.run_id, "done", "The session ended.", None, used)
        case status:
            if state.output is None:
                return Answered(state.run_id, status, "The answer was erased.", None, used)
            final = workflow.output_contract.parse(state.output)
            return Answered(state.run_id, final.status, final.message, final.answer, used)


def doubt(state: RunState, call: CallState) -> InDoubt:
    """A call of which nobody knows whether it happened."""
    assert call.permit is not None
    cause = getattr(call.last, "cause", "")
    return InDoubt(state.run_id, call.call_id, call.tool, cause, parse_timestamp(call.permit.deadline))


def outcome_of(state: RunState, call: CallState) -> Outcome | None:
    """What is on record for the call; None while there is nothing yet."""
    match call.last:
        case CallDenied() as denied:
            return Denied(call.call_id, call.tool, denied.stage, denied.reasons)
        case CallFailed() as failed:
            return Failed(call.call_id, call.tool, failed.error, failed.message, failed.not_executed)
        case CallWithheld() as withheld:
            decision = withheld.decision
            would: Literal["execute", "ask", "deny"] = (
                "deny" if not decision.allow else "ask" if decision.approval else "execute"
            )
            return Suggested(
                call.call_id, call.tool, withheld.mode, orjson.loads(call.raw), would, decision.denials
            )
        case CallReconciled() as reconciled if not reconciled.happened:
            return Failed(call.call_id, call.tool, "Reconciled", "It did not happen.", True)
        case ApprovalRequested() as requested:
            return Pending(
                call.call_id,
                call.tool,
                "approval",
                requested.owed.reason,
                requested.request_id,
                parse_timestamp(requested.expires_at),
            )
        case _:
            pass
    if call.status == "executed":
        result = orjson.loads(call.result) if call.result is not None else None
        return Executed(call.call_id, call.tool, result, getattr(call.last, "fault", None))
    return doubt(state, call) if call.status == "in_doubt" else None
