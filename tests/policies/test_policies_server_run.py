"""A run whose policy is asked of an OPA server parks while OPA is away, and goes on when it is back."""

from __future__ import annotations

import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from opa_process import OpaProcess
from pydantic_ai.messages import ModelMessage, ModelResponse

from licet import Answered, Denied, Executed, Pending, Runtime, Suspended
from licet.audit.events import CallDenied, CallPermitted, RunSuspended
from licet.policies import OpaServer
from licet.policies.load import policy_set
from licet.policies.server_bundle import for_server

sys.path.append(str(Path(__file__).parents[1] / "runtime"))
from governed import ALICE, Ledger, Step, answer, calls, scripted, world


@pytest.fixture
def server(real_opa: Path, tmp_path: Path) -> OpaProcess:
    (tmp_path / "licet.tar.gz").write_bytes(for_server(policy_set()))
    return OpaProcess(tmp_path, "--bundle", str(tmp_path / "licet.tar.gz"))


@asynccontextmanager
async def desk_over(server: OpaProcess, folder: Path, *script: Step) -> AsyncIterator[Runtime]:
    engine = OpaServer(server.url, deadline=0.5)
    async with world(folder, model=scripted(script), policies=engine) as runtime:
        yield runtime


def interrupted(server: OpaProcess, number: int) -> list[Step]:
    """The model notes something, and OPA gets the signal before the model's refund is judged."""

    def strike(messages: list[ModelMessage]) -> ModelResponse:
        if server.signalled == 0:
            server.send(number)
            if number == signal.SIGKILL:
                server.wait()
        return calls(("refund", {"order_id": "O-1", "amount": "20"}))

    return [calls(("mark", {"text": "first"})), strike, answer("done")]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP], ids=["killed", "slow"])
async def test_a_run_parks_in_its_middle_and_goes_on(server: OpaProcess, tmp_path: Path, number: int) -> None:
    ledger = Ledger(tmp_path / "ledger.txt")
    with server:
        async with desk_over(server, tmp_path, *interrupted(server, number)) as runtime:
            parked = await runtime.run("desk", "please", ALICE)
            assert isinstance(parked, Suspended) and parked.cause == "policy_unavailable"
            assert ledger.lines() == ["mark first"]
            events = [record.event for record in runtime.journal.read(parked.run_id)]
            (suspended,) = [event for event in events if isinstance(event, RunSuspended)]
            assert suspended.cause == "policy_unavailable"
            assert server.url in suspended.detail and "within 0.5 seconds" in suspended.detail

            again = await runtime.resume(parked.run_id)
            assert isinstance(again, Suspended) and again.cause == "policy_unavailable"
            assert ledger.lines() == ["mark first"]

            if number == signal.SIGKILL:
                server.start()
            else:
                server.send(signal.SIGCONT)
            while isinstance(again, Suspended):
                again = await runtime.resume(parked.run_id)
            assert isinstance(again, Answered)
            permits = [
                record.event.decision
                for record in runtime.journal.read(parked.run_id)
                if isinstance(record.event, CallPermitted)
            ]
    assert ledger.lines() == ["mark first", "refund O-1 20"]
    assert permits and all(permit is not None and permit.engine == "opa" for permit in permits)


async def test_another_runtime_takes_it_up_when_opa_is_back(server: OpaProcess, tmp_path: Path) -> None:
    with server:
        script = interrupted(server, signal.SIGKILL)
        async with desk_over(server, tmp_path, *script) as runtime:
            parked = await runtime.run("desk", "please", ALICE)
            assert isinstance(parked, Suspended)
        server.start()
        async with desk_over(server, tmp_path, *script) as runtime:
            assert isinstance(await runtime.resume(parked.run_id), Answered)
    assert Ledger(tmp_path / "ledger.txt").lines() == ["mark first", "refund O-1 20"]


async def test_a_run_that_parked_with_opa_may_go_on_in_process(server: OpaProcess, tmp_path: Path) -> None:
    with server:
        script = interrupted(server, signal.SIGKILL)
        async with desk_over(server, tmp_path, *script) as runtime:
            parked = await runtime.run("desk", "please", ALICE)
            assert isinstance(parked, Suspended)
    async with world(tmp_path, model=scripted(script)) as runtime:
        assert isinstance(await runtime.resume(parked.run_id), Answered)
    assert Ledger(tmp_path / "ledger.txt").lines() == ["mark first", "refund O-1 20"]


async def test_what_opa_answers_with_an_error_is_denied_and_journalled(
    real_opa: Path, tmp_path: Path
) -> None:
    rules = tmp_path / "rules"
    rules.mkdir()
    (rules / "shop.rego").write_text(
        'package licet.user.shop\n\nlevel := 1 if input.tool.name == "mark"\n\n'
        'level := 2 if input.call.args.text == "clash"\n\ngrant contains "shop.level" if level > 0\n'
    )
    (tmp_path / "mine.tar.gz").write_bytes(for_server(policy_set(rules)))
    with OpaProcess(tmp_path, "--bundle", str(tmp_path / "mine.tar.gz")) as server:
        engine = OpaServer(server.url, policies=rules)
        async with world(tmp_path, policies=engine) as runtime, runtime.session("desk", ALICE) as run:
            assert isinstance(await run.call("mark", {"text": "fine"}), Executed)
            outcome = await run.call("mark", {"text": "clash"})
            assert isinstance(outcome, Denied) and outcome.stage == "policy"
            event = runtime.journal.read(run.id)[-1].event
            assert isinstance(event, CallDenied) and event.decision is not None
            assert event.decision.cause is not None and "eval_conflict_error" in event.decision.cause
    assert Ledger(tmp_path / "ledger.txt").lines() == ["mark fine"]


async def test_a_session_is_told_and_asks_again(server: OpaProcess, tmp_path: Path) -> None:
    with server:
        async with desk_over(server, tmp_path) as runtime:
            async with runtime.session("desk", ALICE) as run:
                server.send(signal.SIGSTOP)
                outcome = await run.call("read_order", {"order_id": "O-1"})
                assert isinstance(outcome, Pending) and outcome.cause == "policy_unavailable"
            server.send(signal.SIGCONT)
            async with runtime.session(run_id=run.id) as again:
                while isinstance(outcome := await again.outcome("c1"), Pending):
                    pass
                assert isinstance(outcome, Executed)
