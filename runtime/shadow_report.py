"""What shadow policies said, read from the journal."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from licet.audit.clock import parse_timestamp
from licet.audit.events import ShadowCounted, ShadowDisagreed, ShadowTally
from licet.audit.journal import Journal
from licet.runtime.policy_changes import ChangeTable, Example, difference
from licet.runtime.replay import Window


@dataclass(slots=True)
class ShadowReport:
    """What became of the decisions beside which one candidate was asked.

    Attributes:
        candidate: its revision.
        agreed: decisions of which it said the same.
        failed: those of which it had no answer: it failed, raised, or took too long.
        dropped: those of which it was not asked, because too many waited, or the runtime ended.
        failure: the last reason for a failure that is on record.
        changes: those of which it said something else: what would change if it came into force.
    """

    candidate: str
    agreed: int = 0
    failed: int = 0
    dropped: int = 0
    failure: str | None = None
    changes: ChangeTable = field(default_factory=ChangeTable)

    def add(self, tally: ShadowTally) -> None:
        """Count what was counted."""
        self.agreed += tally.agreed
        self.failed += tally.failed
        self.dropped += tally.dropped

    def to_json(self) -> dict[str, Any]:
        """All of it as JSON data."""
        return {
            "candidate": self.candidate,
            "agreed": self.agreed,
            "disagreed": self.changes.decisions,
            "failed": self.failed,
            "dropped": self.dropped,
            "failure": self.failure,
            "changes": self.changes.to_json(),
            "omitted": self.changes.omitted,
        }


def shadow_reports(journal: Journal, window: Window | None = None) -> list[ShadowReport]:
    """What each candidate said of the calls in the window, by its revision.

    Disagreements are on record one by one. The others are counted for spans of up to a minute, of which those that
    reach into the window count whole. It reads as a stream, each record checked by its hash.

    Raises:
        JournalDamaged: a record is not as it was written.
    """
    window = window or Window()
    reports: dict[str, ShadowReport] = {}
    with journal.scan() as scan:
        for record in scan.records("shadow", tenant=window.tenant):
            event = record.event
            if isinstance(event, ShadowDisagreed):
                if window.covers_call(event.workflow, event.version, event.tool) and window.covers_time(
                    parse_timestamp(event.asked_at)
                ):
                    _disagreement(_of(reports, event.candidate.revision), event)
            elif isinstance(event, ShadowCounted) and _reaches(window, event):
                for tally in event.tallies:
                    if window.covers_call(tally.workflow, tally.version, tally.tool):
                        report = _of(reports, event.candidate)
                        report.add(tally)
                        report.failure = event.failure if tally.failed and event.failure else report.failure
    return list(reports.values())


def _of(reports: dict[str, ShadowReport], candidate: str) -> ShadowReport:
    return reports.setdefault(candidate, ShadowReport(candidate))


def _disagreement(report: ShadowReport, event: ShadowDisagreed) -> None:
    change = difference(event.decision, event.candidate, event.effect)
    if change is None:  # a later version of Licet may compare otherwise
        report.agreed += 1
    else:
        example = Example(event.run_id, event.call_id)
        report.changes.add(change, event.tool, f"{event.workflow}@{event.version}", example)


def _reaches(window: Window, event: ShadowCounted) -> bool:
    return (window.since is None or parse_timestamp(event.until) >= window.since) and (
        window.until is None or parse_timestamp(event.since) < window.until
    )
