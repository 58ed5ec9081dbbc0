"""Whether the recorded reviews are enough for what is owed now."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from licet.approvals.directory import Directory
from licet.approvals.quorum import in_words, lacking
from licet.approvals.requests import Answer
from licet.approvals.reviewer import same_person
from licet.approvals.signing import ReviewVerifier
from licet.audit.errors import LicetError
from licet.audit.events import ApprovalOwed
from licet.tools.principal import Principal


@dataclass(frozen=True, slots=True)
class Coverage:
    """What the reviews come to.

    Attributes:
        counted: the answers that count.
        missing: what is missing, in words that the model may read; empty when nothing is.
        ignored: the answers that do not count, each with the reason, for people.
    """

    counted: tuple[Answer, ...]
    missing: tuple[str, ...]
    ignored: tuple[tuple[Answer, str], ...] = ()

    @property
    def covered(self) -> bool:
        """The call may run, as far as people are concerned."""
        return not self.missing

    @property
    def why(self) -> str:
        """The whole of it in words for people: what is missing, and which answers do not count and why."""
        refused = [f"the review by {answer.reviewer} does not count: {why}" for answer, why in self.ignored]
        return "; ".join([*(self.missing or ["enough reviewers said yes"]), *refused])


def covers(
    owed: ApprovalOwed,
    answers: Iterable[Answer],
    *,
    principal: Principal,
    directory: Directory,
    digest: str,
    keys: ReviewVerifier,
) -> Coverage:
    """Weigh the answers to a call's requests, just before it would run.

    An approval, or an edit, counts when its reviewer is not the principal and has not been counted before
    (`same_person` says who is who), when it binds to the call that would run now, and when a trusted key has
    signed it. It counts for the groups its reviewer is in now. A rejection vetoes, whatever else is wrong
    with it.

    Args:
        owed: what policy asks for now.
        answers: to all requests of this one call; those that had an effect (`Request.answers`).
        principal: for whom the call would run.
        directory: who is in which group, as it is now. Whom it cannot tell anything about does not count.
        digest: of the call that would run now (`licet.approvals.binding`).
        keys: the public keys that are trusted.
    """
    answers = tuple(answers)
    if any(answer.verdict == "reject" for answer in answers):
        return Coverage((), ("a reviewer rejected the call",))
    counted: list[Answer] = []
    ignored: list[tuple[Answer, str]] = []
    reviewers: dict[str, frozenset[str]] = {}
    for answer in answers:
        groups: frozenset[str] = frozenset()
        problem = _problem(answer, principal, digest) or keys.problem(answer)
        if problem is None and any(same_person(answer.reviewer, other) for other in reviewers):
            problem = "this reviewer has been counted already"
        if problem is None:
            try:
                groups = directory.groups(answer.reviewer, principal.tenant)
                problem = None if groups else "this reviewer may no longer review"
            except LicetError as error:
                problem = str(error)
        if problem is None:
            reviewers[answer.reviewer] = groups
            counted.append(answer)
        else:
            ignored.append((answer, problem))
    missing = tuple(
        f"{in_words(required)} {'is' if required.count == 1 else 'are'} missing"
        for required in lacking(owed, reviewers)
    )
    return Coverage(tuple(counted), missing, tuple(ignored))


def _problem(answer: Answer, principal: Principal, digest: str) -> str | None:
    if same_person(answer.reviewer, principal.subject):
        return "nobody reviews what runs in their own name"
    if answer.tenant != principal.tenant:
        return "the review belongs to another tenant"
    if answer.digest != digest:
        return "the call is not the one that was reviewed: its tool, arguments, principal or workflow changed"
    return None
