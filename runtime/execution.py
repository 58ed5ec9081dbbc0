"""From the permit to the outcome: the only place where a tool runs."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable
from datetime import timedelta

import orjson

from licet.audit.canonical import canonical, sha256
from licet.audit.clock import new_id, parse_timestamp, timestamp
from licet.audit.errors import BudgetExceeded, FenceLost, KilledBySwitch, NotOpened, ServiceDown
from licet.audit.events import CallExecuted, CallFailed, CallInDoubt, CallPermitted
from licet.audit.records import Opening
from licet.runtime.active import ActiveRun
from licet.runtime.budgets import reservation, settlement
from licet.runtime.call import Call, Deny, End, deny
from licet.runtime.ending import suspend
from licet.runtime.failures import checked
from licet.runtime.outcomes import Denied, Executed, Failed, InDoubt, Outcome
from licet.runtime.stages import Services
from licet.tools import InvalidResult, MissingProvider, NotExecuted, NotStarted, ToolTimeout

RECORD_TRIES = 3
"""How often the outcome of a call that has begun is tried to be recorded while the database does not answer."""

LONGEST_WORD = 2000
"""Characters of a tool's own words on why nothing was executed that are kept."""

PERMIT_GRACE = 30.0
"""For so many seconds after a tool's timeout its permit still counts as possibly under way, unless the tool says
otherwise."""

START_LINGER = 0.005
"""Seconds until the start of a free read is written for its own sake: a read that answers sooner saves a commit, and
one that hangs has left its record."""


def intend(call: Call, services: Services) -> Awaitable[object]:
    """8. The intent: from here on the call may happen, and the journal says so before it does. See `permit`."""
    run, tool, decision = call.run, call.tool, call.decision
    assert decision is not None
    now = services.clock.now()
    deadline = now + timedelta(seconds=tool.permit_lifetime or tool.timeout + PERMIT_GRACE)
    event = CallPermitted(
        permit_id=new_id(),
        call_id=call.call_id,
        tool=call.tool_name,
        effect=tool.effect,
        attempt=call.attempt,
        digest=call.digest,
        decision=decision,
        authorization=call.authorization,
        request_ids=call.request_ids,
        idempotency_key=sha256(f"{run.id}/{call.call_id}".encode())[:32],
        reserved_cost=f"{call.price:f}",
        deadline=timestamp(deadline),
    )
    payloads = {"policy_input": call.policy_input or b"null"}
    if call.proposals is not None:
        payloads["proposals"] = call.proposals
    call.charges = reservation(run, call.price, now)
    call.permit_id = event.permit_id
    call.idempotency_key, call.deadline = event.idempotency_key, deadline
    return run.submit(run.draft(event, payloads), scopes=call.scopes, charges=call.charges)


async def permit(call: Call, intent: Awaitable[object]) -> Deny | End | None:
    """Wait until the intent is durable; only then is the call permitted.

    Raises:
        AppendRefused: another worker has the run; nothing was written and nothing may start.
    """
    try:
        await intent
    except KilledBySwitch as switch:
        return End(f"switch.{switch.scope}", switch.reason)
    except BudgetExceeded as exceeded:
        return End(f"budgets.{exceeded.budget}", str(exceeded))
    except FenceLost:
        return _ended_meanwhile(call.run)
    call.proposals = None
    return None


async def perform(call: Call, services: Services) -> Outcome:
    """Run a tool under its permit and record what came of it, whoever holds the run by then."""
    tool = call.tool
    services.enter("execute", call.call_id)
    begun = time.perf_counter()
    try:
        value = await tool.invoke(call.arguments, call.context, services.injector, clock=services.clock)
    except asyncio.CancelledError as error:
        if _taken_down():
            raise
        return await _in_doubt(call, error, begun, services)
    except Exception as error:
        message, not_executed = _told(error)
        if not_executed:
            event = _failed(call, error, begun, message, not_executed=True)
            await _record(call, event, services, detail=_where(error))
            return _failure(event)
        if tool.effect == "irreversible" or (tool.effect == "write" and not tool.idempotent):
            return await _in_doubt(call, error, begun, services)
        event = _failed(call, error, begun, message)
        await _record(call, event, services, detail=_where(error))
        return _failure(event)
    result, fault = _encode(call, value)
    executed = _executed(call, begun, fault)
    await _record(call, executed, services, result=result)
    return Executed(call.call_id, call.tool_name, orjson.loads(result) if fault is None else None, fault)


