"""A run's approval requests, from its records."""

from __future__ import annotations

from datetime import timedelta

import pytest
from approval_story import DIGEST, HOUR, NOON, Chain, asking, closed, finished, owed, requested, started

from licet.approvals.requests import fold_requests
from licet.audit.errors import JournalDamaged


def test_a_request_waits() -> None:
    request = asking().request(NOON)
    assert request.status == "pending"
    assert (request.run_id, request.requester, request.tool, request.seq) == (
        "run-1",
        "alice",
        "issue_refund",
        2,
    )
    assert request.requested_at == NOON
    assert request.expires_at == NOON + HOUR
    assert request.lacking == owed()


@pytest.mark.parametrize(
    ("verdict", "status"), [("approve", "approved"), ("reject", "rejected"), ("edit", "edited")]
)
def test_an_answer_settles_it(verdict: str, status: str) -> None:
    chain = asking()
    chain.answer("local:bob", verdict)  # type: ignore[arg-type]
    assert chain.request().status == status
    assert [answer.reviewer for answer in chain.request().answers] == ["local:bob"]


@pytest.mark.parametrize("first", ["approve", "reject", "edit"])
@pytest.mark.parametrize("second", ["approve", "reject", "edit"])
def test_an_answer_after_the_answer_has_no_effect(first: str, second: str) -> None:
    chain = asking()
    chain.answer("local:bob", first)  # type: ignore[arg-type]
    before = chain.request()
    chain.answer("local:carol", second)  # type: ignore[arg-type]
    assert chain.request() == before


@pytest.mark.parametrize("event", [closed(), closed("expired"), finished()])
def test_an_answer_after_the_close_has_no_effect(event: object) -> None:
    chain = asking()
    chain.add(event)  # type: ignore[arg-type]
    before = chain.request()
    assert before.status in ("void", "expired")
    chain.answer("local:bob")
    assert chain.request() == before


@pytest.mark.parametrize(
    ("status", "verdict"), [("approved", "approve"), ("rejected", "reject"), ("edited", "edit")]
)
def test_running_out_takes_nothing_back_that_was_answered(status: str, verdict: str) -> None:
    chain = asking()
    chain.answer("local:bob", verdict)  # type: ignore[arg-type]
    chain.add(closed("expired"))
    assert chain.request(NOON + 2 * HOUR).status == status


def test_what_has_changed_voids_an_approval() -> None:
    chain = asking()
    chain.answer("local:bob")
    chain.add(closed("void"))
    assert chain.request().status == "void"
    assert chain.request().why == "the order was changed"


def test_a_rejection_stays_one_whatever_is_closed_later() -> None:
    chain = asking()
    chain.answer("local:bob", "reject")
    chain.add(closed("void"))
    assert chain.request().status == "rejected"


def test_a_quorum_accumulates_over_different_reviewers() -> None:
    chain = Chain()
    chain.add(started())
    chain.add(requested(needs=owed(("payments", 1), ("any", 2))))
    chain.answer("local:bob", groups=["any", "legal"])
    assert chain.request().status == "pending"
    chain.answer("local:bob", groups=["any", "payments"])
    assert len(chain.request().answers) == 1, "the same reviewer twice is one reviewer"
    chain.answer("local:carol", groups=["any", "legal"])
    assert chain.request().status == "pending", "two people, but nobody from payments"
    assert chain.request().lacking == owed(("payments", 1))
    chain.answer("local:dave", groups=["any", "payments"])
    assert chain.request().status == "approved"


@pytest.mark.parametrize("subject", ["local:alice", "alice"])
def test_the_requester_does_not_count(subject: str) -> None:
    chain = Chain()
    chain.add(started(subject=subject))
    chain.add(requested())
    chain.answer("local:alice")
    assert chain.request().status == "pending"
    assert chain.request().answers == ()


def test_an_approval_of_another_digest_has_no_effect() -> None:
    chain = asking()
    chain.answer("local:bob", digest="e" * 64)
    assert chain.request().status == "pending"


def test_an_answer_that_names_another_call_has_no_effect() -> None:
    chain = asking()
    chain.answer("local:bob", call_id="c2")
    assert chain.request().status == "pending"


def test_one_answer_answers_one_request() -> None:
    chain = asking()
    chain.add(requested("r2", "c2"))
    chain.answer("local:bob")
    assert {key: request.status for key, request in chain.fold().items()} == {
        "r1": "approved",
        "r2": "pending",
    }


def test_it_expires_by_the_clock_though_no_record_says_so() -> None:
    chain = asking()
    moment = timedelta(microseconds=1)
    assert chain.request(NOON + HOUR - moment).status == "pending"
    assert chain.request(NOON + HOUR).status == "expired"
    assert chain.request().status == "pending", "without a clock only the records speak"


def test_half_a_quorum_expires_too() -> None:
    chain = Chain()
    chain.add(started())
    chain.add(requested(needs=owed(("any", 2))))
    chain.answer("local:bob")
    assert chain.request(NOON + HOUR).status == "expired"


def test_an_answer_recorded_too_late_has_no_effect() -> None:
    chain = asking()
    chain.now = NOON + HOUR
    chain.answer("local:bob")
    assert chain.request().status == "pending"
    assert chain.request(NOON + HOUR).status == "expired"


def test_a_clock_that_steps_back_does_not_reorder_answers() -> None:
    chain = asking()
    chain.answer("local:bob", "reject")
    chain.now = NOON - HOUR
    chain.answer("local:carol", "approve")
    assert chain.request().status == "rejected"


def test_a_request_outside_a_run_is_damage() -> None:
    chain = Chain()
    chain.add(requested())
    with pytest.raises(JournalDamaged, match="audit verify"):
        fold_requests(chain.records)


def test_the_same_request_id_again_changes_nothing() -> None:
    chain = asking()
    chain.answer("local:bob", "reject")
    chain.add(requested(digest="e" * 64))
    assert chain.request().status == "rejected"
    assert chain.request().digest == DIGEST
