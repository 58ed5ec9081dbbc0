"""licet.testing: what those who embed Licet test with."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_ai.messages import ModelMessage, ModelRequest, ModelResponse, TextPart, ToolReturnPart

from licet import (
    Amount,
    Answered,
    Priced,
    Principal,
    Reviewer,
    Runtime,
    Stopped,
    Suspended,
    Workflow,
    allow,
    at_most,
    tool,
)
from licet.approvals import NotAReviewer
from licet.audit.events import ApprovalOwed, GroupCount
from licet.testing import Approver, FixedClock, ScriptedModel, ScriptEnded, Step, answer, calls

ALICE = Principal("alice")
PAID: list[str] = []


@tool(effect="read")
def look(order: str) -> str:
    """Look at an order."""
    return f"{order} is paid"


@tool(effect="irreversible", preview=lambda: "pay")
def pay(amount: Annotated[Decimal, Amount("EUR")]) -> str:
    """Pay."""
    PAID.append(f"{amount}")
    return "paid"


@pytest.fixture(autouse=True)
def nothing_paid() -> None:
    PAID.clear()


def desk(tmp_path: Path, steps: list[Step], people: Approver | None = None, **options: Any) -> Runtime:
    workflow = Workflow(
        name="desk",
        version="1",
        owner="o@acme.example",
        purpose="Test",
        tools=[allow(look), allow(pay, amount=at_most("200"))],
        model="main",
    )
    if people is not None:
        options |= {"directory": people, "verifier": people.verifier}
    return Runtime(
        f"sqlite:///{tmp_path}/licet.db",
        workflows=[workflow],
        models={"main": Priced(ScriptedModel(steps), input="1", output="1")},
        **options,
    )


def told(messages: list[ModelMessage]) -> list[Any]:
    """What the model was told of its calls."""
    requests = [message for message in messages if isinstance(message, ModelRequest)]
    return [
        part.content for message in requests for part in message.parts if isinstance(part, ToolReturnPart)
    ]


class TestScriptedModel:
    async def test_it_plays_its_steps_in_order(self, tmp_path: Path) -> None:
        steps: list[Step] = [
            calls("look", {"order": "O-1"}),
            [calls("look", {"order": "O-2"}), calls("look", '{"order": "O-3"}', says="the last one")],
            lambda messages: answer(" and ".join(told(messages))),
        ]
        async with desk(tmp_path, steps) as runtime:
            result = await runtime.run("desk", "look", ALICE)
        assert isinstance(result, Answered)
        assert result.message == "O-1 is paid and O-2 is paid and O-3 is paid"

    async def test_its_usage_is_what_was_set(self, tmp_path: Path) -> None:
        model = ScriptedModel(["hello"], input_tokens=7, output_tokens=3, name="parrot")
        response = await model.request([], None, _no_parameters())
        assert (response.usage.input_tokens, response.usage.output_tokens) == (7, 3)
        assert (response.model_name, response.parts) == ("parrot", [TextPart("hello")])
        silent = await ScriptedModel(["hello"], input_tokens=0, output_tokens=0).request(
            [], None, _no_parameters()
        )
        assert not silent.usage.has_values()

    async def test_a_whole_response_is_given_as_it_is(self) -> None:
        whole = ModelResponse(parts=[TextPart("as it is")], finish_reason="length")
        model = ScriptedModel([whole])
        response = await model.request([], None, _no_parameters())
        assert (response.parts, response.finish_reason) == (whole.parts, "length")
        assert model.requests == [[]]

    async def test_running_out_of_script_fails_the_test_and_not_the_run(self, tmp_path: Path) -> None:
        async with desk(tmp_path, [calls("look", {"order": "O-1"})]) as runtime:
            with pytest.raises(ScriptEnded, match=r"once more than its script has steps \(1\)"):
                await runtime.run("desk", "look", ALICE)

    async def test_a_run_that_goes_on_elsewhere_goes_on_in_its_script(self, tmp_path: Path) -> None:
        people, steps = Approver(), [calls("pay", {"amount": "20"}), answer("Paid.")]
        async with desk(tmp_path, list(steps), people) as runtime:
            waits = await runtime.run("desk", "pay", ALICE)
        assert isinstance(waits, Suspended)
        async with desk(tmp_path, list(steps), people) as runtime:
            people.approve_all(runtime)
            assert isinstance(await runtime.resume(waits.run_id), Answered)
        assert PAID == ["20"]


class TestApprover:
    async def waiting(self, runtime: Runtime) -> str:
        waits = await runtime.run("desk", "pay", ALICE)
        assert isinstance(waits, Suspended)
        return waits.run_id

    def steps(self) -> list[Step]:
        return [calls("pay", {"amount": "20"}), calls("pay", {"amount": "120"}), answer("Paid.")]

    async def test_it_approves_only_what_it_is_told_to(self, tmp_path: Path) -> None:
        people = Approver()
        async with desk(tmp_path, self.steps(), people) as runtime:
            run_id = await self.waiting(runtime)
            assert people.approve(runtime, lambda asked: asked.args["amount"] == "120") == []
            (request,) = people.approve(runtime, lambda asked: asked.tool == "pay", "fine")
            assert request.status == "approved"
            assert isinstance(await runtime.resume(run_id), Suspended)
            assert PAID == ["20"]
            assert [asked.args for asked in people.pending(runtime)] == [{"amount": "120"}]

    async def test_what_it_rejects_does_not_run(self, tmp_path: Path) -> None:
        people = Approver()
        async with desk(tmp_path, [calls("pay", {"amount": "20"}), answer("Not paid.")], people) as runtime:
            run_id = await self.waiting(runtime)
            assert [request.status for request in people.reject(runtime, "no")] == ["rejected"]
            assert isinstance(await runtime.resume(run_id), Answered)
        assert PAID == []

    async def test_what_it_edits_runs_as_edited(self, tmp_path: Path) -> None:
        people = Approver()
        async with desk(tmp_path, [calls("pay", {"amount": "20"}), answer("Paid.")], people) as runtime:
            run_id = await self.waiting(runtime)
            assert people.edit(runtime, lambda asked: None) == []
            (request,) = people.edit(runtime, lambda asked: {**asked.args, "amount": "10"})
            assert request.status == "edited"
            await runtime.resume(run_id)
        assert PAID == ["10"]

    async def test_a_runtime_trusts_no_other_key(self, tmp_path: Path) -> None:
        people, stranger = Approver(), Approver()
        async with desk(tmp_path, [calls("pay", {"amount": "20"}), answer("Paid.")], people) as runtime:
            run_id = await self.waiting(runtime)
            stranger.approve_all(runtime)
            assert isinstance(await runtime.resume(run_id), Suspended)
        assert PAID == []

    async def test_nobody_outside_of_it_may_review(self, tmp_path: Path) -> None:
        people = Approver({"bob": ()})
        async with desk(tmp_path, [calls("pay", {"amount": "20"})], people) as runtime:
            await self.waiting(runtime)
            (asked,) = people.pending(runtime)
            with pytest.raises(NotAReviewer):
                runtime.approvals(people.signer).approve(
                    asked.request.request_id, Reviewer("eve", local=False)
                )

    def test_it_knows_what_its_reviewers_can_give(self) -> None:
        people = Approver({"bob": {"payments"}, "carol": {"payments", "legal"}})
        both = ApprovalOwed(requires=(GroupCount(group="payments", count=2),), expires_in=60, reason="much")
        assert people.possible(both, "acme") is None
        assert people.possible(both, "acme", "bob") is not None
        assert people.groups("carol", "acme") == {"payments", "legal", "any"}
        assert people.groups("eve", "acme") == frozenset()


class TestFixedClock:
    def test_it_moves_only_when_told(self) -> None:
        clock = FixedClock()
        assert clock.now() == clock.now() == datetime(2026, 1, 2, 12, 0, tzinfo=UTC)
        assert clock.advance(hours=1, seconds=0.5) == datetime(2026, 1, 2, 13, 0, 0, 500_000, tzinfo=UTC)
        assert clock.advance(days=-1) == clock.now() == datetime(2026, 1, 1, 13, 0, 0, 500_000, tzinfo=UTC)

    @given(st.integers(-23, 23))
    def test_it_is_in_utc(self, offset: int) -> None:
        zone = timezone(timedelta(hours=offset))
        clock = FixedClock(datetime(2026, 1, 2, 12, 0, tzinfo=zone))
        assert clock.now().utcoffset() == timedelta(0)

    def test_it_needs_a_time_zone(self) -> None:
        with pytest.raises(ValueError, match="time zone"):
            FixedClock(datetime(2026, 1, 2))  # noqa: DTZ001

    async def test_a_request_runs_out_without_waiting(self, tmp_path: Path) -> None:
        people, clock = Approver(), FixedClock()
        steps: list[Step] = [calls("pay", {"amount": "20"}), answer("Nobody answered.")]
        async with desk(tmp_path, steps, people, clock=clock) as runtime:
            waits = await runtime.run("desk", "pay", ALICE)
            clock.advance(days=30)
            assert people.pending(runtime) == []
            result = await runtime.resume(waits.run_id)
        assert isinstance(result, Answered | Stopped)
        assert PAID == []


def _no_parameters() -> Any:
    from pydantic_ai.models import ModelRequestParameters

    return ModelRequestParameters()
