"""How a run comes to rest: suspended, or finished. Either gives up the claim on it."""

from __future__ import annotations

from typing import Literal

from licet.audit.clock import Clock
from licet.audit.events import RunFinished, RunSuspended
from licet.audit.records import Draft
from licet.runtime.active import ActiveRun

Cause = Literal["approval", "policy_unavailable", "model_unavailable", "in_doubt", "released"]
Status = Literal["done", "needs_clarification", "unsupported", "escalated", "stopped", "failed", "closed"]


async def suspend(
    run: ActiveRun, clock: Clock, cause: Cause, detail: str, *before: Draft, fenced: bool = True
) -> None:
    """Let the run wait at no cost. `before` is recorded in the same unit, ahead of it."""
    event = RunSuspended(cause=cause, detail=detail, active_ms=run.state.worked_ms(clock.now()))
    await run.append(*before, run.draft(event), fenced=fenced, takes_claim=True, status="suspended")


async def finish(
    run: ActiveRun,
    clock: Clock,
    status: Status,
    reason: str,
    *before: Draft,
    rule: str | None = None,
    output: bytes | None = None,
) -> None:
    """End the run for good. `before` is recorded in the same unit, ahead of it."""
    event = RunFinished(status=status, rule=rule, reason=reason, active_ms=run.state.worked_ms(clock.now()))
    payloads = {} if output is None else {"output": output}
    await run.append(*before, run.draft(event, payloads), takes_claim=True, status="finished")
