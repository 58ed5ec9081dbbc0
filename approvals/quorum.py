"""Counting reviewers against what is owed."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from licet.audit.events import ApprovalOwed, GroupCount

ANY = "any"
"""The group of everybody who may review."""


def is_member(group: str, groups: Collection[str]) -> bool:
    """Whether a reviewer who is in `groups` is one of `group`. Whoever is in a group at all may review."""
    return group in groups or (group == ANY and bool(groups))


def lacking(owed: ApprovalOwed, reviewers: Mapping[str, Collection[str]]) -> tuple[GroupCount, ...]:
    """How many reviewers of which groups are missing; empty when there are enough.

    A reviewer who is in two of the groups counts for both, so that `payments: 1, any: 2` asks two people of
    whom one is from payments; no reviewer counts twice for one group.

    Args:
        owed: what is asked for.
        reviewers: the groups of each distinct reviewer who said yes.
    """
    missing = []
    for required in owed.requires:
        there = sum(is_member(required.group, groups) for groups in reviewers.values())
        if there < required.count:
            missing.append(GroupCount(group=required.group, count=required.count - there))
    return tuple(missing)


def in_words(required: GroupCount) -> str:
    """Such as `2 approvals by different reviewers of payments`."""
    people = "any reviewer" if required.group == ANY else f"a reviewer of {required.group}"
    if required.count == 1:
        return f"1 approval by {people}"
    people = "different reviewers" if required.group == ANY else f"different reviewers of {required.group}"
    return f"{required.count} approvals by {people}"
