"""What a priced tool costs is set aside with its permit and settled with its outcome: never over, not by one cent."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path
from typing import Any

from governed import ALICE, desk, world

from licet import Budget, Denied, Executed, Failed, Limits, NotExecuted, allow, tool
from licet.audit.verify import verify
from licet.runtime.recovery import load


@tool(effect="write", price=Decimal("0.10"))
async def lookup(number: int) -> int:
    """Ask a register that costs."""
    if number < 0:
        raise NotExecuted("no such number")
    return number


def priced(function: Any, spend: str, **options: Any) -> Any:
    """A workflow of this one tool, of which a run may spend so much."""
    tools = [allow(function, unattended=True)]
    return desk(tools=tools, previews="none", model=None, limits=Limits(spend=spend), **options)


def spent(runtime: Any, run: Any) -> Decimal:
    """What the run has spent, by its own state and by its records alike."""
    lived, read_back = run._run.state.spent, load(runtime.journal, run.id).spent
    assert lived == read_back
    return lived  # type: ignore[no-any-return]


async def test_the_call_that_would_go_over_the_runs_spend_ends_it(tmp_path: Path) -> None:
    async with world(tmp_path, workflows=[priced(lookup, "0.29")]) as runtime:
        async with runtime.session("desk", ALICE) as run:
            for number in (1, 2):
                assert isinstance(await run.call("lookup", {"number": number}), Executed)
            assert spent(runtime, run) == Decimal("0.20")
            stopped = await run.call("lookup", {"number": 3})
            assert isinstance(stopped, Denied) and stopped.stage == "limits.spend"
            assert spent(runtime, run) == Decimal("0.20")


async def test_what_was_not_executed_costs_nothing(tmp_path: Path) -> None:
    async with world(tmp_path, workflows=[priced(lookup, "0.10")]) as runtime:
        async with runtime.session("desk", ALICE) as run:
            for number in (-1, -2):
                assert isinstance(await run.call("lookup", {"number": number}), Failed)
                assert spent(runtime, run) == 0
            assert isinstance(await run.call("lookup", {"number": 1}), Executed)
            assert spent(runtime, run) == Decimal("0.10")


async def test_what_is_under_way_counts_as_spent(tmp_path: Path) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()

    @tool(effect="write", price=Decimal("0.10"))
    async def slow(number: int) -> int:
        """Ask slowly."""
        begun.set()
        await go_on.wait()
        return number

    async with world(tmp_path, workflows=[priced(slow, "0.15")]) as runtime:
        async with runtime.session("desk", ALICE) as run:
            first = asyncio.create_task(run.call("slow", {"number": 1}))
            await begun.wait()
            assert spent(runtime, run) == Decimal("0.10")
            second = await run.call("slow", {"number": 2})
            assert isinstance(second, Denied) and second.stage == "limits.spend"
            go_on.set()
            assert isinstance(await first, Executed)
            assert spent(runtime, run) == Decimal("0.10")


async def test_runs_at_once_do_not_go_over_the_budget_of_the_day(tmp_path: Path) -> None:
    workflow = priced(lookup, "1", budgets=[Budget(spend="0.55")])

    async def one(runtime: Any) -> list[Any]:
        async with runtime.session("desk", ALICE) as run:
            return [await run.call("lookup", {"number": number}) for number in (-1, 1, 2)]

    async with world(tmp_path, workflows=[workflow]) as runtime:
        outcomes = [
            outcome for run in await asyncio.gather(*(one(runtime) for _ in range(6))) for outcome in run
        ]
    assert sum(isinstance(outcome, Executed) for outcome in outcomes) <= 5
    assert any(isinstance(outcome, Denied) and outcome.stage.startswith("budgets.") for outcome in outcomes)
    assert verify(f"sqlite:///{tmp_path}/licet.db").problems == []


async def test_what_is_given_back_to_the_budget_can_be_spent_again(tmp_path: Path) -> None:
    async with world(tmp_path, workflows=[priced(lookup, "1", budgets=[Budget(spend="0.10")])]) as runtime:
        async with runtime.session("desk", ALICE) as run:
            for number in (-1, -2, -3):
                assert isinstance(await run.call("lookup", {"number": number}), Failed)
            assert isinstance(await run.call("lookup", {"number": 1}), Executed)
        async with runtime.session("desk", ALICE) as run:
            over = await run.call("lookup", {"number": 2})
            assert isinstance(over, Denied) and over.stage.startswith("budgets.")
