"""Whether the recorded reviews are enough for what is owed now."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from approval_story import DIGEST, Chain, asking, owed, requested, started
from hypothesis import given, settings
from hypothesis import strategies as st

from licet.approvals.coverage import Coverage, covers
from licet.approvals.directory import FileDirectory, LocalDirectory
from licet.approvals.signing import ReviewSigner, ReviewVerifier
from licet.audit.events import ApprovalOwed
from licet.tools.principal import Principal

ALICE = Principal("alice")


def weigh(
    chain: Chain,
    needs: ApprovalOwed | None = None,
    *,
    directory: object = None,
    digest: str = DIGEST,
    principal: Principal = ALICE,
) -> Coverage:
    answers = [answer for request in chain.fold().values() for answer in request.answers]
    return covers(
        needs or owed(),
        answers,
        directory=directory or LocalDirectory(),  # type: ignore[arg-type]
        principal=principal,
        digest=digest,
        keys=ReviewVerifier([chain.signer.public_key()]),
    )


def test_one_signed_approval_covers_one_owed() -> None:
    chain = asking()
    chain.answer("local:bob")
    coverage = weigh(chain)
    assert coverage.covered
    assert [answer.reviewer for answer in coverage.counted] == ["local:bob"]
    assert coverage.missing == ()


def test_nothing_said_covers_nothing_and_says_what_is_missing() -> None:
    coverage = weigh(asking(), owed(("payments", 2), ("any", 1)))
    assert not coverage.covered
    assert coverage.missing == (
        "2 approvals by different reviewers of payments are missing",
        "1 approval by any reviewer is missing",
    )


def test_the_decision_now_may_owe_more_than_the_one_then() -> None:
    chain = asking()
    chain.answer("local:bob")
    assert chain.request().status == "approved"
    assert not weigh(chain, owed(("any", 2))).covered
    assert not weigh(chain, owed(("payments", 1))).covered


def test_answers_to_several_requests_of_one_call_add_up() -> None:
    chain = asking()
    chain.answer("local:bob")
    chain.add(requested("r2"))
    chain.answer("local:carol", request_id="r2")
    assert weigh(chain, owed(("any", 2))).covered


def test_one_reviewer_counts_once_over_several_requests() -> None:
    chain = asking()
    chain.answer("local:bob")
    chain.add(requested("r2"))
    chain.answer("local:bob", request_id="r2")
    coverage = weigh(chain, owed(("any", 2)))
    assert not coverage.covered
    assert [why for _, why in coverage.ignored] == ["this reviewer has been counted already"]


def test_a_rejection_vetoes_whatever_others_said() -> None:
    chain = Chain()
    chain.add(started())
    chain.add(requested(needs=owed(("any", 3))))
    chain.answer("local:bob")
    chain.answer("local:carol", "reject")
    coverage = weigh(chain, owed(("any", 1)))
    assert not coverage.covered
    assert coverage.missing == ("a reviewer rejected the call",)


def test_an_edit_counts_for_the_edited_call_and_for_no_other() -> None:
    chain = asking()
    chain.answer("local:bob", "edit", digest="e" * 64)
    assert weigh(chain, digest="e" * 64).covered
    assert not weigh(chain, digest=DIGEST).covered


def test_another_call_than_the_reviewed_one_is_not_covered() -> None:
    chain = asking()
    chain.answer("local:bob")
    coverage = weigh(chain, digest="f" * 64)
    assert not coverage.covered
    assert "not the one that was reviewed" in coverage.ignored[0][1]
    assert coverage.missing == ("1 approval by any reviewer is missing",)
    assert coverage.why.startswith(
        "1 approval by any reviewer is missing; the review by local:bob does not count: the call is not"
    )


def test_the_principal_never_counts() -> None:
    chain = asking()
    chain.answer("local:bob")
    assert not weigh(chain, principal=Principal("local:bob")).covered
    coverage = weigh(chain, principal=Principal("bob"))
    assert not coverage.covered, "local:bob is bob"
    assert [why for _, why in coverage.ignored] == ["nobody reviews what runs in their own name"]
    assert weigh(chain, principal=Principal("bobby")).covered


def test_one_person_under_two_ids_counts_once() -> None:
    class Both:
        def groups(self, reviewer: str, tenant: str) -> frozenset[str]:
            return frozenset({"any"})

    chain = asking()
    chain.answer("local:bob")
    chain.add(requested("r2"))
    chain.answer("bob", request_id="r2")
    coverage = weigh(chain, owed(("any", 2)), directory=Both())
    assert not coverage.covered
    assert [why for _, why in coverage.ignored] == ["this reviewer has been counted already"]


def test_reviews_do_not_cross_tenants() -> None:
    chain = asking()
    chain.answer("local:bob")
    assert not weigh(chain, principal=Principal("alice", "other")).covered


@pytest.mark.parametrize(
    "spoil", ["stream", "tenant", "request_id", "request_hash", "call_id", "digest", "reviewer", "verdict"]
)
def test_a_review_changed_after_it_was_signed_does_not_count(spoil: str) -> None:
    chain = asking()
    chain.answer("local:bob", spoil=spoil)
    coverage = weigh(chain)
    assert not coverage.covered
    assert "signature is not valid" in coverage.ignored[0][1]


@pytest.mark.parametrize("field", ["groups", "local", "seq", "payloads", "signature"])
def test_no_field_of_a_review_can_be_changed(field: str) -> None:
    chain = asking()
    chain.answer("local:bob")
    (answer,) = chain.request().answers
    values = {
        "groups": ("any", "payments"),
        "local": False,
        "seq": 9,
        "payloads": (("reason", "0" * 64),),
        "signature": "AAAA",
    }
    keys = ReviewVerifier([chain.signer.public_key()])
    assert keys.problem(answer) is None
    assert keys.problem(replace(answer, **{field: values[field]})) is not None


def test_a_signature_over_another_request_record_does_not_count() -> None:
    """Somebody with database rights moves the request's expiry and chains the records anew."""
    chain = asking()
    chain.answer("local:bob")
    forged = Chain(signer=chain.signer)
    forged.add(started())
    forged.add(requested(needs=owed(reason="nothing much")))
    forged.add(chain.records[-1].event)
    assert forged.request().status == "approved"
    assert not weigh(forged).covered


