"""What goes wrong around a call: impatient callers, broken tools, hostile responses, reviewers who leave."""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import pytest
from governed import ALICE, Ledger, answer, calls, desk, scripted, world
from pydantic_ai.messages import ModelMessage, ModelResponse, TextPart, ToolCallPart
from pydantic_ai.usage import RequestUsage

from licet import (
    Answered,
    Executed,
    Failed,
    InDoubt,
    Injected,
    NotExecuted,
    Pending,
    Reviewer,
    RunFailed,
    allow,
    tool,
)
from licet.approvals import FileDirectory
from licet.audit.clock import parse_timestamp
from licet.audit.events import Actor, CallInDoubt
from licet.audit.records import Draft, Unit
from licet.audit.verify import verify
from licet.runtime.recovery import load
from licet.runtime.results import outcome_of

BOB = Reviewer(id="local:bob", local=True)
CAROL = Reviewer(id="local:carol", local=True)
ASK = [calls(("refund", {"order_id": "O-1", "amount": "120.00"})), answer("done")]


def once(function: Any, **options: Any) -> Any:
    """A workflow of this one tool, which needs no person and no preview."""
    return desk(tools=[allow(function, unattended=True)], previews="none", model=None, **options)


class SteppedAhead:
    """A clock by which every permit has run out."""

    def now(self) -> datetime:
        """In an hour."""
        return datetime.now(UTC) + timedelta(hours=1)


def intact(folder: Path) -> bool:
    return not verify(f"sqlite:///{folder}/licet.db").problems


async def test_a_caller_that_lost_patience_and_asks_for_the_outcome_starts_nothing_twice(
    tmp_path: Path,
) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()

    @tool(effect="irreversible")
    async def pay(ledger: Annotated[Ledger, Injected]) -> str:
        """Pay, slowly."""
        ledger.write("paid")
        begun.set()
        await go_on.wait()
        return "ok"

    async with world(tmp_path, workflows=[once(pay)]) as runtime, runtime.session("desk", ALICE) as run:
        first = asyncio.create_task(run.call("pay", {}))
        await begun.wait()
        first.cancel()
        askers = [asyncio.create_task(run.outcome("c1")) for _ in range(3)]
        await asyncio.sleep(0)
        go_on.set()
        assert {type(outcome) for outcome in await asyncio.gather(*askers)} == {Executed}
    assert Ledger(tmp_path / "ledger.txt").lines() == ["paid"]


async def test_two_who_ask_at_once_for_an_approved_call_run_it_once(tmp_path: Path) -> None:
    async with world(tmp_path) as runtime, runtime.session("desk", ALICE) as run:
        pending = await run.call("refund", {"order_id": "O-1", "amount": "120"})
        assert isinstance(pending, Pending) and pending.request_id
        runtime.approvals().approve(pending.request_id, BOB)
        outcomes = await asyncio.gather(*(run.outcome("c1") for _ in range(4)))
        assert all(isinstance(outcome, Executed) for outcome in outcomes)
    assert Ledger(tmp_path / "ledger.txt").lines() == ["refund O-1 120"]
    assert intact(tmp_path)


async def test_that_it_has_not_happened_yet_is_not_believed_while_it_may_be_under_way(tmp_path: Path) -> None:
    go_on, paid = threading.Event(), threading.Event()

    def check() -> bool:
        return paid.is_set()

    @tool(effect="irreversible", timeout=0.05, check_outcome=check)
    def pay() -> str:
        """Pay, after its time is up."""
        go_on.wait()
        paid.set()
        return "ok"

    async with world(tmp_path, workflows=[once(pay)]) as runtime:
        async with runtime.session("desk", ALICE) as run:
            assert isinstance(await run.call("pay", {}), InDoubt)
    go_on.set()


async def test_a_call_that_was_cancelled_early_gives_its_number_to_no_later_one(tmp_path: Path) -> None:
    async def allowed(number: int) -> bool:
        if number == 1:
            await asyncio.Event().wait()
        return True

    @tool(effect="write", authorize=allowed)
    async def note(number: int) -> int:
        """Note a number."""
        return number

    async with world(tmp_path, workflows=[once(note)]) as runtime:
        with suppress(LookupError):
            async with runtime.session("desk", ALICE) as run:
                with pytest.raises(TimeoutError):
                    await asyncio.wait_for(run.call("note", {"number": 1}), 0.01)
                assert isinstance(await run.call("note", {"number": 2}), Executed)
                raise LookupError
        async with runtime.session(run_id=run.id) as again:
            assert await again.call("note", {"number": 3}) == Executed("c3", "note", 3)
    assert intact(tmp_path)


