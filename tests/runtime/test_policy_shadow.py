"""Shadow: a candidate is asked beside the policy in force; what it says is recorded, and decides nothing."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from candidates import Candidate, approval, denial, of
from governed import ALICE, Ledger, answer, calls, desk, scripted, world

from licet import Answered, ConfigurationError, Denied, Executed, Principal, Reviewer, Runtime, Suspended
from licet.audit.errors import AppendRefused
from licet.audit.events import Actor, Decided, ShadowCounted, ShadowDisagreed
from licet.audit.explain import explain
from licet.audit.journal import Journal
from licet.audit.records import Draft, Record, Unit, shadow_stream
from licet.audit.verify import verify
from licet.policies import PolicyError, PolicyUnavailable, load
from licet.runtime import shadow
from licet.runtime.replay import Window, replay
from licet.runtime.shadow_report import ShadowReport, shadow_reports
from licet.testing import FixedClock

LICET = Path(sys.executable).with_name("licet")
BOB = Reviewer(id="local:bob", local=True)
EVE = Principal(subject="user-eve", tenant="rival")


def reports(folder: Path, **window: Any) -> list[ShadowReport]:
    with Journal.open(f"sqlite:///{folder}/licet.db") as journal:
        return shadow_reports(journal, Window(**window))


def report(folder: Path, **window: Any) -> ShadowReport:
    (one,) = reports(folder, **window)
    return one


def numbers(found: ShadowReport) -> tuple[int, int, int, int]:
    return found.agreed, found.changes.decisions, found.failed, found.dropped


def shadowed(folder: Path, tenant: str = "acme") -> list[Record]:
    with Journal.open(f"sqlite:///{folder}/licet.db") as journal:
        return journal.read(shadow_stream(tenant))


async def work(runtime: Runtime, *, notes: int = 1, principal: Principal = ALICE) -> str:
    """A session that reads an order and leaves notes, all of which must pass; its run's id."""
    async with runtime.session("desk", principal) as run:
        assert isinstance(await run.call("read_order", {"order_id": "O-1"}), Executed)
        for number in range(notes):
            assert isinstance(await run.call("note", {"text": f"{number}"}), Executed)
    return run.id


