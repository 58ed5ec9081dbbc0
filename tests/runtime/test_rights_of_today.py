"""What a run may do is what its principal, its agent and the policy in force may today."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from licet import Agent, Denied, Executed, Principal, Runtime, ToolContext, Workflow, allow, tool
from licet.runtime.errors import AgentRefused

BOSS = Principal("alice", "acme", frozenset({"admin", "support"}))


@tool(effect="write")
def act(what: str, ctx: ToolContext) -> list[str]:
    """Do it."""
    return sorted(ctx.principal.roles)


DESK = Workflow(
    name="desk", version="1", owner="desk@acme.example", purpose="Test rights", mode="act", tools=[allow(act)]
)


async def test_an_agent_that_goes_by_the_runtimes_own_name_has_no_more_rights_than_it(tmp_path: Path) -> None:
    runtime = Runtime(
        f"sqlite:///{tmp_path}/l.db", workflows=[DESK], agent=Agent("bot", frozenset({"support"}))
    )
    async with runtime, runtime.session("desk", BOSS, agent=Agent("bot")) as run:
        outcome = await run.call("act", {"what": "x"})
        assert isinstance(outcome, Executed)
        assert outcome.result == ["support"]


async def test_who_lost_a_role_goes_on_without_it(tmp_path: Path) -> None:
    async with Runtime(f"sqlite:///{tmp_path}/l.db", workflows=[DESK]) as runtime:
        with pytest.raises(KeyError):
            async with runtime.session("desk", BOSS) as run:
                raise KeyError
        today = Principal("alice", "acme", frozenset({"support", "auditor"}))
        async with runtime.session(run_id=run.id, principal=today) as again:
            outcome = await again.call("act", {"what": "x"})
            assert isinstance(outcome, Executed)
            assert outcome.result == ["support"]


@pytest.mark.parametrize("given", ["12:30", "   ", {"customer": "Bob Smith", "date": "2026-01-31"}, ""])
async def test_any_input_can_be_worked_on(tmp_path: Path, given: object) -> None:
    async with Runtime(f"sqlite:///{tmp_path}/l.db", workflows=[marked()]) as runtime:
        async with runtime.session("desk", BOSS, input=given) as run:  # type: ignore[arg-type]
            assert not isinstance(await run.call("act", {"what": "x"}), Denied)


def marked() -> Workflow:
    """The desk with a tool whose result says whose words it holds, so that provenance is worked out."""
    from typing import Annotated

    from licet import Trust

    @tool(effect="read")
    def page() -> Annotated[str, Trust("external")]:
        """Read a page."""
        return "words"

    return DESK.model_copy(update={"tools": (*DESK.tools, allow(page))})


FORBIDDING = """
deny contains {"rule": "desk.suspended", "message": "Suspended."} if "suspended" in input.principal.roles

deny contains {"rule": "desk.frozen", "message": "Frozen."} if input.principal.attributes.frozen == true
"""


@pytest.mark.parametrize(
    ("today", "rule"),
    [
        (Principal("alice", "acme", BOSS.roles | {"suspended"}), "desk.suspended"),
        (Principal("alice", "acme", BOSS.roles, {"frozen": True}), "desk.frozen"),
    ],
)
async def test_what_forbids_today_forbids_a_run_that_is_taken_up(
    tmp_path: Path, rules: Callable[[str], Path], today: Principal, rule: str
) -> None:
    folder = rules(FORBIDDING)
    async with Runtime(f"sqlite:///{tmp_path}/l.db", workflows=[DESK], policies=folder) as runtime:
        with pytest.raises(KeyError):
            async with runtime.session("desk", BOSS) as run:
                raise KeyError
        async with runtime.session(run_id=run.id, principal=BOSS) as run:
            assert isinstance(await run.call("act", {"what": "x"}), Executed)
            await run.close(leave_open="more to come")
        async with runtime.session(run_id=run.id, principal=today) as again:
            outcome = await again.call("act", {"what": "y"})
            assert isinstance(outcome, Denied) and outcome.reasons[0].rule == rule


async def test_an_agent_that_serves_one_tenant_takes_up_no_run_of_another(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/l.db"
    async with Runtime(url, workflows=[DESK], agent=Agent("bot")) as runtime:
        with pytest.raises(KeyError):
            async with runtime.session("desk", BOSS) as run:
                raise KeyError
    async with Runtime(url, workflows=[DESK], agent=Agent("bot", tenant="globex")) as elsewhere:
        for principal in (None, BOSS):
            with pytest.raises(AgentRefused, match="serves tenant globex only"):
                async with elsewhere.session(run_id=run.id, principal=principal):
                    raise AssertionError
    async with Runtime(url, workflows=[DESK], agent=Agent("bot", tenant="acme")) as here:
        async with here.session(run_id=run.id) as again:
            assert isinstance(await again.call("act", {"what": "x"}), Executed)
