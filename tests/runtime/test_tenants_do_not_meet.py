"""Invariant 8: tenants don't meet. Each test is one attempt to cross from globex into acme, by one door.

Two tenants share a journal, a runtime, its tools and its policy. Their users even have the same subject, and their
agents and reviewers the same names where a name alone could let somebody through.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated, Any

import orjson
import pytest
from governed import Ledger, answer, calls, desk, scripted, world

from licet import (
    Agent,
    Answered,
    Budget,
    Denied,
    Executed,
    Injected,
    Pending,
    Principal,
    Reviewer,
    Runtime,
    Stopped,
    Suspended,
    Target,
    ToolContext,
    allow,
    tool,
)
from licet.approvals import FileDirectory
from licet.approvals.errors import ApprovalError, NotAReviewer, UnknownRequest
from licet.audit.errors import AppendRefused, Unrecordable
from licet.audit.events import Actor, RunFinished
from licet.audit.explain import NoSuchRun, explain
from licet.audit.records import Draft, Unit
from licet.runtime.active import RUNTIME
from licet.runtime.errors import AgentRefused, UnknownRun
from licet.runtime.recovery import load as load_state
from licet.runtime.switches import switch

OURS = Principal("alice", "acme", frozenset({"support"}))
THEIRS = Principal("alice", "globex", frozenset({"support", "admin"}))
REVIEWERS = """
reviewers:
  ann: {groups: [payments], tenants: [acme]}
  gil: {groups: [payments], tenants: [globex]}
"""
ANN, GIL = Reviewer("ann", local=False), Reviewer("gil", local=False)
ASK = [calls(("refund", {"order_id": "O-1", "amount": "120"})), answer("done")]


@pytest.fixture
def directory(tmp_path: Path) -> FileDirectory:
    (tmp_path / "reviewers.yaml").write_text(REVIEWERS)
    return FileDirectory(tmp_path / "reviewers.yaml")


@pytest.fixture
async def runtime(tmp_path: Path, directory: FileDirectory) -> AsyncIterator[Runtime]:
    async with world(tmp_path, model=scripted(ASK), directory=directory) as running:
        yield running


@pytest.fixture
async def waiting(runtime: Runtime) -> Suspended:
    """A run of acme's that waits for an approval."""
    result = await runtime.run("desk", "please", OURS)
    assert isinstance(result, Suspended)
    return result


def effects(folder: Path) -> list[str]:
    return Ledger(folder / "ledger.txt").lines()


# Runs


async def test_resuming_a_run_of_another_tenant(runtime: Runtime, waiting: Suspended, tmp_path: Path) -> None:
    runtime.approvals().approve(waiting.approvals[0], ANN)
    before = load_state(runtime.journal, waiting.run_id).seq
    with pytest.raises(UnknownRun) as refused:
        await runtime.resume(waiting.run_id, principal=THEIRS)
    with pytest.raises(UnknownRun) as nowhere:
        await runtime.resume("00000000-0000-7000-8000-000000000000", principal=THEIRS)
    # Nobody learns from the answer that there is such a run.
    gone = "00000000-0000-7000-8000-000000000000"
    assert str(refused.value) == str(nowhere.value).replace(gone, waiting.run_id)
    assert load_state(runtime.journal, waiting.run_id).seq == before
    assert effects(tmp_path) == []
    assert isinstance(await runtime.resume(waiting.run_id, principal=OURS), Answered)


async def test_resuming_a_run_of_somebody_else_in_the_tenant(runtime: Runtime, waiting: Suspended) -> None:
    with pytest.raises(UnknownRun):
        await runtime.resume(waiting.run_id, principal=Principal("bob", "acme", frozenset({"support"})))


async def test_reading_the_result_of_a_finished_run(tmp_path: Path) -> None:
    async with world(tmp_path, model=scripted([answer("acme's answer")])) as runtime:
        ended = await runtime.run("desk", "please", OURS)
        with pytest.raises(UnknownRun):
            await runtime.resume(ended.run_id, principal=THEIRS)
        assert await runtime.resume(ended.run_id, principal=OURS) == ended