async def test_an_edit_that_comes_while_the_run_reads_what_is_new_is_not_taken_for_erased(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with world(tmp_path) as runtime, runtime.session("desk", ALICE) as run:
        pending = await run.call("refund", {"order_id": "O-1", "amount": "120"})
        assert isinstance(pending, Pending)
        request, reads = pending.request_id or "", []

        def then_edited(read: Any) -> Any:
            def reading(*args: Any, **options: Any) -> Any:
                found = read(*args, **options)
                reads.append(read)
                if len(reads) == 1:
                    runtime.approvals().edit(request, BOB, {"order_id": "O-1", "amount": "60"})
                return found

            return reading

        for name in ("read", "payloads"):
            monkeypatch.setattr(runtime.journal, name, then_edited(getattr(runtime.journal, name)))
        assert isinstance(await run.outcome("c1"), Executed)
        lived, read_back = run._run.state.calls["c1"], load(runtime.journal, run.id).calls["c1"]
        assert lived.edits == read_back.edits != ()
        assert lived.edited and read_back.edited


async def test_an_outcome_that_comes_on_record_while_the_tool_is_asked_stands(tmp_path: Path) -> None:
    """A worker that is taken for dead may be alive, and the next one asks the tool what became of the call."""
    begun, asked = asyncio.Event(), asyncio.Event()
    late: list[asyncio.Task[Any]] = []

    async def check() -> None:
        asked.set()
        await late[0]

    @tool(effect="write", check_outcome=check)
    async def pay() -> str:
        """Pay, slowly."""
        begun.set()
        await asked.wait()
        return "ok"

    workflow, tomorrow = once(pay), SteppedAhead()
    async with world(tmp_path, workflows=[workflow]) as first:
        run = await first.session("desk", ALICE).__aenter__()
        late.append(asyncio.create_task(run.call("pay", {})))
        await begun.wait()
        async with world(tmp_path, workflows=[workflow], clock=tomorrow) as second:
            await second.resume(run.id)
        kinds = [record.event.type for record in first.journal.read(run.id)]
        assert kinds.count("call.executed") == 1 and "call.in_doubt" not in kinds
    assert intact(tmp_path)


async def test_a_doubt_that_came_on_record_behind_the_outcome_can_still_be_answered(tmp_path: Path) -> None:
    """Two workers wrote at the same moment, and the later record says less."""

    @tool(effect="write")
    async def pay() -> str:
        """Pay."""
        return "ok"

    async with world(tmp_path, workflows=[once(pay)]) as runtime:
        async with runtime.session("desk", ALICE) as run:
            await run.call("pay", {})
            permit = load(runtime.journal, run.id).calls["c1"].permit
            assert permit is not None
            doubt = CallInDoubt(
                call_id="c1", tool="pay", permit_id=permit.permit_id, cause="its worker ended"
            )
            unit = Unit(run.id, ALICE.tenant, (Draft(doubt, Actor(kind="runtime", id="licet")),))
            runtime.journal.append_now(unit)
            state = load(runtime.journal, run.id)
            outcome = outcome_of(state, state.calls["c1"])
            assert isinstance(outcome, InDoubt)
            assert outcome.reconcile_after == parse_timestamp(permit.deadline)


async def test_that_it_has_happened_is_believed(tmp_path: Path) -> None:
    def check() -> bool:
        return True

    @tool(effect="irreversible", check_outcome=check)
    def pay() -> str:
        """Pay, and lose the line."""
        raise ConnectionError

    async with world(tmp_path, workflows=[once(pay)]) as runtime:
        async with runtime.session("desk", ALICE) as run:
            outcome = await run.call("pay", {})
    assert isinstance(outcome, Executed) and outcome.fault


async def test_a_session_waits_for_what_it_began_before_it_ends(tmp_path: Path) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()

    @tool(effect="irreversible")
    async def pay(ledger: Annotated[Ledger, Injected]) -> str:
        """Pay, slowly."""
        begun.set()
        await go_on.wait()
        ledger.write("paid")
        return "ok"

    async with world(tmp_path, workflows=[once(pay)]) as runtime:
        async with runtime.session("desk", ALICE) as run:
            call = asyncio.create_task(run.call("pay", {}))
            await begun.wait()
            call.cancel()
            asyncio.get_running_loop().call_soon(go_on.set)
        kinds = [record.event.type for record in runtime.journal.read(run.id)]
        assert kinds[-2:] == ["call.executed", "run.finished"]
    assert intact(tmp_path)


@pytest.mark.parametrize(
    "error", [asyncio.CancelledError(), TimeoutError("x"), ExceptionGroup("x", [OSError()])]
)
async def test_whatever_an_irreversible_tool_raises_its_call_is_in_doubt(
    tmp_path: Path, error: BaseException
) -> None:
    @tool(effect="irreversible")
    async def pay() -> str:
        """Raise."""
        raise error

    async with world(tmp_path, workflows=[once(pay)]) as runtime:
        async with runtime.session("desk", ALICE) as run:
            assert isinstance(await run.call("pay", {}), InDoubt)
        assert isinstance(await runtime.resume(run.id), InDoubt)
    assert intact(tmp_path)


async def test_a_tools_own_words_are_recorded_whatever_they_hold(tmp_path: Path) -> None:
    @tool(effect="irreversible")
    async def pay() -> str:
        """Say something odd."""
        raise NotExecuted("half a pair \ud800 " + "x" * 100_000)

    async with world(tmp_path, workflows=[once(pay)]) as runtime:
        async with runtime.session("desk", ALICE) as run:
            outcome = await run.call("pay", {})
    assert isinstance(outcome, Failed) and outcome.not_executed
    assert len(outcome.message) < 3_000


async def test_an_observer_that_fails_comes_between_nothing(tmp_path: Path) -> None:
    def observer(stage: str, call_id: str) -> None:
        raise RuntimeError(stage)

    async with world(tmp_path, observer=observer) as runtime, runtime.session("desk", ALICE) as run:
        assert isinstance(await run.call("refund", {"order_id": "O-1", "amount": "1"}), Executed)


@pytest.mark.parametrize(
    "response",
    [
        ModelResponse(parts=[TextPart("half a pair \ud800")]),
        ModelResponse(parts=[ToolCallPart("read_order\ud800", {"order_id": "O-1"}, tool_call_id="a")]),
        ModelResponse(parts=[ToolCallPart("read_order", {"order_id": 2**200}, tool_call_id="a")]),
        ModelResponse(parts=[ToolCallPart("read_order", {"order_id": float("nan")}, tool_call_id="a")]),
        ModelResponse(parts=[ToolCallPart("x" * 100_000, "{", tool_call_id="a")]),
        ModelResponse(parts=[]),
    ],
)
async def test_no_response_of_a_model_ends_in_a_traceback(tmp_path: Path, response: ModelResponse) -> None:
    async with world(tmp_path, model=scripted([response, answer("well")])) as runtime:
        result = await runtime.run("desk", "go", ALICE)
        assert isinstance(result, Answered | RunFailed)
        assert await runtime.resume(result.run_id) == result
    assert intact(tmp_path)


async def test_a_provider_gives_nothing_back_and_counts_no_more_than_can_be(tmp_path: Path) -> None:
    odd = answer("ok")
    odd.usage = RequestUsage(input_tokens=-1_000_000, output_tokens=10**30)
    async with world(tmp_path, model=scripted([odd])) as runtime:
        result = await runtime.run("desk", "go", ALICE)
    assert result.spent.usd >= 0 and result.spent.tokens >= 0  # type: ignore[union-attr]


async def test_a_directory_that_breaks_parks_the_run(tmp_path: Path) -> None:
    listed = tmp_path / "reviewers.yaml"
    listed.write_text('reviewers: {"local:bob": {groups: [payments]}}\n')
    async with world(tmp_path, directory=FileDirectory(listed)) as runtime:
        async with runtime.session("desk", ALICE) as run:
            listed.write_text("reviewers: [")
            outcome = await run.call("refund", {"order_id": "O-1", "amount": "120"})
            assert isinstance(outcome, Pending) and outcome.cause == "policy_unavailable"
        listed.write_text('reviewers: {"local:bob": {groups: [payments]}}\n')
        async with runtime.session(run_id=run.id) as again:
            outcome = await again.outcome("c1")
            assert isinstance(outcome, Pending) and outcome.cause == "approval"


async def test_after_an_edit_that_no_longer_counts_the_next_reviewer_approves_what_is_shown(
    tmp_path: Path,
) -> None:
    listed = tmp_path / "reviewers.yaml"
    both = 'reviewers: {"local:bob": {groups: []}, "local:carol": {groups: []}}\n'
    listed.write_text(both)
    seen: list[list[ModelMessage]] = []
    async with world(tmp_path, model=scripted(ASK, seen), directory=FileDirectory(listed)) as runtime:
        waiting = await runtime.run("desk", "please", ALICE)
        runtime.approvals().edit(
            waiting.approvals[0],
            BOB,
            {"order_id": "O-1", "amount": "60"},
            reason="half",  # type: ignore[union-attr]
        )
        listed.write_text('reviewers: {"local:carol": {groups: []}}\n')
        again = await runtime.resume(waiting.run_id)
        request = again.approvals[0]  # type: ignore[union-attr]
        shown = runtime.approvals().shown(runtime.approvals().get(request)).args
        assert shown == {"order_id": "O-1", "amount": "60"}
        runtime.approvals().approve(request, CAROL)
        assert isinstance(await runtime.resume(waiting.run_id), Answered)
    assert Ledger(tmp_path / "ledger.txt").lines() == ["refund O-1 60"]
    assert "'amount': 60" in str(seen[-1][-1])