class Blocked(Candidate):
    """A candidate that holds its thread until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.entered, self.release = threading.Event(), threading.Event()

    async def decide(self, input: bytes, decision_id: str) -> Decided:
        self.entered.set()
        self.release.wait()
        return await super().decide(input, decision_id)


# What it says


async def test_agreements_are_counted_and_leave_no_record_each(tmp_path: Path) -> None:
    candidate = Candidate()
    async with world(tmp_path, shadow=candidate) as runtime:
        for _ in range(3):
            await work(runtime, notes=3)
    assert candidate.asked == 12
    assert numbers(report(tmp_path)) == (12, 0, 0, 0)
    records = shadowed(tmp_path)
    assert len(records) < 12
    counted = [record.event for record in records if isinstance(record.event, ShadowCounted)]
    assert len(counted) == len(records)
    tallies = [tally for event in counted for tally in event.tallies]
    assert {(tally.workflow, tally.version, tally.tool) for tally in tallies} == {
        ("desk", "1", "read_order"),
        ("desk", "1", "note"),
    }
    assert sum(tally.agreed for tally in tallies if tally.tool == "note") == 9
    assert {(event.revision, event.candidate) for event in counted} == {(load().revision, candidate.revision)}


async def test_a_disagreement_is_on_record_with_both_decisions_and_is_not_enforced(tmp_path: Path) -> None:
    candidate = Candidate(of("note", denial("desk.quiet")))
    async with world(tmp_path, shadow=candidate) as runtime:
        run_id = await work(runtime, notes=2)
    assert len(Ledger(tmp_path / "ledger.txt").lines()) == 2
    found = report(tmp_path)
    assert numbers(found) == (1, 2, 0, 0)
    ((kind, rules, tool, workflow, decisions),) = [
        (row.kind, row.rules, row.tool, row.workflow, row.decisions) for row in found.changes.rows()
    ]
    assert (kind, rules, tool, workflow, decisions) == (
        "allow_to_deny",
        ("+desk.quiet",),
        "note",
        "desk@1",
        2,
    )
    first = next(r.event for r in shadowed(tmp_path) if isinstance(r.event, ShadowDisagreed))
    assert (first.run_id, first.call_id, first.tool, first.effect) == (run_id, "c2", "note", "write")
    assert first.decision.allow and not first.candidate.allow
    assert (first.decision.revision, first.candidate.revision) == (load().revision, candidate.revision)
    assert first.decision.decision_id == first.candidate.decision_id


async def test_what_a_candidate_would_let_happen_stays_denied(tmp_path: Path) -> None:
    strict = Candidate(of("note", denial("desk.quiet")), "strict")
    async with world(tmp_path, policies=strict, shadow=load()) as runtime:
        async with runtime.session("desk", ALICE) as run:
            assert isinstance(await run.call("note", {"text": "x"}), Denied)
    (row,) = report(tmp_path).changes.rows()
    assert (row.kind, row.newly_allowed) == ("deny_to_allow", True)
    assert Ledger(tmp_path / "ledger.txt").lines() == []


async def test_it_says_what_a_replay_says(tmp_path: Path) -> None:
    candidate = Candidate(of("refund", approval("desk.look")))
    script = [calls(("refund", {"order_id": "O-1", "amount": "20"})), answer("done")]
    async with world(tmp_path, shadow=candidate, model=scripted(script)) as runtime:
        assert isinstance(await runtime.run("desk", "please", ALICE), Answered)
        await work(runtime)
        again = await replay(runtime.journal, candidate)
    assert report(tmp_path).changes.to_json() == again.changes.to_json()
    assert report(tmp_path).agreed == again.unchanged


async def test_a_folder_of_rego_may_be_the_candidate_and_the_command_tells(
    tmp_path: Path, rules: Callable[[str], Path]
) -> None:
    folder = rules(
        'deny contains {"rule": "desk.large", "message": "Too much."} if input.call.args.amount > 10\n'
        'obligation contains {"share": 0.5, "\u00e9": 1e18} if input.call.args.amount > 10\n'
    )
    async with world(tmp_path, shadow=folder) as runtime, runtime.session("desk", ALICE) as run:
        assert isinstance(await run.call("refund", {"order_id": "O-1", "amount": "30"}), Executed)
        assert isinstance(await run.call("refund", {"order_id": "O-1", "amount": "3"}), Executed)
    assert verify(f"sqlite:///{tmp_path}/licet.db").ok
    told = licet(tmp_path, "policy", "shadow", "--since", "7d")
    assert load(folder).revision in told and "+desk.large" in told and f"{run.id} c1" in told
    assert "1 times it said the same, and 1 times something else" in told
    found = json.loads(licet(tmp_path, "policy", "shadow", "--json"))
    (candidate,) = found["candidates"]
    assert (candidate["agreed"], candidate["disagreed"], candidate["failed"]) == (1, 1, 0)


def licet(folder: Path, *words: str, code: int = 0) -> str:
    kept = {name: value for name, value in os.environ.items() if name != "LICET_DATABASE_URL"}
    done = subprocess.run(
        [LICET, *words],
        cwd=folder,
        env={**kept, "NO_COLOR": "1"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, f"{done.stdout}\n{done.stderr}"
    return done.stdout or done.stderr


def test_without_a_journal_the_command_exits_2_and_makes_none(tmp_path: Path) -> None:
    assert "there is no journal" in licet(tmp_path, "policy", "shadow", code=2)
    assert list(tmp_path.iterdir()) == []


async def test_the_report_goes_by_time_workflow_tool_and_tenant(tmp_path: Path) -> None:
    clock = FixedClock()
    begin = clock.now()
    candidate = Candidate(of("note", denial("desk.quiet")))
    other = desk(name="other")
    async with world(tmp_path, shadow=candidate, clock=clock, workflows=[desk(), other]) as runtime:
        await work(runtime)
        async with runtime.session("other", ALICE) as run:
            await run.call("read_order", {"order_id": "O-1"})
    async with world(tmp_path, shadow=candidate, clock=clock, workflows=[desk(), other]) as runtime:
        clock.advance(days=2)
        await work(runtime, notes=2, principal=EVE)
    assert numbers(report(tmp_path)) == (3, 3, 0, 0)
    day = timedelta(days=1)
    assert numbers(report(tmp_path, since=begin + day)) == (1, 2, 0, 0)
    assert numbers(report(tmp_path, until=begin + day)) == (2, 1, 0, 0)
    assert reports(tmp_path, since=begin + 3 * day) == []
    assert numbers(report(tmp_path, workflow="other")) == (1, 0, 0, 0)
    assert numbers(report(tmp_path, workflow="desk@1", tool="note")) == (0, 3, 0, 0)
    assert numbers(report(tmp_path, tenant="rival")) == (1, 2, 0, 0)
    assert numbers(report(tmp_path, tenant="acme")) == (2, 1, 0, 0)
    assert reports(tmp_path, tenant="nobody") == []


async def test_each_candidate_has_its_own_report(tmp_path: Path) -> None:
    for name in ("one", "two"):
        async with world(tmp_path, shadow=Candidate(revision=name)) as runtime:
            await work(runtime)
    found = reports(tmp_path)
    assert {one.candidate for one in found} == {Candidate(revision=name).revision for name in ("one", "two")}
    assert [numbers(one) for one in found] == [(2, 0, 0, 0)] * 2


async def test_it_is_held_against_whichever_revision_decided(tmp_path: Path) -> None:
    quiet = Candidate(of("note", denial("desk.quiet")), "quiet")
    async with world(tmp_path, shadow=Candidate()) as runtime:
        await work(runtime)
        await runtime.reload_policies(quiet)
        async with runtime.session("desk", ALICE) as run:
            assert isinstance(await run.call("note", {"text": "x"}), Denied)
    (row,) = report(tmp_path).changes.rows()
    assert (row.kind, row.decisions) == ("deny_to_allow", 1)
    (disagreed,) = [r.event for r in shadowed(tmp_path) if isinstance(r.event, ShadowDisagreed)]
    assert disagreed.decision.revision == quiet.revision


# What it cannot do


async def test_a_call_does_not_wait_for_a_candidate_that_hangs(tmp_path: Path) -> None:
    candidate = Blocked()
    async with world(tmp_path, shadow=candidate) as runtime:
        await work(runtime)
        await asyncio.to_thread(candidate.entered.wait)  # now it hangs, and holds its thread
        await work(runtime, notes=3)
        assert candidate.asked == 0
        candidate.release.set()
    assert numbers(report(tmp_path)) == (6, 0, 0, 0)


async def test_what_finds_no_room_is_counted_and_not_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shadow, "MOST_WAITING", 10_000)
    candidate = Blocked()
    async with world(tmp_path, shadow=candidate) as runtime:
        await work(runtime)
        await asyncio.to_thread(candidate.entered.wait)
        for _ in range(4):
            await work(runtime, notes=5)
        candidate.release.set()
    found = report(tmp_path)
    assert found.agreed == candidate.asked >= 2 and found.dropped > 15
    assert found.agreed + found.dropped == 26 and found.changes.decisions == found.failed == 0


async def test_batches_that_the_thread_has_no_room_for_go_together_and_lose_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shadow, "MOST_BATCHES", 0)
    async with world(tmp_path, shadow=Candidate(of("note", denial("desk.quiet")))) as runtime:
        for _ in range(3):
            await work(runtime, notes=5)
    assert numbers(report(tmp_path)) == (3, 15, 0, 0)


async def test_a_candidate_that_hangs_for_good_does_not_keep_a_runtime_from_ending(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(shadow, "DRAIN", 0.05)
    candidate = Blocked()
    async with world(tmp_path, shadow=candidate) as runtime:
        await work(runtime)
    assert "hangs" in caplog.text
    assert candidate.entered.is_set()
    (thread,) = [thread for thread in threading.enumerate() if thread.name == "licet-shadow"]
    candidate.release.set()
    await asyncio.to_thread(thread.join)


def failing(how: str) -> Candidate:
    class Failing(Candidate):
        async def decide(self, input: bytes, decision_id: str) -> Decided:
            match how:
                case "raises":
                    raise RuntimeError("password 4711")
                case "is down":
                    raise PolicyUnavailable("the candidate's service is down")
                case "exits":
                    raise SystemExit(3)
                case "is cancelled":
                    raise asyncio.CancelledError
                case "never answers":
                    await asyncio.Event().wait()
            decided = await super().decide(input, decision_id)
            if how == "answers no decision":
                return None  # type: ignore[return-value]
            if how == "answers with a cause":
                return decided.model_copy(update={**denial("licet.engine.failed"), "cause": "it was aborted"})
            return decided.model_copy(update={"obligations": ({"to": object()},)})

    return Failing()


@pytest.mark.parametrize(
    ("how", "failure"),
    [
        ("raises", "RuntimeError"),
        ("is down", "the candidate's service is down"),
        ("exits", "SystemExit"),
        ("is cancelled", "CancelledError"),
        ("never answers", "it did not answer within 0.01 seconds"),
        ("answers no decision", "AttributeError"),
        ("answers with a cause", "it was aborted"),
        ("answers what cannot be recorded", "TypeError"),
    ],
)
async def test_a_candidate_that_fails_changes_nothing_and_is_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str, failure: str
) -> None:
    monkeypatch.setattr(shadow, "DEADLINE", 0.01)
    async with world(tmp_path, shadow=failing(how)) as runtime:
        await work(runtime)
    found = report(tmp_path)
    assert numbers(found) == (0, 0, 2, 0)
    assert found.failure == failure
    assert verify(f"sqlite:///{tmp_path}/licet.db").ok


async def test_where_the_engine_in_force_failed_there_is_nothing_to_compare(tmp_path: Path) -> None:
    failed = Candidate(of("note", {**denial("licet.engine.failed"), "cause": "it was aborted"}), "failed")
    candidate = Candidate()
    async with world(tmp_path, policies=failed, shadow=candidate) as runtime:
        async with runtime.session("desk", ALICE) as run:
            assert isinstance(await run.call("note", {"text": "x"}), Denied)
    assert candidate.asked == 0 and reports(tmp_path) == []


# A candidate with a life of its own


class Managed(Candidate):
    """A candidate that is started and closed, and notes in which thread."""

    def __init__(self, faults: int = 0) -> None:
        super().__init__()
        self.story: list[str] = []
        self.faults = faults

    async def start(self) -> None:
        assert threading.current_thread().name == "licet-shadow"
        self.story.append("start")
        if self.faults:
            self.faults -= 1
            raise PolicyUnavailable("it is not up yet")

    async def close(self) -> None:
        assert threading.current_thread().name == "licet-shadow"
        self.story.append("close")


async def test_it_is_started_and_closed_in_the_thread_in_which_it_is_asked(tmp_path: Path) -> None:
    candidate = Managed()
    async with world(tmp_path, shadow=candidate) as runtime:
        await work(runtime)
    assert candidate.story == ["start", "close"]


async def test_one_that_does_not_start_keeps_nobody_and_is_tried_again(tmp_path: Path) -> None:
    candidate = Managed(faults=2)
    async with world(tmp_path, shadow=candidate) as runtime:
        await work(runtime, notes=4)
    assert candidate.story == ["start", "start", "start", "close"]
    found = report(tmp_path)
    assert numbers(found) == (3, 0, 2, 0) and found.failure == "it is not up yet"


async def test_a_candidate_that_cannot_be_used_is_told_before_anything_runs(tmp_path: Path) -> None:
    (tmp_path / "broken.tar.gz").write_bytes(b"no bundle")
    with pytest.raises(PolicyError):
        async with world(tmp_path, shadow=tmp_path / "broken.tar.gz"):
            pass
    one = Candidate()
    with pytest.raises(ConfigurationError, match="no shadow of itself"):
        async with world(tmp_path, policies=one, shadow=one):
            pass
    assert not (tmp_path / "licet.db").exists()


# The rest of the journal is as without it


async def test_the_runs_records_are_those_of_a_runtime_without_a_shadow(tmp_path: Path) -> None:
    script = [calls(("refund", {"order_id": "O-1", "amount": "120"})), answer("done")]
    told = []
    for name, options in (
        ("plain", {}),
        ("shadowed", {"shadow": Candidate(of("refund", denial("desk.no")))}),
    ):
        folder = tmp_path / name
        folder.mkdir()
        async with world(folder, model=scripted(script), **options) as runtime:
            waiting = await runtime.run("desk", "please", ALICE)
            assert isinstance(waiting, Suspended)
            runtime.approvals().approve(waiting.approvals[0], BOB)
            assert isinstance(await runtime.resume(waiting.run_id), Answered)
            told.append([record.event.type for record in runtime.journal.read(waiting.run_id)])
            assert [call.status for call in explain(runtime.journal, waiting.run_id).calls] == ["executed"]
            assert [head.stream for head in runtime.journal.heads()] == [waiting.run_id]
        assert verify(f"sqlite:///{folder}/licet.db").ok
    assert told[0] == told[1]
    assert numbers(report(tmp_path / "shadowed")) == (0, 2, 0, 0)
    assert reports(tmp_path / "plain") == []


async def test_a_journal_that_does_not_take_it_harms_no_run(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    candidate = Blocked()
    async with world(tmp_path, shadow=candidate) as runtime:
        await work(runtime)
        await asyncio.to_thread(candidate.entered.wait)
        (tmp_path / "licet.db").rename(tmp_path / "moved.db")
        with caplog.at_level(logging.ERROR):
            candidate.release.set()
    assert "what the shadow policy said could not be recorded" in caplog.text


async def test_a_tenants_shadow_stream_is_its_own(tmp_path: Path) -> None:
    async with world(tmp_path, shadow=Candidate(of("note", denial("desk.quiet")))) as runtime:
        await work(runtime)
        await work(runtime, notes=2, principal=EVE)
    for tenant, notes in (("acme", 1), ("rival", 2)):
        records = shadowed(tmp_path, tenant)
        assert {record.tenant for record in records} == {tenant}
        assert sum(isinstance(record.event, ShadowDisagreed) for record in records) == notes
    with Journal.open(f"sqlite:///{tmp_path}/licet.db") as journal:
        draft = Draft(records[0].event, Actor(kind="runtime", id="licet"))
        with pytest.raises(AppendRefused, match="not one of tenant 'acme'"):
            journal.append_now(Unit(shadow_stream("rival"), "acme", (draft,)))