async def test_taking_up_a_session_of_another_tenant(runtime: Runtime, tmp_path: Path) -> None:
    async with runtime.session("desk", OURS) as run:
        assert isinstance(await run.call("refund", {"order_id": "O-1", "amount": "120"}), Pending)
    with pytest.raises(UnknownRun):
        async with runtime.session(run_id=run.id, principal=THEIRS):
            pass
    async with runtime.session(run_id=run.id, principal=OURS) as again:
        assert isinstance(await again.outcome("c1"), Pending)


async def test_a_call_of_another_tenants_session(runtime: Runtime) -> None:
    async with runtime.session("desk", OURS) as ours, runtime.session("desk", THEIRS) as theirs:
        assert isinstance(await ours.call("read_order", {"order_id": "O-1"}), Executed)
        with pytest.raises(Exception, match="has no call"):
            await theirs.outcome("c1")


async def test_telling_a_run_of_another_tenant(runtime: Runtime, waiting: Suspended) -> None:
    for given in (waiting.run_id, waiting.run_id[:18]):
        with pytest.raises(NoSuchRun):
            explain(runtime.journal, given, tenant="globex")
        assert explain(runtime.journal, given, tenant="acme").run_id == waiting.run_id


async def test_listing_runs_of_another_tenant(runtime: Runtime, waiting: Suspended) -> None:
    assert runtime.journal.heads(tenant="globex") == []
    assert [head.stream for head in runtime.journal.heads(tenant="acme")] == [waiting.run_id]


async def test_two_runs_at_once_each_see_their_own_principal(tmp_path: Path) -> None:
    """Through providers, hooks and functions that wait for each other's runs."""
    both = asyncio.Barrier(2)
    seen: list[tuple[str, str, str, str]] = []

    class Connection:
        def __init__(self, tenant: str) -> None:
            self.tenant = tenant

    def connect(context: ToolContext) -> Connection:
        return Connection(context.principal.tenant)

    async def authorize(of: str, context: ToolContext, connection: Annotated[Connection, Injected]) -> bool:
        await both.wait()
        return context.principal.tenant == connection.tenant == of

    @tool(effect="read", authorize=authorize)
    async def whose(of: str, context: ToolContext, connection: Annotated[Connection, Injected]) -> str:
        """Say whose connection it is."""
        await both.wait()
        seen.append((of, context.principal.tenant, connection.tenant, context.run_id))
        return connection.tenant

    workflow = desk(tools=[allow(whose)])
    path = f"sqlite:///{tmp_path}/licet.db"
    model = {"main": scripted([answer("x")])}
    async with Runtime(path, workflows=[workflow], models=model, inject={Connection: connect}) as runtime:

        async def work(principal: Principal) -> None:
            async with runtime.session("desk", principal) as run:
                for _ in range(3):
                    outcome = await run.call("whose", {"of": principal.tenant})
                    assert isinstance(outcome, Executed) and outcome.result == principal.tenant

        await asyncio.gather(work(OURS), work(THEIRS))
    assert len(seen) == 6 and all(of == mine == connected for of, mine, connected, _ in seen)


# Tools


@pytest.fixture
def shop_desk() -> Any:
    orders = {"A-1": "acme", "G-1": "globex"}

    def theirs(order_id: str, context: ToolContext) -> bool:
        return orders.get(order_id) == context.principal.tenant

    def resource(order_id: str) -> dict[str, Any]:
        return {"tenant": orders.get(order_id, "nobody")}

    @tool(effect="read", authorize=theirs)
    def by_authorize(order_id: Annotated[str, Target("order")]) -> str:
        """Read an order."""
        return order_id

    @tool(effect="read", resource=resource)
    def by_resource(order_id: Annotated[str, Target("order")]) -> str:
        """Read an order."""
        return order_id

    return desk(tools=[allow(by_authorize), allow(by_resource)])


