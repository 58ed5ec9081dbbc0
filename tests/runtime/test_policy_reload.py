"""Reload: other policies come into force whole or not at all, and the trail says which were in force when."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path

import pytest
from candidates import Candidate, approval, denial, of
from governed import ALICE, Ledger, answer, calls, desk, scripted, world

from licet import (
    Answered,
    ConfigurationError,
    Denied,
    Executed,
    Limits,
    Pending,
    Reviewer,
    Runtime,
    Suspended,
)
from licet.audit.events import CallDenied, Decided, Denial, PolicyActivated, PolicyRejected
from licet.audit.journal import Journal
from licet.audit.records import INSTALLATION, Record
from licet.audit.verify import verify
from licet.policies import PolicyError, PolicyUnavailable, load
from licet.policies.bundle import Bundle
from licet.runtime.errors import RuntimeClosed

BOB = Reviewer(id="local:bob", local=True)
CAROL = Reviewer(id="local:carol", local=True)
QUIET = 'deny contains {"rule": "desk.quiet", "message": "No notes."} if input.tool.name == "note"'
OPEN = 'grant contains "desk.open" if input.tool.name == "note"'


def trail(runtime: Runtime) -> list[str]:
    """The revisions, in the order in which they came into force."""
    return [
        record.event.revision for record in installation(runtime) if isinstance(record.event, PolicyActivated)
    ]


def installation(runtime: Runtime) -> list[Record]:
    return runtime.journal.read(INSTALLATION)


def rejections(runtime: Runtime) -> list[PolicyRejected]:
    return [record.event for record in installation(runtime) if isinstance(record.event, PolicyRejected)]


def revisions(runtime: Runtime, run_id: str) -> list[str]:
    """By which revision each call of a run was decided."""
    events = [record.event for record in runtime.journal.read(run_id)]
    decisions: list[Decided | None] = [getattr(event, "decision", None) for event in events]
    return [decision.revision for decision in decisions if decision is not None]


class Managed(Candidate):
    """A candidate with a life of its own, which notes what is done with it."""

    def __init__(self, revision: str, fault: Exception | None = None) -> None:
        super().__init__(revision=revision)
        self.story: list[str] = []
        self.fault = fault

    async def start(self) -> None:
        self.story.append("start")
        if self.fault is not None:
            raise self.fault

    async def close(self) -> None:
        self.story.append("close")


class Held(Candidate):
    """A candidate whose answer is held back until it is let go."""

    def __init__(self, revision: str) -> None:
        super().__init__(revision=revision)
        self.entered, self.release = asyncio.Event(), asyncio.Event()

    async def decide(self, input: bytes, decision_id: str) -> Decided:
        self.entered.set()
        await self.release.wait()
        return await super().decide(input, decision_id)


# What comes into force


async def test_a_changed_folder_decides_from_the_next_call_on(
    tmp_path: Path, rules: Callable[[str], Path]
) -> None:
    folder = rules(OPEN)
    async with world(tmp_path, policies=folder) as runtime, runtime.session("desk", ALICE) as run:
        assert isinstance(await run.call("note", {"text": "before"}), Executed)
        rules(QUIET)
        assert isinstance(await run.call("note", {"text": "not yet"}), Executed)
        revision = await runtime.reload_policies()
        outcome = await run.call("note", {"text": "after"})
        assert isinstance(outcome, Denied) and outcome.reasons[0].rule == "desk.quiet"
        first, second = trail(runtime)
        assert second == revision == load(folder).revision
        assert revisions(runtime, run.id) == [first, first, second]
    assert verify(f"sqlite:///{tmp_path}/licet.db").ok


async def test_another_path_may_be_given_and_is_the_one_that_is_read_again(
    tmp_path: Path, rules: Callable[[str], Path]
) -> None:
    async with world(tmp_path) as runtime, runtime.session("desk", ALICE) as run:
        shipped = load().revision
        changed = await runtime.reload_policies(rules(QUIET))
        assert isinstance(await run.call("note", {"text": "x"}), Denied)
        rules(OPEN)
        opened = await runtime.reload_policies()
        assert isinstance(await run.call("note", {"text": "x"}), Executed)
        assert trail(runtime) == [shipped, changed, opened]


async def test_each_time_a_revision_comes_into_force_is_on_record_and_its_bundle_once(tmp_path: Path) -> None:
    one, two = Candidate(revision="one"), Candidate(revision="two")
    async with world(tmp_path, policies=one) as runtime:
        await runtime.reload_policies(two)
        await runtime.reload_policies(one)
        assert trail(runtime) == [one.revision, two.revision, one.revision]
        kept = [sorted(r.payloads) for r in installation(runtime) if isinstance(r.event, PolicyActivated)]
        assert kept == [["bundle"], ["bundle"], []]
    async with world(tmp_path, policies=one) as runtime:
        assert len(trail(runtime)) == 3
    async with world(tmp_path, policies=two) as runtime:
        assert trail(runtime)[-1] == two.revision and len(trail(runtime)) == 4
        (first, *_) = [r for r in installation(runtime) if isinstance(r.event, PolicyActivated)]
        content = runtime.journal.payload(INSTALLATION, first.seq, "bundle")
        assert content is not None and Bundle.unpack(content).revision == load().revision
    assert verify(f"sqlite:///{tmp_path}/licet.db").ok


async def test_nothing_that_changed_is_nothing_new(tmp_path: Path) -> None:
    async with world(tmp_path) as runtime:
        before = len(installation(runtime))
        assert await runtime.reload_policies() == load().revision
        assert len(installation(runtime)) == before


async def test_a_decision_that_is_under_way_ends_under_the_revision_it_began_with(tmp_path: Path) -> None:
    old, new = Held("old"), Candidate(of("note", denial("desk.quiet")), "new")
    async with world(tmp_path, policies=old) as runtime:
        async with runtime.session("desk", ALICE) as first, runtime.session("desk", ALICE) as second:
            under_way = asyncio.create_task(first.call("note", {"text": "x"}))
            await old.entered.wait()
            await runtime.reload_policies(new)
            assert isinstance(await second.call("note", {"text": "x"}), Denied)
            assert not under_way.done()
            old.release.set()
            assert isinstance(await under_way, Executed)
            assert isinstance(await first.call("note", {"text": "y"}), Denied)
            assert revisions(runtime, first.id) == [old.revision, new.revision]
            assert revisions(runtime, second.id) == [new.revision]


async def test_what_a_new_revision_hides_is_held_up_though_it_was_offered_when_the_call_began(
    tmp_path: Path,
) -> None:
    hidden = Denial(rule="desk.quiet", message="No notes.")
    old, new = Candidate(revision="old"), Candidate(revision="new", hides={"note": hidden})

    def observe(stage: str, call_id: str) -> None:
        if stage == "decide" and call_id == "c2":
            runtime._services.engine = new  # as a reload does, after the call was found to be offered

    async with world(tmp_path, policies=old, observer=observe) as runtime:
        async with runtime.session("desk", ALICE) as run:
            assert isinstance(await run.call("note", {"text": "x"}), Executed)
            assert new.asked == 0
            outcome = await run.call("note", {"text": "y"})
            assert new.asked == 1
            assert isinstance(outcome, Denied)
            assert (outcome.stage, outcome.reasons) == ("offered", (hidden,))
            assert "note" not in await run.tools()
    assert len(Ledger(tmp_path / "ledger.txt").lines()) == 1


async def test_under_load_every_decision_is_of_a_revision_that_was_in_force(tmp_path: Path) -> None:
    engines = [Candidate(revision=f"r{number}") for number in range(6)]
    workflow = desk(limits=Limits(steps=8, calls=100, spend="1.00"))
    async with world(tmp_path, policies=engines[0], workflows=[workflow]) as runtime:

        async def work() -> list[str]:
            async with runtime.session("desk", ALICE) as run:
                for number in range(10):
                    assert isinstance(await run.call("note", {"text": f"{number}"}), Executed)
                return revisions(runtime, run.id)

        async def reload() -> None:
            for engine in engines[1:]:
                assert await runtime.reload_policies(engine) == engine.revision

        *worked, _ = await asyncio.gather(*(work() for _ in range(8)), reload())
        order = trail(runtime)
        assert order == [engine.revision for engine in engines]
        for decided in worked:
            assert isinstance(decided, list) and len(decided) == 10
            places = [order.index(revision) for revision in decided]
            assert places == sorted(places)


async def test_reloads_at_the_same_time_come_one_after_the_other(tmp_path: Path) -> None:
    engines = [Managed(f"r{number}") for number in range(5)]
    async with world(tmp_path) as runtime:
        answers = await asyncio.gather(*(runtime.reload_policies(engine) for engine in engines))
        assert answers == [engine.revision for engine in engines]
        assert trail(runtime)[1:] == answers
        assert [engine.story for engine in engines] == [["start", "close"]] * 4 + [["start"]]
    assert engines[-1].story == ["start", "close"]


async def test_a_caller_that_is_cancelled_only_lets_go_of_it(tmp_path: Path) -> None:
    class Slow(Managed):
        async def start(self) -> None:
            entered.set()
            await release.wait()

    entered, release = asyncio.Event(), asyncio.Event()
    new = Slow("new")
    async with world(tmp_path) as runtime:
        caller = asyncio.create_task(runtime.reload_policies(new))
        await entered.wait()
        caller.cancel()
        with pytest.raises(asyncio.CancelledError):
            await caller
        release.set()
    assert new.story == ["close"]
    with Journal.open(f"sqlite:///{tmp_path}/licet.db") as journal:
        last = journal.read(INSTALLATION)[-1].event
    assert isinstance(last, PolicyActivated) and last.revision == new.revision


# What waits for a person


async def test_an_approved_call_is_decided_again_by_the_new_revision(tmp_path: Path) -> None:
    script = [calls(("refund", {"order_id": "O-1", "amount": "120"})), answer("done")]
    async with world(tmp_path, model=scripted(script)) as runtime:
        waiting = await runtime.run("desk", "please", ALICE)
        assert isinstance(waiting, Suspended)
        runtime.approvals().approve(waiting.approvals[0], BOB)
        await runtime.reload_policies(Candidate(of("refund", denial("desk.closed"))))
        assert isinstance(await runtime.resume(waiting.run_id), Answered)
        denials = [r.event for r in runtime.journal.read(waiting.run_id) if isinstance(r.event, CallDenied)]
        assert [reason.rule for reason in denials[0].reasons] == ["desk.closed"]
    assert Ledger(tmp_path / "ledger.txt").lines() == []


async def test_a_new_revision_that_asks_more_people_gets_them_before_the_call_runs(tmp_path: Path) -> None:
    async with world(tmp_path) as runtime, runtime.session("desk", ALICE) as run:
        pending = await run.call("refund", {"order_id": "O-1", "amount": "120"})
        assert isinstance(pending, Pending) and pending.request_id
        runtime.approvals().approve(pending.request_id, BOB)
        await runtime.reload_policies(Candidate(of("refund", approval("desk.two", count=2))))
        more = await run.outcome("c1")
        assert isinstance(more, Pending) and more.request_id and more.request_id != pending.request_id
        assert Ledger(tmp_path / "ledger.txt").lines() == []
        for reviewer in (BOB, CAROL):
            if runtime.approvals().get(more.request_id).status == "pending":
                runtime.approvals().approve(more.request_id, reviewer)
        assert isinstance(await run.outcome("c1"), Executed)
    assert Ledger(tmp_path / "ledger.txt").lines() == ["refund O-1 120"]


# What does not come into force


async def test_a_broken_folder_changes_nothing_and_is_told_with_file_and_line(
    tmp_path: Path, rules: Callable[[str], Path], caplog: pytest.LogCaptureFixture
) -> None:
    folder = rules(OPEN)
    async with world(tmp_path, policies=folder) as runtime, runtime.session("desk", ALICE) as run:
        (kept,) = trail(runtime)
        rules('deny contains {"rule": "desk.broken"} if {\n\tinput.tool.name = = "note"\n}\n')
        with pytest.raises(PolicyError) as refused, caplog.at_level(logging.ERROR):
            await runtime.reload_policies()
        assert refused.value.file == str(folder / "desk.rego") and refused.value.line == 4
        (rejected,) = rejections(runtime)
        assert (rejected.kept, rejected.source, rejected.error) == (kept, str(folder), "PolicyError")
        assert (rejected.faults[0].file, rejected.faults[0].line) == (str(folder / "desk.rego"), 4)
        assert rejected.faults[0].reason == refused.value.reason
        assert "refused" in caplog.text and kept in caplog.text and "desk.rego:4" in caplog.text
        assert isinstance(await run.call("note", {"text": "x"}), Executed)
        assert trail(runtime) == [kept] and revisions(runtime, run.id) == [kept]
        rules(QUIET)
        await runtime.reload_policies()
        assert isinstance(await run.call("note", {"text": "x"}), Denied)


async def test_a_file_that_is_no_bundle_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine\udcff.tar.gz").write_bytes(b"no bundle")
    async with world(tmp_path) as runtime:
        for path in (tmp_path / "mine\udcff.tar.gz", tmp_path / "nothing.tar.gz"):
            with pytest.raises(PolicyError):
                await runtime.reload_policies(path)
        assert [len(rejected.faults) for rejected in rejections(runtime)] == [1, 1]
        assert await runtime.reload_policies() == load().revision


async def test_an_engine_whose_service_is_down_does_not_come_into_force(tmp_path: Path) -> None:
    old, new = Managed("old"), Managed("new", PolicyUnavailable("it is not healthy"))
    async with world(tmp_path, policies=old) as runtime, runtime.session("desk", ALICE) as run:
        with pytest.raises(PolicyUnavailable, match="not healthy"):
            await runtime.reload_policies(new)
        assert (old.story, new.story) == (["start"], ["start", "close"])
        (rejected,) = rejections(runtime)
        assert (rejected.source, rejected.error) == ("candidate", "PolicyUnavailable")
        assert rejected.faults[0].reason == "it is not healthy"
        assert isinstance(await run.call("note", {"text": "x"}), Executed)
        assert revisions(runtime, run.id) == [old.revision]
    assert old.story == ["start", "close"]


async def test_what_an_engine_of_ones_own_says_when_it_fails_stays_out_of_the_journal(tmp_path: Path) -> None:
    async with world(tmp_path) as runtime:
        with pytest.raises(RuntimeError):
            await runtime.reload_policies(Managed("new", RuntimeError("password 4711")))
        (rejected,) = rejections(runtime)
        assert rejected.error == "RuntimeError" and "4711" not in rejected.model_dump_json()


async def test_an_engine_of_ones_own_cannot_be_read_again(tmp_path: Path) -> None:
    async with world(tmp_path, policies=Candidate()) as runtime:
        with pytest.raises(ConfigurationError, match="give reload_policies the engine, or the path"):
            await runtime.reload_policies()
        assert rejections(runtime) == []


async def test_the_engine_that_is_asked_in_shadow_is_not_the_one_to_decide(tmp_path: Path) -> None:
    candidate = Candidate()
    async with world(tmp_path, shadow=candidate) as runtime:
        with pytest.raises(ConfigurationError, match="asked in shadow"):
            await runtime.reload_policies(candidate)
        assert await runtime.reload_policies(Candidate()) == candidate.revision


async def test_a_runtime_that_does_not_run_reloads_nothing(tmp_path: Path) -> None:
    runtime = world(tmp_path)
    with pytest.raises(RuntimeClosed):
        await runtime.reload_policies()
    async with runtime:
        await runtime.reload_policies(Candidate())
    async with runtime:
        assert trail(runtime)[-1] == Candidate().revision
