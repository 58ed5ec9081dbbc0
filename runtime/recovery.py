"""Taking a run over: after a suspension, or after the worker before this one died."""

from __future__ import annotations

from datetime import datetime

from licet.approvals import Reviewer
from licet.audit.canonical import canonical
from licet.audit.clock import parse_timestamp, timestamp
from licet.audit.errors import HeadMoved
from licet.audit.events import Actor, CallExecuted, CallFailed, CallReconciled, RunResumed
from licet.audit.journal import Journal
from licet.audit.records import Draft, Payload, Unit
from licet.runtime.active import ActiveRun
from licet.runtime.errors import CannotReconcile, RunBusy, UnknownCall, UnknownRun
from licet.runtime.execution import asked_tool, leave_in_doubt
from licet.runtime.reviewing import proposed
from licet.runtime.stages import Services, read_arguments
from licet.runtime.state import CallState, RunState


def load(journal: Journal, run_id: str) -> RunState:
    """A run's state, folded from its records.

    Raises:
        UnknownRun: the journal has no such run.
    """
    head = journal.head(run_id)
    records = journal.read(run_id) if head is not None else []
    if head is None or not records or records[0].event.type != "run.started":
        raise no_such_run(run_id)
    contents = journal.payloads(run_id)
    state = RunState(run_id=run_id, tenant=head.tenant)
    for record in records:
        payloads = {
            name: contents[record.seq, name] for name in record.payloads if (record.seq, name) in contents
        }
        state.apply(record.seq, record.time, record.event, payloads)
    return state


def no_such_run(run_id: str) -> UnknownRun:
    """That there is no such run, in the same words whether there is none or it is somebody else's."""
    return UnknownRun(f"there is no run {run_id}; `licet runs list` shows those there are")


async def claim(run: ActiveRun, worker: str, services: Services) -> None:
    """Become the run's worker. From here on what the worker before this one appends is refused.

    A call with a permit and no outcome may have run: one that may not be repeated is left in doubt, unless the
    tool's own check knows; one that may, is repeated under its idempotency key when its permit has run out.

    Raises:
        RunBusy: a call that may be repeated may still be under way.
        HeadMoved: somebody else took it at the same moment.
    """
    state, now = run.state, services.clock.now()
    open_permits = state.open_permits()
    run.repeatable = {call.call_id for call in open_permits if _repeatable(run, call, services)}
    for call in open_permits:
        until = _deadline(call)
        if call.call_id in run.repeatable and now < until:
            raise RunBusy(
                f"{call.tool} ({call.call_id}) of run {run.id} may still be under way until {timestamp(until)}; "
                "try again then"
            )
    event = RunResumed(worker=worker, recovered=state.status == "running")
    await run.take(run.draft(event))
    for call in open_permits:
        if call.call_id not in run.repeatable:
            await _settle_or_doubt(run, call, services)


async def _settle_or_doubt(run: ActiveRun, state: CallState, services: Services) -> None:
    permitted = state.permit
    assert permitted is not None
    call = proposed(run, state)
    call.permit_id = permitted.permit_id
    happened: bool | None = None
    tool = services.tools.get(state.tool)
    if tool is not None and services.clock.now() >= _deadline(state):
        call.tool = tool
        allowance = run.workflow.allowance(state.tool)
        if allowance is not None:
            call.allowance = allowance
            if await read_arguments(call, services) is None:
                call.idempotency_key = permitted.idempotency_key
                happened = await asked_tool(call, services)
    run.catch_up()
    if state.settled:
        return  # the worker before this one was alive after all, and its outcome came on record meanwhile
    if happened is None:
        await leave_in_doubt(
            run, state.call_id, "its worker ended between the permit and the outcome", services
        )
    elif happened:
        executed = CallExecuted(
            call_id=state.call_id,
            tool=state.tool,
            digest=permitted.digest,
            permit_id=permitted.permit_id,
            decision=None,
            cost=permitted.reserved_cost,
            elapsed_us=0,
            fault="its worker ended before the result; the tool's own check says that it happened",
        )
        await run.append(run.draft(executed, {"result": b"null"}), fenced=False)
    else:
        failed = CallFailed(
            call_id=state.call_id,
            tool=state.tool,
            digest=permitted.digest,
            permit_id=permitted.permit_id,
            decision=None,
            error="WorkerDied",
            message="It did not happen.",
            not_executed=True,
            elapsed_us=0,
        )
        await run.append(run.draft(failed), fenced=False)


def reconcile(
    journal: Journal, run_id: str, call_id: str, *, happened: bool, evidence: str, reviewer: Reviewer
) -> None:
    """Record what a person found out about a call in doubt. The run can be resumed when none is left.

    Raises:
        UnknownRun, UnknownCall: there is no such run or call.
        CannotReconcile: the call is not in doubt, or its effect may still be under way.
    """
    while True:
        state = load(journal, run_id)
        call = state.calls.get(call_id)
        if call is None:
            raise UnknownCall(f"run {run_id} has no call {call_id}; `licet runs show {run_id}` lists them")
        if call.status != "in_doubt":
            raise CannotReconcile(f"{call.tool} ({call_id}) is not in doubt: it is {call.status}")
        until = _deadline(call)
        if journal.clock.now() < until:
            raise CannotReconcile(
                f"{call.tool} ({call_id}) may still be under way until {timestamp(until)}; look again then"
            )
        draft = Draft(
            CallReconciled(call_id=call_id, happened=happened),
            Actor(kind="reviewer", id=reviewer.id),
            {"evidence": Payload(canonical(evidence))},
        )
        try:
            journal.append_now(Unit(stream=run_id, tenant=state.tenant, drafts=(draft,), expect=state.seq))
        except HeadMoved:
            continue
        return


def _deadline(call: CallState) -> datetime:
    assert call.permit is not None
    return parse_timestamp(call.permit.deadline)


def _repeatable(run: ActiveRun, call: CallState, services: Services) -> bool:
    permitted, tool, started = call.permit, services.tools.get(call.tool), run.state.started
    assert permitted is not None and started is not None
    if run.state.finished is not None:
        return False
    if permitted.effect == "read":
        return True
    unchanged = tool is not None and tool.contract_hash == started.tools.get(call.tool)
    return permitted.effect == "write" and unchanged and tool is not None and tool.idempotent
