"""Suspend and resume: what was approved is what runs, once, in any process, and the model hears of it."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

import pytest
from governed import ALICE, Ledger, answer, calls, describe, desk, scripted, world
from pydantic_ai.messages import ModelMessage, ModelRequest, ToolReturnPart

from licet import (
    Amount,
    Answered,
    Denied,
    Executed,
    Injected,
    Pending,
    Reviewer,
    Runtime,
    Stopped,
    Suspended,
    allow,
    at_most,
    tool,
)
from licet.audit.events import Actor, ApprovalClosed, CallPermitted
from licet.audit.journal import Journal
from licet.audit.verify import verify
from licet.runtime.errors import UnknownRun
from licet.runtime.switches import stop_run

BOB = Reviewer(id="local:bob", local=True)
ASK = [calls(("refund", {"order_id": "O-1", "amount": "120.00"})), answer("done")]


def told(messages: list[ModelMessage]) -> list[ToolReturnPart]:
    return [
        part
        for message in messages
        if isinstance(message, ModelRequest)
        for part in message.parts
        if isinstance(part, ToolReturnPart)
    ]


async def asked(folder: Path, **options: Any) -> Suspended:
    async with world(folder, model=scripted(ASK), **options) as runtime:
        result = await runtime.run("desk", "please", ALICE)
    assert isinstance(result, Suspended) and result.cause == "approval"
    return result


async def test_approved_it_runs_once_in_another_runtime(tmp_path: Path) -> None:
    waiting = await asked(tmp_path)
    assert Ledger(tmp_path / "ledger.txt").lines() == []
    seen: list[list[ModelMessage]] = []
    async with world(tmp_path, model=scripted(ASK, seen)) as runtime:
        again = await runtime.resume(waiting.run_id)
        assert isinstance(again, Suspended)
        runtime.approvals().approve(waiting.approvals[0], BOB, reason="fine")
        result = await runtime.resume(waiting.run_id)
        assert isinstance(result, Answered)
        assert await runtime.resume(waiting.run_id) == result
        (permit,) = [
            record.event
            for record in runtime.journal.read(waiting.run_id)
            if isinstance(record.event, CallPermitted)
        ]
        assert permit.request_ids == waiting.approvals
    assert Ledger(tmp_path / "ledger.txt").lines() == ["refund O-1 120"]
    assert told(seen[-1])[0].content == {"paid": "120"}
    assert verify(f"sqlite:///{tmp_path}/licet.db").problems == []


async def test_rejected_it_never_runs_and_the_model_is_told_not_to_try_again(tmp_path: Path) -> None:
    waiting = await asked(tmp_path)
    seen: list[list[ModelMessage]] = []
    async with world(tmp_path, model=scripted(ASK, seen)) as runtime:
        runtime.approvals().reject(waiting.approvals[0], BOB, reason="no receipt")
        assert isinstance(await runtime.resume(waiting.run_id), Answered)
    assert Ledger(tmp_path / "ledger.txt").lines() == []
    content = str(told(seen[-1])[0].content)
    assert "no receipt" in content and "Do not propose" in content


async def test_edited_the_edited_call_runs_and_the_model_is_told_what_was_executed(tmp_path: Path) -> None:
    waiting = await asked(tmp_path)
    seen: list[list[ModelMessage]] = []
    async with world(tmp_path, model=scripted(ASK, seen)) as runtime:
        runtime.approvals().edit(
            waiting.approvals[0], BOB, {"order_id": "O-1", "amount": "60"}, reason="only half"
        )
        assert isinstance(await runtime.resume(waiting.run_id), Answered)
    assert Ledger(tmp_path / "ledger.txt").lines() == ["refund O-1 60"]
    content = told(seen[-1])[0].content
    assert isinstance(content, dict)
    assert content["executed_arguments"] == {"order_id": "O-1", "amount": 60}
    assert "Do not propose the original call again" in content["note"]


@pytest.mark.parametrize("spelled", ["60.00", "6e1", "060"])
async def test_an_edit_may_spell_an_amount_as_people_do(tmp_path: Path, spelled: str) -> None:
    waiting = await asked(tmp_path)
    async with world(tmp_path, model=scripted(ASK)) as runtime:
        runtime.approvals().edit(
            waiting.approvals[0], BOB, {"order_id": "O-1", "amount": spelled}, reason="x"
        )
        assert isinstance(await runtime.resume(waiting.run_id), Answered)
    assert Ledger(tmp_path / "ledger.txt").lines() == ["refund O-1 60"]


async def test_an_edit_is_decided_again_and_cannot_leave_the_narrowing(tmp_path: Path) -> None:
    waiting = await asked(tmp_path)
    async with world(tmp_path, model=scripted(ASK)) as runtime:
        runtime.approvals().edit(
            waiting.approvals[0], BOB, {"order_id": "O-1", "amount": "5000"}, reason="generous"
        )
        assert isinstance(await runtime.resume(waiting.run_id), Answered)
    assert Ledger(tmp_path / "ledger.txt").lines() == []


async def test_unanswered_in_time_it_fails_closed(tmp_path: Path) -> None:
    waiting = await asked(tmp_path)

    class NextYear:
        def now(self) -> datetime:
            return datetime.now(UTC) + timedelta(days=365)

    async with world(tmp_path, model=scripted(ASK), clock=NextYear()) as runtime:
        assert isinstance(await runtime.resume(waiting.run_id), Answered)
        closed = [
            record.event
            for record in runtime.journal.read(waiting.run_id)
            if isinstance(record.event, ApprovalClosed)
        ]
        assert [event.cause for event in closed] == ["expired"]
    assert Ledger(tmp_path / "ledger.txt").lines() == []


async def test_a_tool_swapped_behind_its_name_voids_the_approval(tmp_path: Path) -> None:
    waiting = await asked(tmp_path)

    @tool(effect="irreversible", name="refund", preview=describe)
    def other(
        order_id: str,
        amount: Annotated[Decimal, Amount("EUR")],
        ledger: Annotated[Ledger, Injected],
        note: str = "",
    ) -> dict[str, str]:
        """Pay back, differently."""
        ledger.write(f"other {order_id} {amount}")
        return {}

    changed = desk(tools=[allow(other, amount=at_most("200.00"))], version="2")
    async with world(tmp_path, model=scripted(ASK)) as runtime:
        runtime.approvals().approve(waiting.approvals[0], BOB)
    async with world(tmp_path, model=scripted(ASK), workflows=[changed]) as runtime:
        result = await runtime.resume(waiting.run_id)
        assert isinstance(result, Suspended) and result.approvals != waiting.approvals
        (closed,) = [
            record.event
            for record in runtime.journal.read(waiting.run_id)
            if isinstance(record.event, ApprovalClosed)
        ]
        assert closed.cause == "void" and "changed" in closed.why
    assert Ledger(tmp_path / "ledger.txt").lines() == []


async def test_an_approval_never_overrides_authorization_or_a_narrowing_of_today(tmp_path: Path) -> None:
    allowed = True

    def authorize(order_id: str) -> bool:
        return allowed

    @tool(effect="irreversible", preview=describe, authorize=authorize)
    def refund(order_id: str, amount: Decimal, ledger: Annotated[Ledger, Injected]) -> str:
        """Pay back."""
        ledger.write("refund")
        return "ok"

    workflow = desk(tools=[allow(refund)])
    async with world(tmp_path, model=scripted(ASK), workflows=[workflow]) as runtime:
        waiting = await runtime.run("desk", "please", ALICE)
        assert isinstance(waiting, Suspended)
        runtime.approvals().approve(waiting.approvals[0], BOB)
        allowed = False
        assert isinstance(await runtime.resume(waiting.run_id), Answered)
    assert Ledger(tmp_path / "ledger.txt").lines() == []


async def test_an_invented_review_does_not_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    waiting = await asked(tmp_path)
    monkeypatch.setenv("LICET_APPROVAL_KEY", str(tmp_path / "elsewhere" / "approval.key"))
    async with world(tmp_path, model=scripted(ASK)) as runtime:
        runtime.approvals().approve(waiting.approvals[0], BOB)
    monkeypatch.setenv("LICET_APPROVAL_KEY", str(tmp_path / "keys" / "approval.key"))
    async with world(tmp_path, model=scripted(ASK)) as runtime:
        result = await runtime.resume(waiting.run_id)
    assert isinstance(result, Suspended)
    assert Ledger(tmp_path / "ledger.txt").lines() == []


async def test_a_sessions_call_runs_when_the_session_asks_for_its_outcome(tmp_path: Path) -> None:
    async with world(tmp_path) as runtime:
        async with runtime.session("desk", ALICE) as run:
            pending = await run.call("refund", {"order_id": "O-1", "amount": "120"})
            assert isinstance(pending, Pending) and pending.request_id
            assert isinstance(await run.outcome("c1"), Pending)
            runtime.approvals().approve(pending.request_id, BOB)
            assert isinstance(await run.outcome("c1"), Executed)
            assert isinstance(await run.outcome("c1"), Executed)
    assert Ledger(tmp_path / "ledger.txt").lines() == ["refund O-1 120"]


async def test_a_session_can_be_taken_up_again_after_its_process_ended(tmp_path: Path) -> None:
    async with world(tmp_path) as runtime, runtime.session("desk", ALICE) as run:
        pending = await run.call("refund", {"order_id": "O-1", "amount": "120"})
        other = await run.call("refund", {"order_id": "O-2", "amount": "130"})
        assert isinstance(pending, Pending) and isinstance(other, Pending)
    async with world(tmp_path) as runtime:
        runtime.approvals().approve(pending.request_id or "", BOB)
        runtime.approvals().reject(other.request_id or "", BOB, reason="no")
        result = await runtime.resume(run.id)
        assert isinstance(result, Suspended) and result.cause == "released"
        async with runtime.session(run_id=run.id) as again:
            assert isinstance(await again.outcome("c1"), Executed)
            assert isinstance(await again.outcome("c2"), Denied)
            assert isinstance(await again.call("read_order", {"order_id": "O-1"}), Executed)
    assert Ledger(tmp_path / "ledger.txt").lines() == ["refund O-1 120"]


async def test_two_workers_resume_at_once_and_it_runs_once(tmp_path: Path) -> None:
    import asyncio

    waiting = await asked(tmp_path)
    async with world(tmp_path, model=scripted(ASK)) as one, world(tmp_path, model=scripted(ASK)) as two:
        one.approvals().approve(waiting.approvals[0], BOB)
        await asyncio.gather(
            *(runtime.resume(waiting.run_id) for runtime in (one, two, one, two)), return_exceptions=True
        )
    assert Ledger(tmp_path / "ledger.txt").lines() == ["refund O-1 120"]
    assert verify(f"sqlite:///{tmp_path}/licet.db").problems == []


async def test_a_run_that_waits_can_be_stopped_for_good(tmp_path: Path) -> None:
    waiting = await asked(tmp_path)
    with Journal.open(f"sqlite:///{tmp_path}/licet.db") as journal:
        stop_run(journal, waiting.run_id, reason="wrong desk", actor=Actor(kind="operator", id="local:ops"))
    async with world(tmp_path, model=scripted(ASK)) as runtime:
        result = await runtime.resume(waiting.run_id)
        assert isinstance(result, Stopped) and result.reason == "wrong desk"
        assert runtime.approvals().pending() == []
        with pytest.raises(UnknownRun):
            await runtime.resume("0" * 36)


async def fail_in_the_middle(runtime: Runtime) -> list[str]:
    started: list[str] = []
    with suppress(ZeroDivisionError):
        async with runtime.session("desk", ALICE) as run:
            started.append(run.id)
            await run.call("read_order", {"order_id": "O-1"})
            raise ZeroDivisionError
    return started


async def test_a_session_that_ends_by_an_exception_can_be_taken_up_again(tmp_path: Path) -> None:
    async with world(tmp_path) as runtime:
        (run_id,) = await fail_in_the_middle(runtime)
        head = runtime.journal.head(run_id)
        assert head is not None and head.status == "suspended"
        async with runtime.session(run_id=run_id) as again:
            assert isinstance(await again.outcome("c1"), Executed)
            assert isinstance(await again.call("refund", {"order_id": "O-1", "amount": "1"}), Executed)
    assert Ledger(tmp_path / "ledger.txt").lines() == ["refund O-1 1"]