def _taken_down() -> bool:
    """The task itself is being cancelled: the process ends, and the permit stays open for recovery."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def begin_read(call: Call) -> None:
    """Count a read that needs no permit as under way, and send the record of its start on its way."""
    call.run.reading[call.tool_name] += 1
    call.run.reading_same[call.digest] += 1
    call.run.under_way[call.call_id] = asyncio.get_running_loop().create_future()
    if call.proposals is not None:
        call.opened = Opening()
        sent = call.run.submit(*call.opening, linger=START_LINGER, opens=call.opened)
        sent.add_done_callback(
            lambda done: done.cancelled() or done.exception()
        )  # the outcome needs it, and will tell


async def read(call: Call, services: Services) -> Outcome:
    """Run a tool that only reads, and give its answer once it is on record."""
    waited_for = call.run.under_way[call.call_id]
    try:
        outcome = await _read(call, services)
    except BaseException as error:
        waited_for.set_exception(
            error if isinstance(error, Exception) else FenceLost("the read was cancelled")
        )
        waited_for.exception()
        raise
    else:
        waited_for.set_result(outcome)
        return outcome
    finally:
        call.run.under_way.pop(call.call_id, None)
        call.run.reading[call.tool_name] -= 1
        call.run.reading_same[call.digest] -= 1


async def _read(call: Call, services: Services) -> Outcome:
    services.enter("execute", call.call_id)
    begun = time.perf_counter()
    payloads = {"policy_input": call.policy_input or b"null"}
    outcome: Outcome
    try:
        try:
            value = await call.tool.invoke(call.arguments, call.context, services.injector)
        except (Exception, asyncio.CancelledError) as error:
            if isinstance(error, asyncio.CancelledError) and _taken_down():
                raise
            message, not_executed = _told(error)
            failed = _failed(call, error, begun, message, not_executed=not_executed)
            outcome = _failure(failed)
            draft = call.run.draft(failed, {"detail": _where(error), **payloads})
        else:
            result, fault = _encode(call, value)
            outcome = Executed(
                call.call_id, call.tool_name, orjson.loads(result) if fault is None else None, fault
            )
            draft = call.run.draft(_executed(call, begun, fault), {"result": result, **payloads})
        services.enter("record", call.call_id)
        try:
            await call.run.append(draft, needs=call.opened)
        except NotOpened:
            await call.run.append(*call.opening, draft)
        services.enter("answer", call.call_id)
    except FenceLost:
        _ended_meanwhile(call.run)
        ended = deny("run", "licet.run.not_running", "The run ended before this read was on record.")
        return Denied(call.call_id, call.tool_name, ended.stage, ended.reasons)
    return outcome


async def _in_doubt(call: Call, error: BaseException, begun: float, services: Services) -> Outcome:
    happened = await asked_tool(call, services)
    if not happened and call.deadline and services.clock.now() < call.deadline:
        happened = None  # what has not happened yet may still be under way
    if happened is not None:
        said = checked(_kind(error), happened=happened)
        if happened:
            executed = _executed(call, begun, said)
            await _record(call, executed, services, result=b"null")
            return Executed(call.call_id, call.tool_name, None, executed.fault)
        failed = _failed(call, error, begun, said, not_executed=True)
        await _record(call, failed, services, detail=_where(error))
        return _failure(failed)
    return await leave_in_doubt(call.run, call.call_id, f"the tool ended with {_kind(error)}", services)


async def asked_tool(call: Call, services: Services) -> bool | None:
    """Whether the call happened, by the tool's own check; None when it has none, fails, or does not know."""
    check = call.tool.hooks.check_outcome
    if check is None:
        return None
    try:
        answer = await check(call.arguments, call.context, services.injector)
    except Exception:
        return None
    return answer if isinstance(answer, bool) else None