def test_a_key_that_is_not_trusted_counts_for_nothing() -> None:
    chain = asking()
    chain.answer("local:bob", signer=ReviewSigner.generate())
    coverage = weigh(chain)
    assert not coverage.covered
    assert "not trusted" in coverage.ignored[0][1]


def test_a_foreign_key_under_a_trusted_name_counts_for_nothing() -> None:
    chain = asking()

    class Pretender(ReviewSigner):
        def key_id(self) -> str:
            return chain.signer.key_id()

    chain.answer("local:bob", signer=Pretender.generate())
    assert not weigh(chain).covered


def test_a_reviewer_counts_for_the_groups_they_are_in_now(tmp_path: Path) -> None:
    file = tmp_path / "reviewers.yaml"
    file.write_text('reviewers: {"local:bob": {groups: [payments]}}')
    directory = FileDirectory(file)
    chain = Chain()
    chain.add(started())
    chain.add(requested(needs=owed(("payments", 1))))
    chain.answer("local:bob", groups=["any", "payments"])
    assert weigh(chain, owed(("payments", 1)), directory=directory).covered
    file.write_text('reviewers: {"local:bob": {groups: [legalese]}}')
    assert not weigh(chain, owed(("payments", 1)), directory=directory).covered
    file.write_text('reviewers: {"local:eve": {groups: [payments]}}')
    coverage = weigh(chain, owed(("any", 1)), directory=directory)
    assert coverage.ignored[0][1] == "this reviewer may no longer review"


def test_a_directory_that_cannot_tell_covers_nothing(tmp_path: Path) -> None:
    file = tmp_path / "reviewers.yaml"
    file.write_text('reviewers: {"local:bob": {groups: []}}')
    directory = FileDirectory(file)
    chain = asking()
    chain.answer("local:bob")
    file.write_text("reviewers: [")
    coverage = weigh(chain, directory=directory)
    assert not coverage.covered
    assert "line 1" in coverage.ignored[0][1]


class Groups:
    def __init__(self, groups: dict[str, frozenset[str]]) -> None:
        self._groups = groups

    def groups(self, reviewer: str, tenant: str) -> frozenset[str]:
        return self._groups.get(reviewer, frozenset())


PEOPLE = ["alice", "bob", "carol", "dave", "erin"]
GROUPS = ["any", "payments", "legal"]
TRUSTED, FOREIGN = ReviewSigner.generate(), ReviewSigner.generate()

reviews = st.tuples(
    st.sampled_from(PEOPLE),
    st.sampled_from([DIGEST, DIGEST, DIGEST, "e" * 64]),
    st.sampled_from([TRUSTED, TRUSTED, TRUSTED, FOREIGN]),
    st.sampled_from([None, None, None, "reviewer"]),
)
memberships = st.dictionaries(
    st.sampled_from(PEOPLE), st.frozensets(st.sampled_from(GROUPS[1:])).map(lambda groups: groups | {"any"})
)
needs = st.dictionaries(st.sampled_from(GROUPS), st.integers(1, 3), min_size=1)


@settings(max_examples=200, deadline=None)
@given(st.lists(reviews, max_size=8), memberships, needs)
def test_never_covered_with_fewer_distinct_valid_reviewers_than_any_group_asks(
    given_reviews: list, members: dict[str, frozenset[str]], asked: dict[str, int]
) -> None:
    chain = Chain(signer=TRUSTED)
    chain.add(started("alice"))
    valid = set()
    for number, (reviewer, digest, signer, spoil) in enumerate(given_reviews):
        chain.add(requested(f"r{number}", needs=owed(("any", 9)), digest=digest))
        chain.answer(reviewer, digest=digest, request_id=f"r{number}", signer=signer, spoil=spoil)
        if reviewer != "alice" and digest == DIGEST and signer is TRUSTED and spoil is None:
            valid.add(reviewer)
    coverage = weigh(chain, owed(*asked.items()), directory=Groups(members))
    enough = all(
        sum(group in members.get(reviewer, ()) for reviewer in valid) >= count
        for group, count in asked.items()
    )
    assert coverage.covered == enough
    assert {answer.reviewer for answer in coverage.counted} == {name for name in valid if members.get(name)}
