"""Who may review, and in which groups: asked when an answer is given, and again when the call would run."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from licet.approvals.quorum import ANY, in_words, is_member
from licet.approvals.reviewer import LOCAL_PREFIX, same_person
from licet.audit.events import ApprovalOwed, GroupCount

if TYPE_CHECKING:
    from licet.approvals.reviewers_file import Listed

REVIEWERS_VARIABLE = "LICET_REVIEWERS"
"""Names the reviewers' file."""


class Directory(Protocol):
    """Where reviewers and their groups are known."""

    def groups(self, reviewer: str, tenant: str) -> frozenset[str]:
        """The reviewer's groups in this tenant, now; empty for somebody who may not review there.

        Whoever may review is in the group `any`.

        Raises:
            LicetError: the directory cannot tell.
        """
        ...

    def possible(self, owed: ApprovalOwed, tenant: str, requester: str | None = None) -> str | None:
        """Why what is owed can never be given, in words; None when it can, for all the directory knows.

        Args:
            owed: what policy asks for.
            tenant: where the call would run.
            requester: the subject of the run's principal, who cannot be a reviewer of it.

        Raises:
            LicetError: the directory cannot tell.
        """
        ...


class LocalDirectory:
    """A computer on which nobody named any reviewers: its users may review, and are in no named group."""

    def groups(self, reviewer: str, tenant: str) -> frozenset[str]:
        """`any` for a local reviewer, in every tenant."""
        return frozenset({ANY}) if reviewer.startswith(LOCAL_PREFIX) else frozenset()

    def possible(self, owed: ApprovalOwed, tenant: str, requester: str | None = None) -> str | None:
        """Nobody is in a named group here."""
        for required in owed.requires:
            if required.group != ANY:
                return (
                    f"nobody can give {in_words(required)}: no reviewers are named here;"
                    f" name them in a file and set {REVIEWERS_VARIABLE} to its path"
                )
        return None


class FileDirectory:
    """Reviewers named in a YAML file, which is read again at every question.

        reviewers:
          "local:alice": {groups: [payments]}
          "local:bob": {groups: [payments, legal], tenants: [acme]}

    `tenants` left out means every tenant. Who is not in the file may not review.

    Raises:
        ReviewersInvalid: the file is missing or wrong; when it is made, and when it is asked.
    """

    def __init__(self, path: Path | str) -> None:
        self._path = Path(path)
        self._read: tuple[bytes, Mapping[str, Listed]] | None = None
        self._reviewers()

    def groups(self, reviewer: str, tenant: str) -> frozenset[str]:
        """The groups the file names now, and `any`."""
        listed = self._reviewers().get(reviewer)
        if listed is None or not listed.serves(tenant):
            return frozenset()
        return listed.groups | {ANY}

    def possible(self, owed: ApprovalOwed, tenant: str, requester: str | None = None) -> str | None:
        """Whether each group has members enough besides the requester."""
        reviewers = self._reviewers()
        for required in owed.requires:
            there = sum(
                is_member(required.group, listed.groups | {ANY})
                for reviewer, listed in reviewers.items()
                if listed.serves(tenant) and not (requester and same_person(reviewer, requester))
            )
            if there < required.count:
                return self._impossible(required, there)
        return None

    def _impossible(self, required: GroupCount, there: int) -> str:
        known = "nobody" if there == 0 else f"only {there}"
        return (
            f"{in_words(required)} cannot be had: {known} besides the requester could give it;"
            f" name more reviewers in {self._path}"
        )

    def _reviewers(self) -> Mapping[str, Listed]:
        # Reading YAML takes longer to import than most of Licet, and few processes have reviewers.
        from licet.approvals.reviewers_file import parse_reviewers, read_file

        # The bytes are compared, not the file's times: two edits can fall into one tick of those.
        text = read_file(self._path)
        if self._read is None or self._read[0] != text:
            self._read = (text, parse_reviewers(text, str(self._path)))
        return self._read[1]


def directory_from_environment() -> Directory:
    """The reviewers' file that `LICET_REVIEWERS` names, else this computer's users.

    Raises:
        ReviewersInvalid: the file is missing or wrong.
    """
    path = os.environ.get(REVIEWERS_VARIABLE)
    return FileDirectory(path) if path else LocalDirectory()