async def leave_in_doubt(run: ActiveRun, call_id: str, cause: str, services: Services) -> InDoubt:
    """Stop the run: nobody knows whether the call happened, and only a person can say."""
    call = run.state.calls[call_id]
    permitted = call.permit
    assert permitted is not None
    doubt = CallInDoubt(call_id=call_id, tool=call.tool, permit_id=permitted.permit_id, cause=cause)
    detail = f"{call.tool} ({call_id}) may or may not have happened"
    await suspend(run, services.clock, "in_doubt", detail, run.draft(doubt), fenced=False)
    return InDoubt(run.id, call_id, call.tool, cause, parse_timestamp(permitted.deadline))


async def _record(
    call: Call, event: CallExecuted | CallFailed, services: Services, **payloads: bytes
) -> None:
    spent = call.price if isinstance(event, CallExecuted) else call.price * 0
    services.enter("record", call.call_id)
    for _ in range(RECORD_TRIES - 1):
        try:
            await call.run.append(
                call.run.draft(event, payloads), fenced=False, charges=settlement(call.charges, spent)
            )
        except ServiceDown:
            continue
        services.enter("answer", call.call_id)
        return
    await call.run.append(
        call.run.draft(event, payloads), fenced=False, charges=settlement(call.charges, spent)
    )
    services.enter("answer", call.call_id)


def _executed(call: Call, begun: float, fault: str | None) -> CallExecuted:
    return CallExecuted(
        call_id=call.call_id,
        tool=call.tool_name,
        digest=call.digest,
        permit_id=call.permit_id,
        decision=None if call.permit_id else call.decision,
        cost=f"{call.price:f}",
        elapsed_us=_elapsed(begun),
        fault=fault,
    )


def _failed(
    call: Call, error: BaseException, begun: float, message: str, *, not_executed: bool = False
) -> CallFailed:
    return CallFailed(
        call_id=call.call_id,
        tool=call.tool_name,
        digest=call.digest,
        permit_id=call.permit_id,
        decision=None if call.permit_id else call.decision,
        error=_kind(error),
        message=message,
        not_executed=not_executed,
        elapsed_us=_elapsed(begun),
    )


def _failure(event: CallFailed) -> Failed:
    return Failed(event.call_id, event.tool, event.error, event.message, event.not_executed)


def _told(error: BaseException) -> tuple[str, bool]:
    """What the model may read of an exception, and whether it says for certain that nothing happened."""
    if isinstance(error, NotExecuted | NotStarted | MissingProvider):
        return _clean(str(error), LONGEST_WORD), True
    if isinstance(error, ToolTimeout):
        return str(error), not error.started
    return f"The tool failed ({_kind(error)}).", False


def _kind(error: BaseException) -> str:
    return _clean(type(error).__name__, 100)


def _clean(text: str, most: int) -> str:
    """Text that can be recorded: no half of a surrogate pair, and no more than `most` characters."""
    return text[:most].encode(errors="replace").decode()


def _encode(call: Call, value: object) -> tuple[bytes, str | None]:
    try:
        return call.tool.encode_result(value), None
    except InvalidResult as error:
        return b"null", str(error)


def _where(error: BaseException) -> bytes:
    """Where it was raised, without any value: an exception's text may hold a secret."""
    frames = []
    trace = error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        frames.append(_clean(f"{code.co_filename}:{trace.tb_lineno} {code.co_qualname}", LONGEST_WORD))
        trace = trace.tb_next
    return canonical({"error": _kind(error), "frames": frames})


def _elapsed(begun: float) -> int:
    return round((time.perf_counter() - begun) * 1_000_000)


def _ended_meanwhile(run: ActiveRun) -> Deny:
    run.catch_up()
    if run.state.status == "running":
        raise FenceLost(f"another worker has taken run {run.id} over; nothing was started here")
    return deny("run", "licet.run.not_running", f"This run is {run.state.status}; no call can start.")
