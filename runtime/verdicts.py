"""Recording what the gate holds up, and telling the caller once the record is durable."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

from licet.audit.canonical import canonical
from licet.audit.clock import new_id, timestamp
from licet.audit.events import (
    ApprovalClosed,
    ApprovalOwed,
    ApprovalRequested,
    CallDenied,
    CallWithheld,
    Denial,
)
from licet.audit.records import Draft
from licet.runtime.call import Ask, Call, Deny, End, Halt, Park, Withhold
from licet.runtime.ending import finish, suspend
from licet.runtime.outcomes import Denied, Outcome, Pending, Suggested
from licet.runtime.stages import Services

STORY = 20
"""How many of the run's latest calls a reviewer is shown."""


async def conclude(call: Call, halt: Halt, services: Services) -> Outcome:
    """Record the halt in one unit, durable when this returns, and say what it means for the caller."""
    match halt:
        case Deny():
            return await _denied(call, halt)
        case End():
            return await _ended(call, halt, services)
        case Withhold():
            return await _withheld(call)
        case Ask():
            return await _asked(call, halt, services)
        case Park():
            return await _parked(call, halt, services)


async def _denied(call: Call, halt: Deny) -> Outcome:
    outcome = Denied(call.call_id, call.tool_name, halt.stage, halt.reasons)
    if call.run.state.status == "running":
        await call.run.append(*call.opening, _denial(call, halt))
    return outcome


async def _ended(call: Call, halt: End, services: Services) -> Outcome:
    run = call.run
    reasons = (Denial(rule=halt.rule, message=halt.reason, visible_to_model=True),)
    drafts = (*call.opening, _denial(call, Deny(halt.rule, reasons)))
    await finish(run, services.clock, "stopped", halt.reason, *drafts, rule=halt.rule)
    return Denied(call.call_id, call.tool_name, halt.rule, reasons)


def _denial(call: Call, halt: Deny) -> Draft:
    event = CallDenied(
        call_id=call.call_id,
        tool=call.tool_name,
        stage=halt.stage,
        reasons=halt.reasons,
        decision=call.decision,
    )
    return call.run.draft(event, _known(call))


async def _withheld(call: Call) -> Outcome:
    decision, mode = call.decision, call.run.workflow.mode
    assert decision is not None and mode != "act"
    event = CallWithheld(call_id=call.call_id, tool=call.tool_name, mode=mode, decision=decision)
    await call.run.append(*call.opening, call.run.draft(event, _known(call)))
    return Suggested(
        call_id=call.call_id,
        tool=call.tool_name,
        mode=mode,
        arguments=call.arguments.plain,
        would="deny" if not decision.allow else "ask" if decision.approval else "execute",
        reasons=decision.denials,
    )


async def _asked(call: Call, halt: Ask, services: Services) -> Outcome:
    run, decision = call.run, call.decision
    assert decision is not None
    try:
        shown = await _shown(call, halt.owed, services)
    except Exception as error:
        message = f"the reviewer could not be shown what will happen: {type(error).__name__}"
        reason = Denial(rule="licet.review.preview", message=message)
        return await _denied(call, Deny("preview", (reason,)))
    expires_at = services.clock.now() + timedelta(seconds=halt.owed.expires_in)
    event = ApprovalRequested(
        request_id=new_id(),
        call_id=call.call_id,
        tool=call.tool_name,
        digest=call.digest,
        owed=halt.owed,
        expires_at=timestamp(expires_at),
        decision=decision,
    )
    drafts = [*call.opening]
    if halt.void is not None and call.state is not None:
        closed = ApprovalClosed(
            request_id=call.state.request_ids[-1], call_id=call.call_id, cause="void", why=halt.void
        )
        drafts.append(run.draft(closed))
    await run.append(
        *drafts, run.draft(event, {"shown": shown, "policy_input": call.policy_input or b"null"})
    )
    return Pending(call.call_id, call.tool_name, "approval", halt.owed.reason, event.request_id, expires_at)


async def _parked(call: Call, halt: Park, services: Services) -> Outcome:
    await suspend(call.run, services.clock, "policy_unavailable", halt.detail, *call.opening)
    return Pending(call.call_id, call.tool_name, "policy_unavailable", halt.detail)


def _known(call: Call) -> dict[str, bytes]:
    if call.policy_input is not None:
        return {"policy_input": call.policy_input}
    return {"args": call.arguments.canonical} if call.arguments_known else {}


async def _shown(call: Call, owed: ApprovalOwed, services: Services) -> bytes:
    run, state = call.run, call.run.state
    preview: Any = None
    if call.tool.hooks.preview is not None:
        preview = await call.tool.hooks.preview(call.arguments, call.context, services.injector)
    return canonical(
        {
            "tool": call.tool.name,
            "effect": call.tool.effect,
            "salt": state.salt.hex(),
            "contract_hash": call.tool.contract_hash,
            "args": call.arguments.plain,
            "preview": preview,
            "resource": _plain(call.resource),
            "principal": run.principal.digestible(),
            "workflow": {
                "name": run.workflow.name,
                "version": run.workflow.version,
                "digest": run.workflow.digest,
                "purpose": run.workflow.purpose,
                "risk": run.workflow.risk,
            },
            "reason": call.reason,
            "decision_reasons": [owed.reason],
            "provenance": call.traced.provenance,
            "spent": f"{state.spent:f}",
            "story": [dict(item) for item in state.recent[-STORY:]],
        }
    )


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value
