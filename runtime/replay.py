"""Replay: every decision on record asked again, of another policy.

The journal keeps the whole input of each decision, so what a policy would have said of last week's calls can be told
before it is in force. Nothing is written, and nothing that a tool or a model does is done again.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, get_args

import orjson

from licet.audit.clock import parse_timestamp
from licet.audit.errors import JournalDamaged
from licet.audit.events import (
    ApprovalRequested,
    CallDenied,
    CallExecuted,
    CallFailed,
    CallPermitted,
    CallWithheld,
    Decided,
    RunStarted,
)
from licet.audit.journal import Journal
from licet.audit.records import Record
from licet.policies import PolicyEngine
from licet.runtime.policy_changes import ChangeTable, Example, difference

NotReplayed = Literal["payload_erased", "older_contract", "engine_failed"]
"""Why a decision could not be asked again. `payload_erased`: its input was erased. `older_contract`: its input lacks
what the input contract demands today. `engine_failed`: it was no answer of a policy, but the denial that follows when
an engine fails."""

MALFORMED = "licet.effects.malformed_input"
"""The rule by which the library denies an input that does not fit the contract."""


@dataclass(frozen=True, slots=True)
class Window:
    """Which decisions are meant. None is no bound.

    Attributes:
        since: those asked at this moment or later, by the time that the policy saw (`input.context.time`).
        until: those asked before this moment.
        workflow: `NAME`, or `NAME@VERSION`.
    """

    since: datetime | None = None
    until: datetime | None = None
    workflow: str | None = None
    tool: str | None = None
    tenant: str | None = None

    def covers_time(self, moment: datetime) -> bool:
        """Whether it lies between `since` and `until`."""
        return (self.since is None or moment >= self.since) and (self.until is None or moment < self.until)

    def covers_call(self, workflow: str, version: str, tool: str) -> bool:
        """Whether a call of this tool in this workflow is meant."""
        return self.workflow in (None, workflow, f"{workflow}@{version}") and self.tool in (None, tool)


@dataclass(slots=True)
class Replay:
    """What another policy would have said.

    Attributes:
        revision: of the policy that was asked.
        decisions: how many decisions lie in the window; a call that waited for a person was decided more than once.
        unchanged: those of which it says the same.
        changes: those of which it says something else.
        newly_allowed: how many calls it would let happen that were denied, or that waited for a person and have an
            effect.
        recorded: decisions by the revision that made them.
        not_replayed: decisions that could not be asked again, by the reason.
    """

    revision: str
    decisions: int = 0
    unchanged: int = 0
    changes: ChangeTable = field(default_factory=ChangeTable)
    newly_allowed: int = 0
    recorded: Counter[str] = field(default_factory=Counter)
    not_replayed: dict[NotReplayed, int] = field(
        default_factory=lambda: dict.fromkeys(get_args(NotReplayed), 0)
    )

    def to_json(self) -> dict[str, Any]:
        """All of it as JSON data."""
        return {
            "revision": self.revision,
            "decisions": self.decisions,
            "unchanged": self.unchanged,
            "changed": self.changes.decisions,
            "newly_allowed": self.newly_allowed,
            "not_replayed": dict(self.not_replayed),
            "recorded": dict(self.recorded),
            "changes": self.changes.to_json(),
            "omitted": self.changes.omitted,
        }


async def replay(journal: Journal, engine: PolicyEngine, window: Window | None = None) -> Replay:
    """Ask `engine` again about every decision that `journal` holds in the window.

    It reads as a stream, in memory that does not grow with the journal, and checks each record and payload by its
    hash. Between two decisions it does not give way to other tasks; a process that serves calls is not its place.

    Args:
        journal: where the decisions are; `Journal.open` opens one for reading.
        engine: who is asked, such as `licet.policies.load(path)`. One with a life of its own, such as `OpaServer`, is
            open.
        window: which decisions; all of them if None.

    Raises:
        JournalDamaged: a record or payload of a run is not as it was written.
        PolicyUnavailable: the engine is a service that does not answer.
    """
    window = window or Window()
    found = Replay(engine.revision)
    newly: set[str] = set()
    with journal.scan() as scan:
        run: RunStarted | None = None
        for record in scan.records("runs", tenant=window.tenant):
            if isinstance(record.event, RunStarted):
                run, newly = record.event, set()
            decision = _decision(record)
            if decision is None:
                continue
            event, decided = decision
            if run is None:
                raise JournalDamaged(f"stream {record.stream} has decisions, and no run that started")
            if not window.covers_call(run.workflow, run.version, event.tool):
                continue
            document = scan.payload(record, "policy_input")
            asked = None if document is None else _Asked.read(document, record)
            if not window.covers_time(record.time if asked is None else asked.at):
                continue
            found.decisions += 1
            found.recorded[decided.revision] += 1
            if document is None or asked is None:
                found.not_replayed["payload_erased"] += 1
            elif decided.cause is not None:
                found.not_replayed["engine_failed"] += 1
            else:
                again = await engine.decide(document, decided.decision_id)
                if _is_malformed(again) and not _is_malformed(decided):
                    found.not_replayed["older_contract"] += 1
                    continue
                change = difference(decided, again, asked.effect)
                if change is None:
                    found.unchanged += 1
                    continue
                example = Example(record.stream, event.call_id)
                found.changes.add(change, event.tool, f"{run.workflow}@{run.version}", example)
                if change.newly_allowed and event.call_id not in newly:
                    newly.add(event.call_id)
                    found.newly_allowed += 1
    return found


_Decision = CallPermitted | CallExecuted | CallFailed | CallDenied | CallWithheld | ApprovalRequested


def _decision(record: Record) -> tuple[_Decision, Decided] | None:
    """The record's decision, when it is the one that holds it and its input."""
    event = record.event
    if not isinstance(event, _Decision) or event.decision is None or "policy_input" not in record.payloads:
        return None
    return event, event.decision


@dataclass(frozen=True, slots=True)
class _Asked:
    """What has to be known of an input: when policy was asked, and the effect of the tool."""

    at: datetime
    effect: str

    @classmethod
    def read(cls, document: bytes, record: Record) -> _Asked:
        try:
            fields = _fields(document)
            return cls(parse_timestamp(fields["context"]["time"]), str(fields["tool"]["effect"]))
        except (ValueError, KeyError, TypeError):
            raise JournalDamaged(
                f"the policy input of record {record.seq} in stream {record.stream} is none that Licet writes."
                " Run `licet audit verify`."
            ) from None


def _fields(document: bytes) -> Any:
    try:
        return orjson.loads(document)
    except orjson.JSONDecodeError:
        # It refuses a number beyond the range of a float, which an amount may be.
        return json.loads(document, parse_float=str, parse_int=str)


def _is_malformed(decision: Decided) -> bool:
    return any(denial.rule == MALFORMED for denial in decision.denials)