@pytest.mark.parametrize("name", ["by_authorize", "by_resource"])
async def test_a_tool_pointed_at_another_tenants_data(tmp_path: Path, shop_desk: Any, name: str) -> None:
    async with world(tmp_path, workflows=[shop_desk]) as runtime, runtime.session("desk", THEIRS) as run:
        denied = await run.call(name, {"order_id": "A-1"})
        assert isinstance(denied, Denied) and denied.stage == "authorization"
        assert denied.for_model() == "This call is not permitted."
        nowhere = await run.call(name, {"order_id": "A-0"})
        # Whether there is such an order, the model cannot tell.
        assert isinstance(nowhere, Denied) and nowhere.for_model() == denied.for_model()
        assert isinstance(await run.call(name, {"order_id": "G-1"}), Executed)


async def test_a_hook_that_changes_its_principal_changes_nobody_elses(tmp_path: Path) -> None:
    def promote(context: ToolContext) -> bool:
        context.principal.attributes["teams"].append("acme-admins")  # type: ignore[union-attr]
        for name, value in (("tenant", "acme"), ("roles", frozenset({"root"}))):
            with pytest.raises(AttributeError):
                setattr(context.principal, name, value)
        return True

    @tool(effect="read", authorize=promote)
    def peek(context: ToolContext) -> list[Any]:
        """Look."""
        return [context.principal.tenant, context.principal.attributes["teams"]]

    mallory = Principal("mallory", "globex", attributes={"teams": ["sales"]})
    async with world(tmp_path, workflows=[desk(tools=[allow(peek)])]) as runtime:
        async with runtime.session("desk", mallory) as run:
            outcome = await run.call("peek", {})
    assert isinstance(outcome, Executed) and outcome.result == ["globex", ["sales"]]


async def test_policy_is_told_the_tenant_that_the_token_proved(runtime: Runtime) -> None:
    """Whatever a model, an input, a reason or an argument says of it."""
    lie = {"principal": {"tenant": "acme", "roles": ["admin"]}, "tenant": "acme"}
    async with runtime.session("desk", THEIRS, input=lie) as run:
        await run.call("note", {"text": json.dumps(lie)}, reason='"tenant":"acme"')
        for record in runtime.journal.read(run.id):
            assert record.tenant == "globex"
            if "policy_input" in record.payloads:
                asked = orjson.loads(runtime.journal.payload(run.id, record.seq, "policy_input") or b"")
                assert asked["principal"]["tenant"] == "globex"


# Agents


async def test_an_agent_of_another_tenant(runtime: Runtime) -> None:
    theirs = Agent("desk-bot", frozenset({"support"}), tenant="globex")
    with pytest.raises(AgentRefused):
        await runtime.run("desk", "please", OURS, agent=theirs)
    with pytest.raises(AgentRefused):
        async with runtime.session("desk", OURS, agent=theirs):
            pass
    assert runtime.journal.heads(tenant="acme") == []


# Approvals


async def test_reading_another_tenants_requests(runtime: Runtime, waiting: Suspended) -> None:
    queue, request_id = runtime.approvals(), waiting.approvals[0]
    assert queue.pending("globex") == queue.history("globex") == []
    assert [request.request_id for request in queue.pending("acme")] == [request_id]
    for given in (request_id, request_id[:18]):
        with pytest.raises(UnknownRequest):
            queue.get(given, tenant="globex")


async def test_answering_another_tenants_requests(
    runtime: Runtime, waiting: Suspended, tmp_path: Path
) -> None:
    queue, request_id = runtime.approvals(), waiting.approvals[0]
    args = {"order_id": "O-1", "amount": "1"}
    # By the door of their own tenant there is no such request; by one without a tenant they are nobody there.
    for tenant, kind in (("globex", UnknownRequest), ("acme", NotAReviewer), (None, NotAReviewer)):
        with pytest.raises(kind):
            queue.approve(request_id, GIL, tenant=tenant)
        with pytest.raises(kind):
            queue.reject(request_id, GIL, "no", tenant=tenant)
        with pytest.raises(kind):
            queue.edit(request_id, GIL, args, tenant=tenant)
    assert queue.get(request_id).status == "pending"
    assert isinstance(await runtime.resume(waiting.run_id), Suspended)
    assert effects(tmp_path) == []


