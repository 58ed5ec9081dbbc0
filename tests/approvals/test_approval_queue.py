"""The approval queue over a real journal."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator
from datetime import datetime
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

import orjson
import pytest
from approval_story import HOUR, NOON, closed, finished, owed, requested, started, suspended

from licet.approvals.coverage import covers
from licet.approvals.directory import FileDirectory, LocalDirectory
from licet.approvals.errors import (
    AlreadyAnswered,
    AmbiguousRequest,
    ApprovalError,
    EditRefused,
    NotAReviewer,
    NothingToShow,
    ReasonRefused,
    RequestClosed,
    RequestExpired,
    SelfReview,
    UnknownRequest,
)
from licet.approvals.queue import ApprovalQueue
from licet.approvals.reviewer import Reviewer
from licet.approvals.shown import Shown
from licet.approvals.signing import ReviewSigner, ReviewVerifier
from licet.audit.canonical import canonical
from licet.audit.clock import SystemClock, new_id
from licet.audit.events import Actor, ApprovalAnswered, ApprovalOwed, Event
from licet.audit.journal import Journal
from licet.audit.records import Appended, Draft, Payload, Unit
from licet.tools.principal import Principal

BOB, CAROL, DAVE = (Reviewer(f"local:{name}", local=True) for name in ("bob", "carol", "dave"))
ARGS: dict[str, Any] = {"order_id": "O-1", "amount": "120.00"}


class HeldClock:
    def __init__(self) -> None:
        self.moment = NOON

    def now(self) -> datetime:
        return self.moment


def shown(tenant: str = "default", args: dict[str, Any] | None = None) -> dict[str, Any]:
    return {
        "tool": "issue_refund",
        "salt": "73" * 16,
        "contract_hash": "c" * 64,
        "args": args or ARGS,
        "principal": {"subject": "alice", "tenant": tenant, "roles": ["support"], "attributes": {"eu": True}},
        "workflow": {"name": "refund-desk", "version": "1", "digest": "w" * 64, "purpose": "Answer requests"},
        "reason": "<script>the customer asked</script>",
        "preview": "Pays back 120.00 EUR",
        "resource": None,
        "decision_reasons": ["it cannot be taken back"],
        "provenance": {},
        "spent": {"usd": "0"},
        "story": [],
    }


class Desk:
    """A journal with runs that ask, and the queue that people answer from."""

    def __init__(self, path: Path) -> None:
        self.url = f"sqlite:///{path / 'licet.db'}"
        self.clock = HeldClock()
        self.journal = Journal.open(self.url, create=True, clock=self.clock)
        self.signer = ReviewSigner(path / "keys" / "approval.key")
        self.queue = ApprovalQueue(self.journal, self.signer, LocalDirectory())

    def append(
        self,
        run: str,
        *events: tuple[Event, dict[str, bytes]],
        tenant: str = "default",
        status: str | None = None,
    ) -> Appended:
        drafts = tuple(
            Draft(
                event, Actor(kind="runtime", id="w"), {name: Payload(data) for name, data in payloads.items()}
            )
            for event, payloads in events
        )
        return self.journal.append_now(Unit(run, tenant, drafts))

    def ask(
        self,
        needs: ApprovalOwed | None = None,
        *,
        tenant: str = "default",
        live: bool = False,
        request_id: str | None = None,
        seen: dict[str, Any] | None = None,
        subject: str = "alice",
        digest: str | None = None,
    ) -> tuple[str, str]:
        """A new run that asks for an approval. Returns the ids of the run and of the request."""
        run, request_id, seen = new_id(), request_id or new_id(), seen or shown(tenant)
        seen["principal"]["subject"] = subject
        digest = digest or Shown.read(canonical(seen)).digest()
        self.append(
            run,
            (started(subject), {}),
            (requested(request_id, "c1", needs, digest, self.clock.now() + HOUR), {"shown": canonical(seen)}),
            *([] if live else [(suspended(), {})]),
            tenant=tenant,
        )
        return run, request_id

    def answers(self, run: str) -> list[ApprovalAnswered]:
        return [
            record.event for record in self.journal.read(run) if isinstance(record.event, ApprovalAnswered)
        ]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path)
    yield made
    made.journal.close()


def test_what_waits_is_listed_the_oldest_first_in_suspended_and_in_live_runs(desk: Desk) -> None:
    _, first = desk.ask()
    desk.clock.moment += HOUR / 4
    _, second = desk.ask(live=True)
    assert [request.request_id for request in desk.queue.pending()] == [first, second]
    desk.clock.moment += HOUR * 3 / 4
    assert [request.request_id for request in desk.queue.pending()] == [second]


def test_what_is_answered_or_over_no_longer_waits(desk: Desk) -> None:
    _, answered = desk.ask()
    run, _ = desk.ask()
    desk.queue.approve(answered, BOB)
    desk.append(run, (finished(), {}))
    assert desk.queue.pending() == []
    assert sorted(request.status for request in desk.queue.history()) == ["approved", "void"]
    assert len(desk.queue.history(limit=1)) == 1


def test_tenants_do_not_meet(desk: Desk) -> None:
    _, ours = desk.ask(tenant="ours")
    _, theirs = desk.ask(tenant="theirs")
    assert [request.request_id for request in desk.queue.pending("ours")] == [ours]
    assert [request.request_id for request in desk.queue.history("ours")] == [ours]
    with pytest.raises(UnknownRequest):
        desk.queue.get(theirs, tenant="ours")
    with pytest.raises(UnknownRequest):
        desk.queue.approve(theirs, BOB, tenant="ours")
    assert desk.queue.get(theirs, tenant="theirs").tenant == "theirs"


def test_the_reviewer_sees_what_the_answer_binds_to(desk: Desk) -> None:
    _, request_id = desk.ask()
    request = desk.queue.get(request_id)
    seen = desk.queue.shown(request)
    assert (seen.tool, seen.args, seen.reason) == (
        "issue_refund",
        ARGS,
        "<script>the customer asked</script>",
    )
    assert seen.digest() == request.digest


def test_an_approval_is_journalled_signed_and_covers(desk: Desk) -> None:
    run, request_id = desk.ask()
    request = desk.queue.approve(request_id, BOB, "  looks right  ")
    assert request.status == "approved"
    (answer,) = request.answers
    assert desk.queue.reason(answer) == "looks right"
    assert desk.queue.edited(answer) is None
    record = desk.journal.read(run)[-1]
    assert (record.actor.kind, record.actor.id) == ("reviewer", "local:bob")
    (event,) = desk.answers(run)
    assert (event.verdict, event.local, event.groups) == ("approve", True, ("any",))
    assert covers(
        request.owed,
        request.answers,
        principal=Principal("alice"),
        directory=LocalDirectory(),
        digest=request.digest,
        keys=ReviewVerifier([desk.signer.public_key()]),
    ).covered


def test_listing_makes_no_key(desk: Desk, tmp_path: Path) -> None:
    _, request_id = desk.ask()
    desk.queue.pending()
    desk.queue.shown(desk.queue.get(request_id))
    assert not (tmp_path / "keys").exists()


def test_a_rejection_needs_a_reason_and_ends_it(desk: Desk) -> None:
    run, request_id = desk.ask(owed(("any", 2)))
    desk.queue.approve(request_id, BOB)
    for nothing in ("", "   ", None):
        with pytest.raises(ReasonRefused, match="needs a reason"):
            desk.queue.reject(request_id, CAROL, nothing)  # type: ignore[arg-type]
    request = desk.queue.reject(request_id, CAROL, "not this order")
    assert request.status == "rejected"
    assert desk.queue.reason(request.answers[-1]) == "not this order"
    assert len(desk.answers(run)) == 2


@pytest.mark.parametrize("reason", ["x" * 10_001, "\ud800"])
def test_a_reason_that_cannot_be_kept_is_refused(desk: Desk, reason: str) -> None:
    run, request_id = desk.ask()
    with pytest.raises(ReasonRefused):
        desk.queue.approve(request_id, BOB, reason)
    assert desk.answers(run) == []


def test_a_quorum_waits_until_enough_different_people_said_yes(desk: Desk) -> None:
    run, request_id = desk.ask(owed(("any", 2)))
    assert desk.queue.approve(request_id, BOB).status == "pending"
    with pytest.raises(AlreadyAnswered, match="local:bob"):
        desk.queue.approve(request_id, BOB)
    assert [request.request_id for request in desk.queue.pending()] == [request_id]
    assert desk.queue.approve(request_id, CAROL).status == "approved"
    assert len(desk.answers(run)) == 2


def answer(queue: ApprovalQueue, verdict: str, request_id: str, reviewer: Reviewer) -> None:
    match verdict:
        case "approve":
            queue.approve(request_id, reviewer)
        case "reject":
            queue.reject(request_id, reviewer, "no")
        case "edit":
            queue.edit(request_id, reviewer, {**ARGS, "amount": "1.00"})


VERDICTS = ["approve", "reject", "edit"]


@pytest.mark.parametrize("first", VERDICTS)
@pytest.mark.parametrize("second", VERDICTS)
def test_the_first_answer_stands(desk: Desk, first: str, second: str) -> None:
    run, request_id = desk.ask()
    answer(desk.queue, first, request_id, BOB)
    before = desk.queue.get(request_id)
    for reviewer in (BOB, CAROL):
        with pytest.raises(AlreadyAnswered):
            answer(desk.queue, second, request_id, reviewer)
    assert desk.queue.get(request_id) == before
    assert len(desk.answers(run)) == 1


@pytest.mark.parametrize("verdict", VERDICTS)
def test_an_answer_that_comes_too_late_is_refused(desk: Desk, verdict: str) -> None:
    run, request_id = desk.ask()
    desk.clock.moment += HOUR
    with pytest.raises(RequestExpired, match=run):
        answer(desk.queue, verdict, request_id, BOB)
    assert desk.answers(run) == []
    assert desk.queue.get(request_id).status == "expired"


def test_an_answer_overtaken_by_the_expiry_says_that_it_had_no_effect(desk: Desk) -> None:
    run, request_id = desk.ask()
    slow = HeldClock()
    queue = ApprovalQueue(desk.journal, desk.signer, LocalDirectory(), slow)
    desk.clock.moment += HOUR
    with pytest.raises(RequestExpired, match="no effect"):
        queue.approve(request_id, BOB)
    assert len(desk.answers(run)) == 1
    assert desk.queue.get(request_id).status == "expired"
    assert desk.queue.get(request_id).answers == ()


@pytest.mark.parametrize("verdict", VERDICTS)
def test_an_answer_to_a_closed_request_is_refused(desk: Desk, verdict: str) -> None:
    run, request_id = desk.ask()
    desk.append(run, (closed("void", request_id), {}))
    with pytest.raises(RequestClosed, match="the order was changed"):
        answer(desk.queue, verdict, request_id, BOB)
    assert desk.answers(run) == []


@pytest.mark.parametrize("subject", ["local:bob", "bob"])
@pytest.mark.parametrize("verdict", VERDICTS)
def test_nobody_reviews_their_own_call(desk: Desk, verdict: str, subject: str) -> None:
    run, request_id = desk.ask(subject=subject)
    with pytest.raises(SelfReview):
        answer(desk.queue, verdict, request_id, BOB)
    assert desk.answers(run) == []


@pytest.mark.parametrize("verdict", VERDICTS)
def test_only_those_who_are_asked_may_answer(desk: Desk, tmp_path: Path, verdict: str) -> None:
    file = tmp_path / "reviewers.yaml"
    file.write_text(
        "reviewers:\n"
        '  "local:bob": {groups: [payments], tenants: [default]}\n'
        '  "local:carol": {groups: [legal]}\n'
    )
    queue = ApprovalQueue(desk.journal, desk.signer, FileDirectory(file))
    run, request_id = desk.ask(owed(("payments", 1)))
    for reviewer in (CAROL, DAVE):
        with pytest.raises(NotAReviewer, match="payments"):
            answer(queue, verdict, request_id, reviewer)
    _, elsewhere = desk.ask(owed(("payments", 1)), tenant="other")
    with pytest.raises(NotAReviewer):
        answer(queue, verdict, elsewhere, BOB)
    assert desk.answers(run) == []
    answer(queue, verdict, request_id, BOB)
    assert desk.answers(run)[0].groups == ("any", "payments")


def test_an_edit_binds_to_the_edited_call_of_the_same_tool(desk: Desk) -> None:
    run, request_id = desk.ask()
    edited = {"amount": "80.00", "order_id": "O-1"}
    request = desk.queue.edit(request_id, BOB, edited, "half of it")
    assert request.status == "edited"
    (given,) = request.answers
    assert desk.queue.edited(given) == edited
    assert given.digest == Shown.read(canonical(shown(args=edited))).digest() != request.digest
    assert desk.journal.payload(run, given.seq, "args") == canonical(edited)
    assert desk.journal.payload(run, given.seq, "reason") == b'"half of it"'


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (ARGS, "changes nothing"),
        ({**ARGS, "amount": 80}, "`amount`"),
        ({**ARGS, "amount": 80.5}, "`amount`"),
        ({**ARGS, "note": float("nan")}, "not JSON"),
        ({**ARGS, "note": b"bytes"}, "not JSON"),
        ({**ARGS, 1: "x"}, "not JSON"),
        ([ARGS], "JSON object"),
    ],
)
def test_an_edit_that_cannot_be_what_runs_is_refused(desk: Desk, args: Any, words: str) -> None:
    run, request_id = desk.ask()
    with pytest.raises(EditRefused, match=words):
        desk.queue.edit(request_id, BOB, args)
    assert desk.answers(run) == []


def change(part: str, value: Any) -> Callable[[dict[str, Any]], None]:
    def apply(seen: dict[str, Any]) -> None:
        *path, last = part.split(".")
        for name in path:
            seen = seen[name]
        seen[last] = value

    return apply


@pytest.mark.parametrize(
    "spoil",
    [
        change("args.amount", "1.00"),
        change("tool", "send_mail"),
        change("contract_hash", "0" * 64),
        change("principal.roles", []),
        change("principal.attributes", {}),
        change("workflow.digest", "0" * 64),
        change("workflow", "refund-desk"),
    ],
)
def test_nobody_approves_or_edits_what_is_shown_but_would_not_run(
    desk: Desk, spoil: Callable[[dict[str, Any]], None]
) -> None:
    seen = shown()
    digest = Shown.read(canonical(seen)).digest()
    spoil(seen)
    run, request_id = desk.ask(seen=seen, digest=digest)
    for verdict in ("approve", "edit"):
        with pytest.raises(NothingToShow, match="reject"):
            answer(desk.queue, verdict, request_id, BOB)
    assert desk.answers(run) == []
    assert desk.queue.reject(request_id, BOB, "I cannot see what it does").status == "rejected"


def test_an_id_may_be_shortened_while_it_is_the_only_one(desk: Desk) -> None:
    one, other = "019b7f00-aaaa-7000-8000-000000000001", "019b7f00-bbbb-7000-8000-000000000002"
    desk.ask(request_id=one)
    assert desk.queue.get("019b7f00").request_id == one
    assert desk.queue.get(" 019B7F00-AAAA ").request_id == one
    run, _ = desk.ask(request_id=other)
    with pytest.raises(AmbiguousRequest):
        desk.queue.get("019b7f00")
    assert desk.queue.get("019b7f00-b").request_id == other
    desk.queue.approve(other, BOB)
    desk.append(run, (finished(), {}))
    with pytest.raises(AmbiguousRequest):
        desk.queue.approve("019b7f00", BOB)
    assert desk.queue.get(one).status == "pending", "an old page's short id must not answer another request"


@pytest.mark.parametrize("unknown", ["019b7f0", "", "zzzzzzzz", "%_%_%_%_", "f" * 36, "ffffffff", "a" * 37])
def test_an_unknown_id_says_where_to_look(desk: Desk, unknown: str) -> None:
    desk.ask()
    with pytest.raises(UnknownRequest, match="licet approvals list"):
        desk.queue.get(unknown)


def test_a_live_run_that_goes_on_writing_does_not_stop_an_answer(desk: Desk) -> None:
    """Somebody appends between reading and writing; the answer is given on what stands then."""
    run, request_id = desk.ask(live=True)

    class Busy(LocalDirectory):
        left = 3

        def groups(self, reviewer: str, tenant: str) -> frozenset[str]:
            if self.left:
                self.left -= 1
                desk.append(run, (requested(new_id(), f"other-{self.left}"), {}))
            return super().groups(reviewer, tenant)

    queue = ApprovalQueue(desk.journal, desk.signer, Busy())
    assert queue.approve(request_id, BOB, "fine").status == "approved"
    (given,) = queue.get(request_id).answers
    assert given.seq == 6
    assert ReviewVerifier([desk.signer.public_key()]).problem(given) is None


def review_in_a_process(url: str, key: str, request_id: str, name: str, at_once: Barrier) -> str:
    journal = Journal.open(url, clock=SystemClock())
    queue = ApprovalQueue(journal, ReviewSigner(key), LocalDirectory())
    queue.get(request_id)
    at_once.wait()
    try:
        queue.approve(request_id, Reviewer(f"local:{name}", local=True))
    except ApprovalError as error:
        return type(error).__name__
    finally:
        journal.close()
    return "approved"


@pytest.mark.parametrize(
    ("needs", "names", "outcomes", "recorded"),
    [
        (1, ["bob", "carol"], ["AlreadyAnswered", "approved"], 1),
        (2, ["bob", "carol"], ["approved", "approved"], 2),
        (2, ["bob", "bob"], ["AlreadyAnswered", "approved"], 1),
    ],
)
def test_two_processes_answer_at_one_instant(
    desk: Desk, tmp_path: Path, needs: int, names: list[str], outcomes: list[str], recorded: int
) -> None:
    desk.clock.moment = SystemClock().now()
    run, request_id = desk.ask(owed(("any", needs)))
    key = str(tmp_path / "keys" / "approval.key")
    spawn = multiprocessing.get_context("spawn")
    with spawn.Manager() as manager, spawn.Pool(2) as pool:
        at_once = manager.Barrier(2)
        jobs = [
            pool.apply_async(review_in_a_process, (desk.url, key, request_id, name, at_once))
            for name in names
        ]
        assert sorted(job.get(timeout=60) for job in jobs) == sorted(outcomes)
    assert len(desk.answers(run)) == recorded
    request = desk.queue.get(request_id)
    verifier = ReviewVerifier([desk.signer.public_key()])
    assert [verifier.problem(given) for given in request.answers] == [None] * recorded


def test_a_reason_is_data_and_comes_back_as_it_was(desk: Desk) -> None:
    run, request_id = desk.ask()
    nasty = "\x1b[31m[bold]</td> \u202e 💥"
    request = desk.queue.reject(request_id, BOB, nasty)
    assert desk.queue.reason(request.answers[0]) == nasty
    assert orjson.loads(desk.journal.payload(run, request.answers[0].seq, "reason") or b"") == nasty
