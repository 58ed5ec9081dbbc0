"""Replay: every recorded decision is asked again, and what would change is told by rule, tool and workflow."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import tracemalloc
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from candidates import Candidate, approval, denial, of
from governed import ALICE, desk, note, read_order, refund, world

from licet import Denied, Executed, Pending, Principal, Reviewer, Runtime, Suggested, allow
from licet.audit.clock import timestamp
from licet.audit.errors import ConfigurationError, JournalDamaged
from licet.audit.events import Actor, ApprovalOwed, CallExecuted, Decided, GroupCount
from licet.audit.journal import Journal
from licet.audit.records import Draft, Payload, Unit
from licet.policies import PolicyUnavailable, load
from licet.runtime.cli.policy_replay import window
from licet.runtime.policy_changes import difference
from licet.runtime.replay import Replay, Window, replay
from licet.testing import FixedClock

LICET = Path(sys.executable).with_name("licet")
BOB = Reviewer(id="local:bob", local=True)
MOMENT = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


async def again(folder: Path, engine: Any = None, window: Window | None = None) -> Replay:
    """The journal of `folder` replayed, as a process does that only reads."""
    with Journal.open(f"sqlite:///{folder}/licet.db") as journal:
        return await replay(journal, engine or load(), window)


def decided(folder: Path) -> list[Decided]:
    """Every decision that the journal of `folder` holds."""
    with Journal.open(f"sqlite:///{folder}/licet.db") as journal:
        events = [record.event for head in journal.heads() for record in journal.read(head.stream)]
    decisions = [getattr(event, "decision", None) for event in events]
    return [decision for decision in decisions if decision is not None]


def told(found: Replay) -> list[tuple[str, tuple[str, ...], str, str, int, bool]]:
    return [
        (row.kind, row.rules, row.tool, row.workflow, row.decisions, row.newly_allowed)
        for row in found.changes.rows()
    ]


@asynccontextmanager
async def approved(folder: Path, amount: str = "120") -> AsyncIterator[Runtime]:
    """A runtime in which a refund was asked for, approved and made: two decisions on one call."""
    async with world(folder) as runtime:
        async with runtime.session("desk", ALICE) as run:
            pending = await run.call("refund", {"order_id": "O-1", "amount": amount})
            assert isinstance(pending, Pending) and pending.request_id
            runtime.approvals().approve(pending.request_id, BOB)
            assert isinstance(await run.outcome("c1"), Executed)
        yield runtime


# The same policy says the same


async def test_the_policy_that_decided_says_the_same_of_every_kind_of_decision(tmp_path: Path) -> None:
    suggests = desk(name="suggests", mode="suggest", model=None)
    async with world(tmp_path, workflows=[desk(), suggests]) as runtime:
        async with runtime.session("desk", ALICE) as run:
            assert isinstance(await run.call("read_order", {"order_id": "O-1"}), Executed)
            await run.call("refund", {"order_id": "closed", "amount": "0.10"})
            await run.call("refund", {"order_id": "O-2", "amount": "12.3456789012345678901"})
            pending = await run.call("refund", {"order_id": "O-3", "amount": "120"})
            assert isinstance(pending, Pending) and pending.request_id
            runtime.approvals().approve(pending.request_id, BOB)
            assert isinstance(await run.outcome("c4"), Executed)
        async with runtime.session("suggests", ALICE) as run:
            assert isinstance(await run.call("refund", {"order_id": "O-1", "amount": "120"}), Suggested)
    found = await again(tmp_path)
    assert (found.decisions, found.unchanged, found.changes.decisions, found.newly_allowed) == (6, 6, 0, 0)
    assert found.decisions == len(decided(tmp_path))
    assert found.recorded == {found.revision: 6}
    assert set(found.not_replayed.values()) == {0}


async def test_denials_and_obligations_of_ones_own_rules_are_the_same_too(
    tmp_path: Path, rules: Callable[[str], Path]
) -> None:
    folder = rules(
        'deny contains {"rule": "desk.large", "message": "Too much."} if input.call.args.amount > 10\n'
        'deny contains {"rule": "desk.larger", "message": "Far too much."} if input.call.args.amount > 20\n'
        'obligation contains {"notify": "ops", "share": 0.5, "most": 1e18, "least": 1e-7} if true\n'
        'approval contains {"rule": "desk.look", "requires": [{"group": "any", "count": 2}, '
        '{"group": "b", "count": 1}], "expires_in": 60, "reason": "look"} if input.tool.name == "mark"\n'
    )
    async with world(tmp_path, policies=folder) as runtime, runtime.session("desk", ALICE) as run:
        assert isinstance(await run.call("refund", {"order_id": "O-1", "amount": "5"}), Executed)
        assert isinstance(await run.call("refund", {"order_id": "O-1", "amount": "50"}), Denied)
        assert isinstance(await run.call("mark", {"text": "x"}), Denied)  # nobody is in group b
    found = await again(tmp_path, load(folder))
    assert (found.decisions, found.unchanged, told(found)) == (3, 3, [])


# What would change


async def test_what_would_be_denied_and_what_would_be_allowed(tmp_path: Path) -> None:
    strict = Candidate(of("read_order", denial("desk.closed")), "strict")
    async with world(tmp_path, policies=strict) as runtime, runtime.session("desk", ALICE) as run:
        assert isinstance(await run.call("read_order", {"order_id": "O-1"}), Denied)
        assert isinstance(await run.call("read_order", {"order_id": "O-2"}), Denied)
        assert isinstance(await run.call("note", {"text": "hello"}), Executed)
    found = await again(tmp_path, Candidate(of("note", denial("desk.quiet"))))
    assert told(found) == [
        ("deny_to_allow", ("-desk.closed",), "read_order", "desk@1", 2, True),
        ("allow_to_deny", ("+desk.quiet",), "note", "desk@1", 1, False),
    ]
    assert (found.unchanged, found.newly_allowed) == (0, 2)
    (calls, _) = (row.examples for row in found.changes.rows())
    assert [(example.run_id, example.call_id) for example in calls] == [(run.id, "c1"), (run.id, "c2")]


async def test_an_approval_that_is_gained(tmp_path: Path) -> None:
    async with world(tmp_path) as runtime, runtime.session("desk", ALICE) as run:
        await run.call("refund", {"order_id": "O-1", "amount": "20"})
    found = await again(tmp_path, Candidate(of("refund", approval("desk.look"))))
    assert told(found) == [("approval_gained", ("+desk.look",), "refund", "desk@1", 1, False)]
    assert found.newly_allowed == 0


async def test_an_approval_that_is_lost_on_an_effect_is_newly_allowed_and_is_one_call(tmp_path: Path) -> None:
    async with approved(tmp_path):
        pass
    found = await again(tmp_path, Candidate(of("refund", {"approval": None})))
    ((kind, rules, tool, _, decisions, newly),) = told(found)
    assert (kind, tool, decisions, newly) == ("approval_lost", "refund", 2, True)
    assert rules == ("-licet.effects.irreversible_owes_approval",)
    assert found.newly_allowed == 1
    (row,) = found.changes.rows()
    assert len(row.examples) == 1


async def test_an_approval_that_is_lost_on_a_read_is_told_and_is_not_newly_allowed(tmp_path: Path) -> None:
    careful = Candidate(of("read_order", approval("desk.look")), "careful")
    async with world(tmp_path, policies=careful) as runtime, runtime.session("desk", ALICE) as run:
        assert isinstance(await run.call("read_order", {"order_id": "O-1"}), Pending)
    found = await again(tmp_path)
    assert told(found) == [("approval_lost", ("-desk.look",), "read_order", "desk@1", 1, False)]
    assert found.newly_allowed == 0


async def test_another_number_of_people_is_a_changed_approval(tmp_path: Path) -> None:
    rule = "licet.effects.irreversible_owes_approval"
    async with world(tmp_path) as runtime, runtime.session("desk", ALICE) as run:
        await run.call("refund", {"order_id": "O-1", "amount": "120"})
    found = await again(tmp_path, Candidate(of("refund", approval(rule, count=2))))
    assert told(found) == [("approval_changed", (f"~{rule}",), "refund", "desk@1", 1, False)]


async def test_a_weaker_approval_is_newly_allowed_on_an_effect_and_not_on_a_read(tmp_path: Path) -> None:
    def rule(tool: str, count: int) -> Candidate:
        return Candidate(of(tool, approval("desk.look", count=count)), f"{tool} {count}")

    for tool, arguments, counts in (
        ("note", {"text": "x"}, True),
        ("read_order", {"order_id": "O-1"}, False),
    ):
        (folder := tmp_path / tool).mkdir()
        async with world(folder, policies=rule(tool, 2)) as runtime, runtime.session("desk", ALICE) as run:
            assert isinstance(await run.call(tool, arguments), Pending)
        found = await again(folder, rule(tool, 1))
        assert told(found) == [("approval_changed", ("~desk.look",), tool, "desk@1", 1, counts)]
        assert found.newly_allowed == counts
        assert (await again(folder, rule(tool, 3))).newly_allowed == 0


@pytest.mark.parametrize(
    ("before", "after", "newly_allowed"),
    [
        ({"any": 2}, {"any": 1}, True),
        ({"any": 1}, {"any": 2}, False),
        ({"any": 1, "legal": 1}, {"any": 1}, True),  # a group that is not asked any more
        ({"any": 1}, {"any": 1, "legal": 1}, False),
        ({"any": 2}, {"any": 1, "legal": 5}, True),  # more people in all, and fewer of one group
        ({"legal": 1}, {"any": 1}, True),
    ],
)
async def test_a_weaker_approval_is_one_that_asks_some_group_for_fewer_people(
    before: dict[str, int], after: dict[str, int], newly_allowed: bool
) -> None:
    def owes(groups: dict[str, int]) -> Decided:
        requires = tuple(GroupCount(group=group, count=count) for group, count in groups.items())
        owed = ApprovalOwed(requires=requires, expires_in=60, reason="Look.", rules=("desk.look",))
        return Decided(
            decision_id="d", revision="r", engine="e", allow=True, grants=("desk.open",), approval=owed
        )

    changed = difference(owes(before), owes(after), "write")
    assert changed is not None
    assert (changed.kind, changed.newly_allowed) == ("approval_changed", newly_allowed)


async def test_the_same_answer_by_other_rules_or_obligations_is_told(tmp_path: Path) -> None:
    async with world(tmp_path) as runtime, runtime.session("desk", ALICE) as run:
        await run.call("note", {"text": "x"})
    ((kind, rules, *_),) = told(await again(tmp_path, Candidate(of("note", {"grants": ("desk.mine",)}))))
    assert kind == "rules_changed" and "+desk.mine" in rules
    ((kind, *_),) = told(await again(tmp_path, Candidate(of("note", {"obligations": ({"notify": "x"},)}))))
    assert kind == "rules_changed"


async def test_a_new_policy_that_fails_is_a_denial_like_any_other(tmp_path: Path) -> None:
    async with world(tmp_path) as runtime, runtime.session("desk", ALICE) as run:
        await run.call("note", {"text": "x"})
    failing = Candidate(of("note", {**denial("licet.engine.failed"), "cause": "it was aborted"}))
    assert told(await again(tmp_path, failing)) == [
        ("allow_to_deny", ("+licet.engine.failed",), "note", "desk@1", 1, False)
    ]


async def test_a_rule_of_rego_is_told_with_the_call_it_would_stop(
    tmp_path: Path, rules: Callable[[str], Path]
) -> None:
    async with world(tmp_path) as runtime, runtime.session("desk", ALICE) as run:
        for amount in ("5", "30", "40"):
            await run.call("refund", {"order_id": "O-1", "amount": amount})
    folder = rules(
        'deny contains {"rule": "desk.large", "message": "Too much."} if input.call.args.amount > 10'
    )
    found = await again(tmp_path, load(folder))
    assert told(found) == [("allow_to_deny", ("+desk.large",), "refund", "desk@1", 2, False)]
    assert [example.call_id for example in found.changes.rows()[0].examples] == ["c2", "c3"]


# What cannot be asked again


def without(folder: Path, table: str, action: Callable[[sqlite3.Connection], object]) -> None:
    """Do to the database what its guards on `table` refuse, and put them back."""
    with closing(sqlite3.connect(folder / "licet.db")) as database:
        query = "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = ?"
        guards = database.execute(query, (table,)).fetchall()
        for name, _ in guards:
            database.execute(f"DROP TRIGGER {name}")
        action(database)
        for _, sql in guards:
            database.execute(sql)
        database.commit()


async def test_an_erased_input_is_counted_and_not_taken_for_unchanged(tmp_path: Path) -> None:
    async with world(tmp_path) as runtime, runtime.session("desk", ALICE) as run:
        await run.call("note", {"text": "x"})
        await run.call("note", {"text": "y"})
    erase = "DELETE FROM payloads WHERE rowid = (SELECT min(rowid) FROM payloads WHERE name = 'policy_input')"
    without(tmp_path, "payloads", lambda database: database.execute(erase))
    found = await again(tmp_path)
    assert (found.decisions, found.unchanged) == (2, 1)
    assert found.not_replayed == {"payload_erased": 1, "older_contract": 0, "engine_failed": 0}


async def test_a_denial_after_an_engine_failed_says_nothing_of_the_policy(tmp_path: Path) -> None:
    failing = Candidate(of("note", {**denial("licet.engine.failed"), "cause": "it was aborted"}))
    async with world(tmp_path, policies=failing) as runtime, runtime.session("desk", ALICE) as run:
        assert isinstance(await run.call("note", {"text": "x"}), Denied)
    found = await again(tmp_path)
    assert (found.decisions, found.newly_allowed, found.not_replayed["engine_failed"]) == (1, 0, 1)


async def recorded_again(folder: Path, *lacks: tuple[str, str]) -> None:
    """A read is recorded, and once more with an input in which these fields are missing."""
    async with world(folder) as runtime:
        async with runtime.session("desk", ALICE) as run:
            await run.call("read_order", {"order_id": "O-1"})
        (record,) = [
            record for record in runtime.journal.read(run.id) if isinstance(record.event, CallExecuted)
        ]
        document = json.loads(runtime.journal.payload(run.id, record.seq, "policy_input") or b"")
        for section, field in lacks:
            del document[section][field]
        old = Payload(json.dumps(document).encode())
        draft = Draft(record.event, Actor(kind="runtime", id="licet"), {"policy_input": old})
        runtime.journal.append_now(Unit(run.id, "acme", (draft,)))


async def test_an_input_that_lacks_what_the_contract_demands_today_is_counted(tmp_path: Path) -> None:
    await recorded_again(tmp_path, ("run", "approvals"), ("call", "provenance"))
    found = await again(tmp_path)
    assert (found.decisions, found.unchanged, found.changes.decisions) == (2, 1, 0)
    assert found.not_replayed["older_contract"] == 1
    told = licet(tmp_path, "policy", "replay", "--max-newly-allowed", "0", code=1)
    assert "0 calls would be newly allowed, and 1 might be (at most 0 may be)" in told
    licet(tmp_path, "policy", "replay", "--max-newly-allowed", "1")


async def test_an_input_from_before_there_was_data_of_tenants_is_asked_again(tmp_path: Path) -> None:
    await recorded_again(tmp_path, ("context", "tenant_data"))
    found = await again(tmp_path)
    assert (found.decisions, found.unchanged) == (2, 2)


async def test_what_was_denied_before_policy_was_asked_is_no_decision(tmp_path: Path) -> None:
    async with world(tmp_path) as runtime, runtime.session("desk", ALICE) as run:
        assert isinstance(await run.call("refund", {"order_id": "O-1", "amount": "201"}), Denied)
        assert isinstance(await run.call("nothing", {}), Denied)
    assert (await again(tmp_path)).decisions == 0


async def test_a_policy_service_that_is_down_is_no_answer(tmp_path: Path) -> None:
    class Down(Candidate):
        async def decide(self, input: bytes, decision_id: str) -> Decided:
            raise PolicyUnavailable("the policy service does not answer")

    async with world(tmp_path) as runtime, runtime.session("desk", ALICE) as run:
        await run.call("note", {"text": "x"})
    with pytest.raises(PolicyUnavailable):
        await again(tmp_path, Down())


# Which decisions


async def test_time_is_what_the_policy_saw(tmp_path: Path) -> None:
    clock = FixedClock(MOMENT)
    async with world(tmp_path, clock=clock) as runtime, runtime.session("desk", ALICE) as run:
        await run.call("note", {"text": "first"})
        clock.advance(seconds=60)
        await run.call("note", {"text": "second"})
    minute = timedelta(minutes=1)
    for since, until, count in (
        (None, None, 2),
        (MOMENT, None, 2),
        (MOMENT + timedelta(microseconds=1), None, 1),
        (MOMENT + minute, None, 1),
        (None, MOMENT + minute, 1),
        (MOMENT, MOMENT + minute + timedelta(microseconds=1), 2),
        (MOMENT + 2 * minute, None, 0),
    ):
        assert (await again(tmp_path, window=Window(since, until))).decisions == count


async def test_a_rule_about_the_time_sees_the_time_of_the_decision(
    tmp_path: Path, rules: Callable[[str], Path]
) -> None:
    folder = rules(
        'deny contains {"rule": "desk.morning", "message": "Not before noon."} if '
        f'input.context.time < "{timestamp(MOMENT)}"'
    )
    clock = FixedClock(MOMENT - timedelta(minutes=1))
    async with (
        world(tmp_path, clock=clock, policies=folder) as runtime,
        runtime.session("desk", ALICE) as run,
    ):
        assert isinstance(await run.call("note", {"text": "early"}), Denied)
        clock.advance(minutes=2)
        assert isinstance(await run.call("note", {"text": "late"}), Executed)
    assert (await again(tmp_path, load(folder))).unchanged == 2


async def test_by_workflow_tool_and_tenant(tmp_path: Path) -> None:
    small = desk(name="small", version="2", tools=[allow(read_order), allow(note)])
    eve = Principal(subject="user-eve", tenant="rival")
    async with world(tmp_path, workflows=[desk(), small], tools=[refund]) as runtime:
        async with runtime.session("desk", ALICE) as run:
            await run.call("read_order", {"order_id": "O-1"})
            await run.call("note", {"text": "x"})
        async with runtime.session("small", eve) as run:
            await run.call("note", {"text": "x"})
    for meant, count in (
        (Window(workflow="small"), 1),
        (Window(workflow="small@2"), 1),
        (Window(workflow="small@1"), 0),
        (Window(tool="note"), 2),
        (Window(tool="note", workflow="desk"), 1),
        (Window(tenant="rival"), 1),
        (Window(tenant="rival", tool="read_order"), 0),
        (Window(tenant="riv"), 0),
    ):
        assert (await again(tmp_path, window=meant)).decisions == count, meant


# It reads what stands there, and no more


@pytest.mark.parametrize(
    ("table", "change"),
    [
        ("events", "UPDATE events SET record = replace(record, 'read_order', 'read_0rder')"),
        ("events", "DELETE FROM events WHERE seq = 2 AND stream != 'installation'"),
        ("events", "DELETE FROM events WHERE stream != 'installation'"),
        (
            "payloads",
            "UPDATE payloads SET content = CAST(replace(content, 'O-1', 'O-2') AS BLOB)",
        ),
    ],
    ids=["a record changed", "a record removed", "a run removed", "an input changed"],
)
async def test_a_journal_that_was_tampered_with_is_not_replayed(
    tmp_path: Path, table: str, change: str
) -> None:
    async with world(tmp_path) as runtime, runtime.session("desk", ALICE) as run:
        await run.call("read_order", {"order_id": "O-1"})
        await run.call("read_order", {"order_id": "O-1"})
    without(tmp_path, table, lambda database: database.execute(change))
    with pytest.raises(JournalDamaged, match="licet audit verify"):
        await again(tmp_path)


async def test_memory_does_not_grow_with_the_journal(tmp_path: Path) -> None:
    async with world(tmp_path) as runtime:
        async with runtime.session("desk", ALICE) as run:
            await run.call("note", {"text": "x" * 2000})
        pattern = [
            (record, {name: runtime.journal.payload(run.id, record.seq, name) for name in record.payloads})
            for record in runtime.journal.read(run.id)
        ]
        for tenant, many in (("few", 20), ("many", 1000)):
            units = []
            for number in range(many):
                drafts = tuple(
                    Draft(
                        record.event,
                        record.actor,
                        {name: Payload(content or b"") for name, content in held.items()},
                    )
                    for record, held in pattern
                )
                units.append(runtime.journal.submit(Unit(f"{tenant}-{number:05}", tenant, drafts)))
            for unit in units:
                await unit
    engine = load()

    async def most(tenant: str, decisions: int) -> int:
        tracemalloc.start()
        found = await again(tmp_path, engine, Window(tenant=tenant))
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert (found.decisions, found.unchanged) == (decisions, decisions)
        return peak

    await most("few", 20)  # what is made once
    few = await most("few", 20)
    assert await most("many", 1000) < 2 * few + 1_000_000


async def test_the_table_is_bounded_and_says_what_it_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("licet.runtime.policy_changes.MOST_ROWS", 2)
    async with world(tmp_path) as runtime, runtime.session("desk", ALICE) as run:
        for text in ("a", "b", "c", "c"):
            await run.call("note", {"text": text})
    each = Candidate(lambda asked, decided: denial(f"desk.{asked['call']['args']['text']}"))
    found = await again(tmp_path, each)
    assert (found.changes.decisions, len(found.changes.rows()), found.changes.omitted) == (4, 2, 2)


def test_only_what_was_decided_is_compared() -> None:
    fields: dict[str, Any] = {"allow": True, "grants": ("b", "a"), "obligations": ({"x": 1e18}, {"x": 0.1})}
    one = Decided(decision_id="1", revision="r", engine="wasm", **fields)
    fields.update(grants=("a", "b"), obligations=({"x": 0.1}, {"x": 10**18}))
    other = Decided(decision_id="2", revision="s", engine="opa", **fields)
    assert difference(one, other, "write") is None


# The command


def licet(folder: Path, *words: str, code: int = 0) -> str:
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in ("LICET_DATABASE_URL", "LICET_POLICIES")
    }
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
    assert "Traceback" not in done.stderr
    return done.stdout or done.stderr


def test_without_a_journal_it_exits_2_and_makes_none(tmp_path: Path) -> None:
    assert "there is no journal" in licet(tmp_path, "policy", "replay", code=2)
    assert list(tmp_path.iterdir()) == []


async def test_the_command_says_what_would_change_and_exits_1_beyond_the_bound(
    tmp_path: Path, rules: Callable[[str], Path]
) -> None:
    folder = rules(
        'deny contains {"rule": "desk.large", "message": "Too much."} if input.call.args.amount > 10'
    )
    async with world(tmp_path, policies=folder) as runtime, runtime.session("desk", ALICE) as run:
        await run.call("read_order", {"order_id": "O-1"})
        await run.call("refund", {"order_id": "O-1", "amount": "30"})
        await run.call("refund", {"order_id": "O-1", "amount": "40"})
    same = licet(tmp_path, "policy", "replay", "--policies", str(folder), "--max-newly-allowed", "0")
    assert "3 would be the same, and 0 would change" in same
    told = licet(tmp_path, "policy", "replay", "--since", "7d")
    assert "deny to allow (!)" in told and "-desk.large" in told and f"{run.id} c2" in told
    assert "2 calls would be newly allowed" in told
    found = json.loads(licet(tmp_path, "policy", "replay", "--max-newly-allowed", "1", "--json", code=1))
    assert (found["ok"], found["newly_allowed"], found["unchanged"], found["changed"]) == (False, 2, 1, 2)
    (row,) = found["changes"]
    assert row["kind"] == "deny_to_allow" and row["rules"] == ["-desk.large"]
    assert row["examples"] == [{"run_id": run.id, "call_id": call} for call in ("c2", "c3")]
    past = licet(tmp_path, "policy", "replay", "--since", "2020-01-01", "--until", "1h", "--json")
    assert json.loads(past)["decisions"] == 0


@pytest.mark.parametrize(
    "given", ["yesterday", "7", "0d", "-1d", "400d", "2026-13-01", "0001-01-01T00:00:00+14:00"]
)
def test_a_time_that_cannot_be_read_is_refused(given: str) -> None:
    with pytest.raises(ConfigurationError, match="--since is a duration back from now"):
        window(given, None, None, None, None)


def test_a_window_with_nothing_in_it_is_refused(tmp_path: Path) -> None:
    said = licet(tmp_path, "policy", "replay", "--since", "1h", "--until", "2h", code=2)
    assert "--since is not before --until" in said


def test_a_time_without_a_zone_is_utc() -> None:
    meant = window("2026-01-31T12:00", "2026-01-31T14:00:00+01:00", None, None, None)
    assert meant.since == datetime(2026, 1, 31, 12, tzinfo=UTC)
    assert meant.until == datetime(2026, 1, 31, 13, tzinfo=UTC)