async def test_a_reviewer_who_changes_tenant_after_saying_yes(
    runtime: Runtime, waiting: Suspended, tmp_path: Path
) -> None:
    runtime.approvals().approve(waiting.approvals[0], ANN)
    (tmp_path / "reviewers.yaml").write_text(REVIEWERS.replace("[acme]", "[initech]"))
    again = await runtime.resume(waiting.run_id)
    # Nobody of acme is left who could say yes, so it waits, or is denied and told so.
    assert isinstance(again, Suspended | Answered)
    assert load_state(runtime.journal, waiting.run_id).calls["s1c1"].status in ("waiting", "denied")
    assert effects(tmp_path) == []


async def test_a_review_of_another_tenants_call_put_in_place_of_ones_own(
    tmp_path: Path, directory: FileDirectory
) -> None:
    """The same call, by the same subject, approved in globex: its answer, moved over, is none in acme."""
    async with world(tmp_path, model=scripted(ASK), directory=directory) as runtime:
        ours = await runtime.run("desk", "please", OURS)
        theirs = await runtime.run("desk", "please", THEIRS)
        assert isinstance(ours, Suspended) and isinstance(theirs, Suspended)
        queue = runtime.approvals()
        queue.approve(theirs.approvals[0], GIL)
        (stolen,) = [r for r in runtime.journal.read(theirs.run_id) if r.event.type == "approval.answered"]
        request = queue.get(ours.approvals[0])
        moved = stolen.event.model_copy(  # type: ignore[union-attr]
            update={"request_id": request.request_id, "digest": request.digest}
        )
        runtime.journal.append_now(
            Unit(stream=ours.run_id, tenant="acme", drafts=(Draft(moved, stolen.actor),))
        )
        again = await runtime.resume(ours.run_id)
        assert isinstance(again, Suspended)
    assert effects(tmp_path) == []


async def test_a_reviewer_who_bears_the_name_of_the_requester(tmp_path: Path) -> None:
    """The subject alice of globex reviews for acme, where another alice asks: one name is taken for one person."""
    (tmp_path / "reviewers.yaml").write_text("reviewers:\n  alice: {groups: []}\n  ann: {groups: []}\n")
    directory = FileDirectory(tmp_path / "reviewers.yaml")
    async with world(tmp_path, model=scripted(ASK), directory=directory) as runtime:
        waiting = await runtime.run("desk", "please", OURS)
        assert isinstance(waiting, Suspended)
        with pytest.raises(ApprovalError):
            runtime.approvals().approve(waiting.approvals[0], Reviewer("alice", local=False))


# Budgets and switches


async def test_spending_another_tenants_budget(tmp_path: Path) -> None:
    workflow = desk(budgets=[Budget(spend="0.012", per="day")])
    script = scripted([calls(("read_order", {"order_id": "O-1"})), answer("done")])
    async with world(tmp_path, workflows=[workflow], model=script) as runtime:
        for _ in range(100):
            spent = await runtime.run("desk", "please", THEIRS)
            if isinstance(spent, Stopped):
                break
        assert isinstance(spent, Stopped) and "budget" in spent.rule
        assert isinstance(await runtime.run("desk", "please", OURS), Answered)


def test_names_of_tenants_and_workflows_cannot_be_put_together_to_anothers_budget() -> None:
    """A budget's key is TENANT/WORKFLOW/...: tenant `a`, workflow `b/c` would be tenant `a/b`, workflow `c`."""
    with pytest.raises(Exception, match="letters, digits"):
        desk(name="b/c")


async def test_switching_off_another_tenant(runtime: Runtime, waiting: Suspended) -> None:
    operator = Actor(kind="operator", id="gil")
    for scope in ("all", "workflow:desk", "tool:read_order", "model:main", f"run:{waiting.run_id}"):
        switch(runtime.journal, scope, off=True, reason="theirs", actor=operator, tenant="globex")
    async with runtime.session("desk", OURS) as run:
        assert isinstance(await run.call("read_order", {"order_id": "O-1"}), Executed)
    async with runtime.session("desk", THEIRS) as run:
        assert isinstance(await run.call("read_order", {"order_id": "O-1"}), Denied)
    runtime.approvals().approve(waiting.approvals[0], ANN)
    assert isinstance(await runtime.resume(waiting.run_id), Answered)


