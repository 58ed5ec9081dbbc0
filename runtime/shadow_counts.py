"""What became of the calls of which a candidate policy did not say anything else: counted, not recorded one by one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, NamedTuple

from licet.audit.clock import timestamp
from licet.audit.events import ShadowCounted, ShadowTally

Outcome = Literal["agreed", "failed", "dropped"]

LONGEST_FAILURE = 500
"""So many characters of the reason for a failure are kept."""


class Kind(NamedTuple):
    """What decisions are counted by. `revision` is that of the policy in force."""

    tenant: str
    revision: str
    workflow: str
    version: str
    tool: str


@dataclass(slots=True)
class _Span:
    """The counts of one tenant under one revision."""

    since: datetime
    until: datetime
    numbers: dict[Kind, dict[Outcome, int]] = field(default_factory=dict)
    failure: str | None = None


class Counts:
    """Counts since they were last taken. For one thread at a time."""

    def __init__(self) -> None:
        self._spans: dict[tuple[str, str], _Span] = {}

    def __bool__(self) -> bool:
        return bool(self._spans)

    def add(
        self, kind: Kind, outcome: Outcome, at: datetime, *, number: int = 1, failure: str | None = None
    ) -> None:
        """Count decisions of a kind, asked at `at`; `failure` is why there was no answer."""
        span = self._spans.get((kind.tenant, kind.revision))
        if span is None:
            span = self._spans[kind.tenant, kind.revision] = _Span(at, at)
        span.since, span.until = min(span.since, at), max(span.until, at)
        numbers = span.numbers.setdefault(kind, {"agreed": 0, "failed": 0, "dropped": 0})
        numbers[outcome] += number
        if failure is not None:
            span.failure = failure[:LONGEST_FAILURE].encode(errors="replace").decode()

    def merge(self, other: Counts) -> None:
        """Add what `other` has counted."""
        for span in other._spans.values():
            for kind, numbers in span.numbers.items():
                for outcome, number in numbers.items():
                    for at, share in ((span.since, number), (span.until, 0)):
                        self.add(kind, outcome, at, number=share, failure=span.failure)

    def tenants(self) -> set[str]:
        """Whose decisions were counted."""
        return {tenant for tenant, _ in self._spans}

    def events(self, tenant: str, candidate: str) -> Iterator[ShadowCounted]:
        """What to record of a tenant's decisions."""
        for (of, revision), span in self._spans.items():
            if of == tenant:
                yield ShadowCounted(
                    revision=revision,
                    candidate=candidate,
                    since=timestamp(span.since),
                    until=timestamp(span.until),
                    tallies=tuple(
                        ShadowTally(workflow=kind.workflow, version=kind.version, tool=kind.tool, **numbers)
                        for kind, numbers in span.numbers.items()
                    ),
                    failure=span.failure,
                )

    def forget(self, tenant: str) -> None:
        """Count from nothing again for a tenant, whose counts are recorded."""
        self._spans = {key: span for key, span in self._spans.items() if key[0] != tenant}
