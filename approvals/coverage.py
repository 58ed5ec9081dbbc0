"""Whether the recorded reviews are enough for what is owed now."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from licet.approvals.directory import Directory
from licet.approvals.quorum import in_words, lacking
from licet.approvals.requests import Answer
from licet.approvals.signing import ReviewVerifier
from licet.audit.errors import LicetError
from licet.audit.events import ApprovalOwed

if TYPE_CHECKING:
    from licet.tools import Principal


@dataclass(frozen=True, slots=True)
class Coverage:
    """What the reviews come to.

    Attributes:
        covered: the call may run, as far as people are concerned.
        counted: the answers that count.
        missing: what is missing, in words that the model may read.
        ignored: the answers that do not count, each with the reason, for people.
    """

    covered: bool
    counted: tuple[Answer, ...] = ()
    missing: tuple[str, ...] = ()
    ignored: tuple[tuple[Answer, str], ...] = ()


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

    An approval, or an edit, counts when its reviewer is not the principal and has not been counted before,
    when it binds to the call that would run now, and when a trusted key has signed it. It counts for the
    groups its reviewer is in now. A rejection vetoes, whatever else is wrong with it.

    Args:
        owed: what policy asks for now.
        answers: to all requests of this one call; those that had an effect (`Request.answers`).
        principal: for whom the call would run.
        directory: who is in which group, as it is now. What it cannot say counts for nothing.
        digest: of the call that would run now.
        keys: the public keys that are trusted.
    """
    answers = tuple(answers)
    if any(answer.verdict == "reject" for answer in answers):
        return Coverage(False, missing=("a reviewer rejected the call",))
    counted: list[Answer] = []
    ignored: list[tuple[Answer, str]] = []
    reviewers: dict[str, frozenset[str]] = {}
    for answer in answers:
        problem = _problem(answer, principal, digest, keys)
        if problem is None and answer.reviewer in reviewers:
            problem = "this reviewer has been counted already"
        if problem is None:
            try:
                groups = directory.groups(answer.reviewer, principal.tenant)
            except LicetError as error:
                groups, problem = frozenset(), str(error)
            else:
                problem = None if groups else "this reviewer may no longer review"
            if problem is None:
                reviewers[answer.reviewer] = groups
                counted.append(answer)
        if problem is not None:
            ignored.append((answer, problem))
    missing = tuple(
        f"{in_words(required)} {'is' if required.count == 1 else 'are'} missing"
        for required in lacking(owed, reviewers)
    )
    return Coverage(not missing, tuple(counted), missing, tuple(ignored))


def _problem(answer: Answer, principal: Principal, digest: str, keys: ReviewVerifier) -> str | None:
    if answer.reviewer == principal.subject:
        return "nobody reviews what runs in their own name"
    if answer.tenant != principal.tenant:
        return "the review belongs to another tenant"
    if answer.digest != digest:
        return "the call is not the one that was reviewed: its tool, arguments, principal or workflow changed"
    return keys.problem(answer)
