"""The loop: any pydantic-ai model, one request per step, everything it asks for through the gate."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from governed import ALICE, Ledger, answer, calls, desk, scripted, world
from pydantic import BaseModel
from pydantic_ai.messages import ModelMessage, ModelRequest, ModelResponse, TextPart, ToolReturnPart
from pydantic_ai.models.function import FunctionModel

from licet import Answered, Budget, Limits, Priced, RunFailed, Stopped, Suspended
from licet.audit.events import ModelRequested, ModelResponded
from licet.runtime.errors import ModelUnpriced


def told(messages: list[ModelMessage]) -> list[ToolReturnPart]:
    return [
        part
        for message in messages
        if isinstance(message, ModelRequest)
        for part in message.parts
        if isinstance(part, ToolReturnPart)
    ]


async def test_the_model_reads_acts_and_answers(tmp_path: Path) -> None:
    seen: list[list[ModelMessage]] = []
    script = [
        calls(("read_order", {"order_id": "O-1"}), text="Let me look at the order."),
        calls(("refund", {"order_id": "O-1", "amount": "20.00"})),
        answer("You get 20 EUR back."),
    ]
    async with world(tmp_path, model=scripted(script, seen)) as runtime:
        result = await runtime.run("desk", "Please refund O-1", ALICE)
        assert isinstance(result, Answered)
        assert (result.status, result.message) == ("done", "You get 20 EUR back.")
        assert result.spent.steps == 3 and result.spent.calls == 2
        assert result.spent.usd > 0
        events = [record.event for record in runtime.journal.read(result.run_id)]
        asked = [event for event in events if isinstance(event, ModelRequested)]
        responded = [event for event in events if isinstance(event, ModelResponded)]
        assert len(asked) == len(responded) == 3
        for before, after in zip(asked, responded, strict=True):
            assert before.reserved_input >= after.input_tokens
            assert Decimal(before.reserved_cost) >= Decimal(after.cost)
            assert before.prompt_hash == desk().prompt_hash
        assert result.spent.usd == sum(Decimal(event.cost) for event in responded)
    assert [part.content for part in told(seen[-1])] == [
        {"order_id": "O-1", "state": "paid"},
        {"paid": "20"},
    ]
    assert Ledger(tmp_path / "ledger.txt").lines() == ["refund O-1 20"]


async def test_calls_of_one_step_are_admitted_in_order_and_each_answer_names_its_call(tmp_path: Path) -> None:
    seen: list[list[ModelMessage]] = []
    script = [
        calls(
            ("read_order", {"order_id": "O-1"}),
            ("refund", {"order_id": "O-1", "amount": "999"}),
            ("read_order", {"order_id": "O-2"}),
        ),
        answer("done"),
    ]
    async with world(tmp_path, model=scripted(script, seen)) as runtime:
        await runtime.run("desk", "go", ALICE)
    first, second, third = told(seen[-1])
    assert (first.tool_call_id, second.tool_call_id, third.tool_call_id) == (
        "read_order-0",
        "refund-1",
        "read_order-2",
    )
    assert first.content == {"order_id": "O-1", "state": "paid"}
    assert second.outcome == "denied" and "amount" in str(second.content)
    assert third.content == {"order_id": "O-2", "state": "paid"}


class Verdict(BaseModel):
    refunded: bool
    amount: Decimal


@pytest.mark.parametrize("status", ["needs_clarification", "unsupported", "escalated"])
async def test_a_run_may_end_without_the_answer_it_was_asked_for(tmp_path: Path, status: str) -> None:
    model = scripted([answer("which order?", status)])
    async with world(tmp_path, model=model, workflows=[desk(output=Verdict)]) as runtime:
        result = await runtime.run("desk", "go", ALICE)
    assert isinstance(result, Answered)
    assert (result.status, result.answer) == (status, None)


async def test_an_answer_that_does_not_validate_is_repaired_at_most_so_often(tmp_path: Path) -> None:
    seen: list[list[ModelMessage]] = []

    def final(document: Any) -> ModelResponse:
        return calls(("final_answer", {"status": "done", "message": "ok", "answer": document}))

    good = [final({"refunded": "maybe"}), final({"refunded": True, "amount": "1.50"})]
    workflow = desk(output=Verdict, limits=Limits(repairs=1))
    async with world(tmp_path, model=scripted(good, seen), workflows=[workflow]) as runtime:
        result = await runtime.run("desk", "go", ALICE)
    assert isinstance(result, Answered)
    assert result.answer == Verdict(refunded=True, amount=Decimal("1.50"))
    assert "refunded" in str(told(seen[-1])[0].content)

    bad = [final({"refunded": "maybe"})] * 5
    async with world(tmp_path, model=scripted(bad), workflows=[workflow]) as runtime:
        result = await runtime.run("desk", "go", ALICE)
    assert isinstance(result, RunFailed) and "repairs" in result.reason


async def test_text_alone_is_an_answer_where_the_workflow_wants_no_more(tmp_path: Path) -> None:
    async with world(tmp_path, model=scripted([ModelResponse(parts=[TextPart("Hello.")])])) as runtime:
        result = await runtime.run("desk", "hi", ALICE)
    assert isinstance(result, Answered) and result.message == "Hello."


@pytest.mark.parametrize(
    ("limits", "rule"),
    [
        ({"steps": 3}, "limits.steps"),
        ({"calls": 2}, "limits.calls"),
        ({"calls_per_tool": {"read_order": 1}}, "limits.calls_per_tool.read_order"),
        ({"tokens": 6000}, "limits.tokens"),
        ({"spend": "0.02"}, "limits.spend"),
    ],
)
async def test_a_limit_ends_the_run_with_a_reason(tmp_path: Path, limits: Any, rule: str) -> None:
    endless = [calls(("read_order", {"order_id": f"O-{number}"})) for number in range(50)]
    workflow = desk(limits=Limits(**limits), max_output_tokens=1000)
    async with world(tmp_path, model=scripted(endless), workflows=[workflow]) as runtime:
        result = await runtime.run("desk", "go", ALICE)
        assert isinstance(result, Stopped)
        assert result.rule == rule
        assert result.reason
        if "spend" in limits:
            assert result.spent.usd <= Decimal(limits["spend"])
        assert runtime.journal.head(result.run_id).status == "finished"  # type: ignore[union-attr]


async def test_the_wall_clock_ends_a_run_whose_model_hangs(tmp_path: Path) -> None:
    import asyncio

    async def hang(messages: Any, info: Any) -> ModelResponse:
        await asyncio.Event().wait()
        raise AssertionError

    model = Priced(FunctionModel(hang), input="1", output="1")
    workflow = desk(limits=Limits(wall_clock=0.2))
    async with world(tmp_path, model=model, workflows=[workflow]) as runtime:
        result = await runtime.run("desk", "go", ALICE)
    assert isinstance(result, Stopped) and result.rule == "limits.wall_clock"


async def test_a_model_that_fails_leaves_a_run_that_can_be_resumed(tmp_path: Path) -> None:
    down = True

    def sometimes(messages: list[ModelMessage]) -> ModelResponse:
        if down:
            raise ConnectionError("no route")
        return answer("back again")

    async with world(tmp_path, model=scripted([sometimes])) as runtime:
        result = await runtime.run("desk", "go", ALICE)
        assert isinstance(result, Suspended) and result.cause == "model_unavailable"
        down = False
        result = await runtime.resume(result.run_id)
        assert isinstance(result, Answered) and result.message == "back again"


async def test_a_budget_is_shared_by_all_runs_of_the_workflow(tmp_path: Path) -> None:
    workflow = desk(budgets=[Budget(spend="0.004", per="day")], max_output_tokens=1000, limits=Limits())
    results = []
    async with world(tmp_path, model=scripted([answer("ok")] * 3), workflows=[workflow]) as runtime:
        for _ in range(100):
            result = await runtime.run("desk", "go", ALICE)
            results.append(result)
            if isinstance(result, Stopped):
                break
    assert isinstance(results[-1], Stopped) and results[-1].rule.startswith("budgets.")
    assert sum((result.spent.usd for result in results), Decimal(0)) <= Decimal("0.004")


async def test_a_provider_that_overruns_what_was_reserved_stops_the_run(tmp_path: Path) -> None:
    from pydantic_ai.usage import RequestUsage

    greedy = calls(("read_order", {"order_id": "O-1"}))
    greedy.usage = RequestUsage(input_tokens=1, output_tokens=10_000_000)
    workflow = desk(limits=Limits())
    async with world(tmp_path, model=scripted([greedy, answer("never")]), workflows=[workflow]) as runtime:
        result = await runtime.run("desk", "go", ALICE)
    assert isinstance(result, Stopped) and result.rule == "model.overran"


async def test_a_spend_limit_with_a_model_without_a_price_is_refused_at_start(tmp_path: Path) -> None:
    unpriced = FunctionModel(lambda messages, info: answer("x"), model_name="nobody-sells-this")
    runtime = world(tmp_path, model=unpriced)
    with pytest.raises(ModelUnpriced, match="Priced"):
        async with runtime:
            pass


async def test_unparsable_arguments_and_unknown_tools_are_answered_and_the_run_goes_on(
    tmp_path: Path,
) -> None:
    seen: list[list[ModelMessage]] = []
    script = [
        calls(("read_order", '{"order_id": "O-1", "order_id": "O-2"}'), ("nothing_like_it", {})),  # type: ignore[arg-type]
        answer("sorry"),
    ]
    async with world(tmp_path, model=scripted(script, seen)) as runtime:
        result = await runtime.run("desk", "go", ALICE)
    assert isinstance(result, Answered)
    assert [part.outcome for part in told(seen[-1])] == ["denied", "denied"]