@pytest.mark.parametrize(
    "name", ["installation", "tenant/acme", "acme/desk", "", "*", "%", "acme\x00", "ACME"]
)
async def test_a_tenant_with_a_name_of_ours_is_a_tenant_like_any_other(tmp_path: Path, name: str) -> None:
    async with world(tmp_path) as runtime:
        if not name.strip():
            with pytest.raises(Exception, match="not empty"):
                Principal("mallory", name)
            return
        mallory = Principal("mallory", name)
        operator = Actor(kind="operator", id="mallory")
        switch(runtime.journal, "all", off=True, reason="theirs", actor=operator, tenant=name)
        async with runtime.session("desk", OURS) as run:
            assert isinstance(await run.call("read_order", {"order_id": "O-1"}), Executed)
        async with runtime.session("desk", mallory) as theirs:
            assert isinstance(await theirs.call("read_order", {"order_id": "O-1"}), Denied)
        assert [head.stream for head in runtime.journal.heads(tenant="acme")] == [run.id]
        assert [head.stream for head in runtime.journal.heads(tenant=name)] == [theirs.id]


# The journal itself


async def test_writing_into_another_tenants_stream(runtime: Runtime, waiting: Suspended) -> None:
    event = RunFinished(status="stopped", reason="theirs", active_ms=0)
    with pytest.raises(AppendRefused):
        runtime.journal.append_now(
            Unit(stream=waiting.run_id, tenant="globex", drafts=(Draft(event, RUNTIME),), status="finished")
        )
    with pytest.raises(Unrecordable):
        runtime.journal.append_now(
            Unit(stream="tenant/acme", tenant="globex", drafts=(Draft(event, RUNTIME),))
        )
    assert load_state(runtime.journal, waiting.run_id).status == "suspended"


# The command line


LICET = Path(sys.executable).with_name("licet")
APP = ("--app", "desk:runtime")


@pytest.fixture
def house(tmp_path: Path) -> tuple[Path, str, str]:
    """A folder with a journal in which a run of acme's waits: where, the run and the request."""
    shutil.copy(Path(__file__).with_name("cli_desk.py"), tmp_path / "desk.py")
    told = licet(
        tmp_path, "run", "desk", "refund O-1 120.50", *APP, "--subject", "alice", "--tenant", "acme", "--json"
    )
    result = json.loads(told)
    return tmp_path, result["run_id"], result["approvals"][0]


def licet(folder: Path, *words: str, code: int = 0) -> str:
    done = subprocess.run(
        [LICET, *words], cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    assert done.returncode == code, f"{words}\n{done.stdout}\n{done.stderr}"
    return done.stdout + done.stderr


def test_commands_of_one_tenant_do_not_find_another(house: tuple[Path, str, str]) -> None:
    folder, run_id, request_id = house
    theirs = ("--tenant", "globex")
    for listing in (("runs", "list"), ("approvals", "list"), ("approvals", "list", "--all")):
        assert json.loads(licet(folder, *listing, *theirs, "--json")) == []
        assert len(json.loads(licet(folder, *listing, "--tenant", "acme", "--json"))) == 1
    for given in (run_id, run_id[:18]):
        for words in (
            ("runs", "show", given),
            ("runs", "stop", given, "--reason", "theirs"),
            ("runs", "resume", given, *APP),
            ("runs", "reconcile", given, "s1c1", "--happened", "--evidence", "theirs"),
            ("audit", "explain", given),
            ("audit", "explain", given, "--call", "s1c1"),
        ):
            told = licet(folder, *words, *theirs, code=1)
            assert "there is no run" in told
            assert "refund" not in told and "alice" not in told
    for words in (
        ("approvals", "show", request_id),
        ("approvals", "approve", request_id),
        ("approvals", "approve", request_id, "--resume", *APP),
        ("approvals", "reject", request_id, "--reason", "theirs"),
        ("approvals", "edit", request_id, "--args", "{}"),
    ):
        assert "there is no approval request" in licet(folder, *words, *theirs, code=1)
    assert not (folder / "ledger.txt").exists()
    story = json.loads(licet(folder, "runs", "show", run_id, "--tenant", "acme", "--json"))
    assert story["status"] == "suspended"
