"""Where an OPA server decides, a reload says by which policy set it decides from now on, and holds it to that.

It may be asked in shadow too.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

import pytest
from opa_process import OpaProcess

from licet import Denied, Executed
from licet.audit.events import PolicyActivated, PolicyRejected
from licet.audit.journal import Journal
from licet.audit.records import INSTALLATION
from licet.policies import OpaServer, PolicyUnavailable, load
from licet.policies.load import policy_set
from licet.policies.server_bundle import for_server
from licet.runtime.shadow_report import shadow_reports

sys.path.append(str(Path(__file__).parents[1] / "runtime"))
from governed import ALICE, world

QUIET = 'deny contains {"rule": "desk.quiet", "message": "No notes."} if input.tool.name == "note"'


@pytest.fixture
def quiet(real_opa: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "rules"
    folder.mkdir()
    (folder / "desk.rego").write_text(f"package licet.user.desk\n\n{QUIET}\n")
    return folder


async def test_it_decides_by_the_new_policy_set_once_opa_serves_it(quiet: Path, tmp_path: Path) -> None:
    served = tmp_path / "licet.tar.gz"
    served.write_bytes(for_server(policy_set()))
    with OpaProcess(tmp_path, "--bundle", str(served)) as server:
        engine = OpaServer(server.url, ready_within=1.0)
        async with world(tmp_path, policies=engine) as runtime, runtime.session("desk", ALICE) as run:
            assert isinstance(await run.call("note", {"text": "x"}), Executed)

            with pytest.raises(PolicyUnavailable, match="decides by revision"):
                await runtime.reload_policies(quiet)
            assert isinstance(await run.call("note", {"text": "x"}), Executed)

            served.write_bytes(for_server(policy_set(quiet)))
            server.kill()
            server.start()
            revision = await _when_it_is_up(runtime.reload_policies, quiet)
            assert revision == load(quiet).revision
            outcome = await run.call("note", {"text": "x"})
            assert isinstance(outcome, Denied) and outcome.reasons[0].rule == "desk.quiet"
            assert await runtime.reload_policies() == revision
            events = [record.event for record in runtime.journal.read(INSTALLATION)]
    assert [event.revision for event in events if isinstance(event, PolicyActivated)] == [
        load().revision,
        revision,
    ]
    assert any(isinstance(event, PolicyRejected) for event in events)


async def _when_it_is_up(reload: object, policies: Path) -> str:
    """OPA takes a while to start, on a busy machine longer than an engine waits for it."""
    while True:
        try:
            return str(await reload(policies))  # type: ignore[operator]
        except PolicyUnavailable:
            pass


async def test_a_decision_under_way_ends_before_the_session_is_closed(real_opa: Path, tmp_path: Path) -> None:
    (tmp_path / "licet.tar.gz").write_bytes(for_server(policy_set()))
    with OpaProcess(tmp_path, "--bundle", str(tmp_path / "licet.tar.gz")) as server:
        engine = OpaServer(server.url, deadline=30.0)
        async with engine:
            server.send(signal.SIGSTOP)
            under_way = asyncio.create_task(engine.decide(b"{}", "d-1"))
            await asyncio.sleep(0)
            closing = asyncio.create_task(engine.close())
            await asyncio.sleep(0)
            server.send(signal.SIGCONT)
            decided = await under_way
            await closing
    assert decided.cause is None and not decided.allow


async def test_an_opa_server_may_be_the_candidate_and_be_killed(quiet: Path, tmp_path: Path) -> None:
    (tmp_path / "licet.tar.gz").write_bytes(for_server(policy_set(quiet)))
    with OpaProcess(tmp_path, "--bundle", str(tmp_path / "licet.tar.gz")) as server:
        async with OpaServer(server.url, policies=quiet, ready_within=60.0):
            pass  # it is up
        candidate = OpaServer(server.url, policies=quiet, deadline=0.5)
        async with world(tmp_path, shadow=candidate) as runtime, runtime.session("desk", ALICE) as run:
            assert isinstance(await run.call("read_order", {"order_id": "O-1"}), Executed)
            assert isinstance(await run.call("note", {"text": "x"}), Executed)
        server.kill()
        candidate = OpaServer(server.url, policies=quiet, deadline=0.5, ready_within=0.5)
        async with world(tmp_path, shadow=candidate) as runtime, runtime.session("desk", ALICE) as run:
            assert isinstance(await run.call("note", {"text": "x"}), Executed)
    with Journal.open(f"sqlite:///{tmp_path}/licet.db") as journal:
        (found,) = shadow_reports(journal)
    assert (found.agreed, found.changes.decisions, found.failed) == (1, 1, 1)
    assert found.failure is not None and server.url in found.failure
    (row,) = found.changes.rows()
    assert (row.kind, row.rules, row.tool) == ("allow_to_deny", ("+desk.quiet",), "note")
