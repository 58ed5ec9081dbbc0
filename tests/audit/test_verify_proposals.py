"""Nothing becomes of a call that nobody proposed: `verify` says so, and of no journal that is whole."""

from __future__ import annotations

from pathlib import Path

import pytest
from journal_story import FINISHED, OPERATOR, STARTED, tampering, unit, url_of

from licet.audit import proposals
from licet.audit.events import (
    CallExecuted,
    CallFailed,
    CallPermitted,
    CallProposed,
    Decided,
    Event,
    ModelResponded,
    ProposedCall,
)
from licet.audit.journal import Journal
from licet.audit.proposals import Proposals
from licet.audit.records import Draft, Payload
from licet.audit.verify import verify

DECIDED = Decided(decision_id="d", revision="r", engine="wasm", allow=True, grants=("g",))


def proposed(call: str) -> CallProposed:
    return CallProposed(call_id=call, tool="note")


def responded(*calls: str) -> ModelResponded:
    return ModelResponded(
        step=1,
        model_id="m",
        input_tokens=1,
        output_tokens=1,
        cost="0",
        overran=False,
        calls=tuple(ProposedCall(call_id=call, tool="note") for call in calls),
        finish_reason=None,
    )


def permitted(call: str) -> CallPermitted:
    return CallPermitted(
        permit_id="p",
        call_id=call,
        tool="note",
        effect="write",
        attempt=1,
        digest="d",
        decision=DECIDED,
        authorization="granted",
        request_ids=(),
        idempotency_key="k",
        reserved_cost="0",
        deadline="2026-01-02T03:04:05.000006Z",
    )


def opened(call: str) -> Draft:
    """The permit that has the proposal too."""
    return Draft(permitted(call), OPERATOR, {"proposals": Payload(b"{}")})


def executed(call: str) -> CallExecuted:
    return CallExecuted(
        call_id=call, tool="note", digest="d", permit_id=None, decision=DECIDED, cost="0", elapsed_us=1
    )


def failed(call: str) -> CallFailed:
    return CallFailed(
        call_id=call,
        tool="note",
        digest="d",
        permit_id=None,
        decision=DECIDED,
        error="NotExecuted",
        message="no",
        not_executed=True,
        elapsed_us=1,
    )


def journal(path: Path, *events: Event | Draft, stream: str = "run-1") -> Path:
    file = path / "licet.db"
    with Journal.open(url_of(file), create=True) as opened:
        for event in events:
            opened.append_now(unit(stream, event, takes_claim=event in (STARTED, FINISHED)))
    return file


def found(path: Path) -> list[tuple[str, str | None, int | None]]:
    return [(problem.kind, problem.stream, problem.seq) for problem in verify(url_of(path)).problems]


WHOLE: dict[str, tuple[Event | Draft, ...]] = {
    "a call permitted as it is proposed": (opened("c1"), executed("c1"), opened("c2"), permitted("c2")),
    "a call of a session": (proposed("c1"), permitted("c1"), executed("c1")),
    "a read": (proposed("c1"), executed("c1")),
    "calls of the model": (responded("s1c1", "s1c2"), executed("s1c2"), permitted("s1c1"), failed("s1c1")),
    "a call that is tried again": (proposed("c1"), permitted("c1"), permitted("c1"), executed("c1")),
    "calls side by side": (proposed("c1"), proposed("c2"), executed("c2"), executed("c1")),
}


@pytest.mark.parametrize("events", WHOLE.values(), ids=WHOLE)
def test_what_was_proposed_may_become_anything(tmp_path: Path, events: tuple[Event | Draft, ...]) -> None:
    assert found(journal(tmp_path, STARTED, *events, FINISHED)) == []


@pytest.mark.parametrize(
    "became", [permitted("c1"), executed("c1"), failed("c1")], ids=lambda event: event.type
)
@pytest.mark.parametrize(
    "before",
    [(), (proposed("c2"),), (opened("c2"),), (responded("s1c1"),)],
    ids=["none", "another", "permitted", "turn"],
)
def test_what_becomes_of_a_call_that_nobody_proposed_is_told(
    tmp_path: Path, before: tuple[Event | Draft, ...], became: Event
) -> None:
    path = journal(tmp_path, STARTED, *before, became, proposed("c1"))
    assert found(path) == [("unproposed", "run-1", 2 + len(before))]
    (problem,) = verify(url_of(path)).problems
    assert "call c1 was" in problem.message and "no record up to this one proposes it" in problem.message


def test_the_proposal_of_another_run_is_none(tmp_path: Path) -> None:
    journal(tmp_path, proposed("c1"), stream="run-1")
    assert found(journal(tmp_path, executed("c1"), stream="run-2")) == [("unproposed", "run-2", 1)]


def test_a_proposal_that_was_removed_is_told_once(tmp_path: Path) -> None:
    path = journal(tmp_path, STARTED, proposed("c1"), executed("c1"))
    with tampering(path, "events_no_delete") as connection:
        connection.execute("DELETE FROM events WHERE seq = 2")
    assert found(path) == [("removed", "run-1", 2)]


def test_of_a_long_run_old_proposals_are_looked_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = Proposals.__init__.__defaults__
    monkeypatch.setattr(Proposals.__init__, "__defaults__", (3,))
    assert kept == (proposals.MOST_KEPT,)
    many = [proposed(f'c"{number}') for number in range(8)]
    turn, first = responded("s1c1", "s1c2"), opened("c99")
    late = [executed(call) for call in ('c"0', "s1c2", "c99", 'c"7', "c")]
    path = journal(tmp_path, STARTED, turn, first, *many, permitted("s1c1"), *late)
    assert found(path) == [("unproposed", "run-1", 17)]


def test_a_permit_is_no_proposal_where_it_does_not_hold_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Proposals.__init__, "__defaults__", (1,))
    path = journal(tmp_path, STARTED, permitted("c1"), proposed("c2"), proposed("c3"), executed("c1"))
    assert found(path) == [("unproposed", "run-1", 2), ("unproposed", "run-1", 5)]


def test_no_more_proposals_are_kept_than_that() -> None:
    asked: list[str] = []

    def look_up(seq: int, call_id: str) -> bool:
        asked.append(call_id)
        return True

    it = Proposals(look_up, most_kept=2)
    assert it.fault(1, executed("c9"), ()) is not None  # nothing is forgotten, so there is nothing to look up
    for number in range(100):
        it.fault(2 + number, proposed(f"c{number}"), ("proposals",))
    assert len(it._kept) == 2
    assert it.fault(200, executed("c99"), ()) is None and asked == []
    assert it.fault(201, executed("c0"), ()) is None and asked == ["c0"]
