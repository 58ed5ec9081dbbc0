"""A run's state: the fold of its events, the same for a run that is under way and for one read back after a crash."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Literal, NamedTuple

import orjson

from licet.audit.events import (
    ApprovalAnswered,
    ApprovalClosed,
    ApprovalRequested,
    CallDenied,
    CallExecuted,
    CallFailed,
    CallInDoubt,
    CallPermitted,
    CallProposed,
    CallReconciled,
    CallWithheld,
    Denial,
    Event,
    ModelFailed,
    ModelRequested,
    ModelResponded,
    OutputRefused,
    ProposedCall,
    RunDelegated,
    RunFinished,
    RunResumed,
    RunStarted,
    RunSuspended,
    ToolsOffered,
)
from licet.runtime.spelling import same_values
from licet.tools import Agent, Principal, raw_arguments

CallStatus = Literal[
    "proposed", "denied", "withheld", "waiting", "permitted", "executed", "failed", "in_doubt"
]

CallEvent = (
    CallDenied
    | CallWithheld
    | CallPermitted
    | CallExecuted
    | CallFailed
    | CallInDoubt
    | CallReconciled
    | ApprovalRequested
    | ApprovalClosed
)
"""What moves a call."""

Payloads = Mapping[str, bytes]
"""An event's payloads by name."""

ZERO = Decimal(0)

RECENT_CALLS = 50
"""How many of the run's calls policy sees, newest last."""


class Permit(NamedTuple):
    """What is kept of a call's permit: a long run has many, and the event holds the whole decision."""

    permit_id: str
    effect: Literal["read", "write", "irreversible"]
    digest: str
    idempotency_key: str
    reserved_cost: str
    deadline: str

    @classmethod
    def of(cls, event: CallPermitted) -> Permit:
        """What the event says."""
        return cls(
            event.permit_id,
            event.effect,
            event.digest,
            event.idempotency_key,
            event.reserved_cost,
            event.deadline,
        )


@dataclass(slots=True)
class CallState:
    """One call of a run: what was proposed, and how far it got.

    Attributes:
        raw: the arguments as proposed, or (from its permit on) as a reviewer edited them, JSON text.
        edits: what answers asked to call instead; nothing believes one until a permit was given for it.
        edited: what was permitted is one of the edits.
        last: the event that put it where it is, for what it is to be told about it.
        result: canonical JSON of what the tool answered.
        permit: the last one.
        request_ids: its approval requests, oldest first.
        reserved: what each of its permits set aside, until the outcome under that very permit is known.
    """

    call_id: str
    tool: str
    raw: bytes
    reason: str
    provider_id: str | None = None
    status: CallStatus = "proposed"
    effect: str = "unknown"
    permit: Permit | None = None
    attempts: int = 0
    last: Event | None = None
    result: bytes | None = None
    # A long run keeps many calls, and what Python's collector has to look through it looks through again and again.
    request_ids: tuple[str, ...] = ()
    reserved: tuple[tuple[str, Decimal], ...] = ()
    edits: tuple[bytes, ...] = ()
    edited: bool = False

    @property
    def settled(self) -> bool:
        """There is an answer for whoever proposed the call."""
        return self.status in ("denied", "withheld", "executed", "failed")


@dataclass(slots=True)
class Turn:
    """One model response: its calls, or its final answer."""

    step: int
    response: bytes
    call_ids: tuple[str, ...]
    final: bytes | None
    final_id: str | None
    finish_reason: str | None
    refusals: list[bytes] = field(default_factory=list)
    """Why its final answer was not taken, when it was not."""


@dataclass(slots=True)
class RunState:
    """Everything Licet knows of a run.

    Attributes:
        seq: the last record folded in.
        hidden: the workflow's tools that policy does not offer to the run, with the reasons.
        active: how long the run has worked, suspensions left out, up to `running_since`.
        ended: the calls' outcomes, by id, in the order in which they came on record; those in `recent` are its last.
        permitted: the calls that got a permit, in that order too, each with how many had ended by then.
        spent: cost so far in USD, in which what a lost request had reserved counts as spent.
    """

    run_id: str
    tenant: str
    seq: int = 0
    status: Literal["running", "suspended", "finished"] = "running"
    started: RunStarted | None = None
    input: bytes = b"null"
    salt: bytes = b""
    principal: Principal | None = None
    agent_roles: frozenset[str] | None = None
    hidden: dict[str, tuple[Denial, ...]] = field(default_factory=dict)
    calls: dict[str, CallState] = field(default_factory=dict)
    turns: list[Turn] = field(default_factory=list)
    steps: int = 0
    spent: Decimal = Decimal(0)
    tokens: int = 0
    outstanding: ModelRequested | None = None
    active: timedelta = timedelta(0)
    running_since: datetime | None = None
    last_time: datetime | None = None
    suspended: RunSuspended | None = None
    finished: RunFinished | None = None
    output: bytes | None = None
    overran: bool = False
    started_calls: Counter[str] = field(default_factory=Counter)
    outcomes: dict[str, Counter[str]] = field(default_factory=dict)
    recent: list[dict[str, Any]] = field(default_factory=list)
    ended: list[tuple[str, CallStatus]] = field(default_factory=list)
    permitted: list[tuple[str, int]] = field(default_factory=list)
    denials_in_row: int = 0
    errors_in_row: int = 0
    model_failures_in_row: int = 0
    granted: int = 0
    repeats: Counter[str] = field(default_factory=Counter)

    @property
    def agent(self) -> Agent:
        """The agent that the run was started for, with the rights on record."""
        assert self.started is not None
        return Agent(self.started.agent, self.agent_roles)

    def open_permits(self) -> list[CallState]:
        """The calls that have a permit and no outcome: they may be running, or may have run."""
        return [call for call in self.calls.values() if call.status == "permitted"]

    def waiting(self) -> list[CallState]:
        """The calls that wait for a person."""
        return [call for call in self.calls.values() if call.status == "waiting"]

    def in_doubt(self) -> list[CallState]:
        """The calls of which nobody knows yet whether they happened."""
        return [call for call in self.calls.values() if call.status == "in_doubt"]

    def worked(self, now: datetime) -> timedelta:
        """How long the run has worked at `now`. A clock that stepped back does not take anything away."""
        if self.running_since is None:
            return self.active
        return self.active + max(now - self.running_since, timedelta(0))

    def worked_ms(self, now: datetime) -> int:
        """`worked` in whole milliseconds, as records carry it."""
        return self.worked(now) // timedelta(milliseconds=1)

    def apply(self, seq: int, time: datetime, event: Event, payloads: Payloads) -> None:
        """Fold one event in. `payloads` are its own, by name; an erased one is missing."""
        self.seq = seq
        fold = _FOLDS.get(type(event))
        if fold is not None:
            fold(self, event, time, payloads)
        self.last_time = time

    def _started(self, event: RunStarted, time: datetime, payloads: Payloads) -> None:
        self.started = event
        self.running_since = time
        self.input = payloads.get("input", b"null")
        self.salt = payloads.get("salt", b"")
        self.principal = _principal(event, self.tenant, payloads.get("principal"))

    def _delegated(self, event: RunDelegated, time: datetime, payloads: Payloads) -> None:
        self.agent_roles = frozenset(event.roles)

    def _offered(self, event: ToolsOffered, time: datetime, payloads: Payloads) -> None:
        self.hidden = event.hidden

    def _resumed(self, event: RunResumed, time: datetime, payloads: Payloads) -> None:
        if self.running_since is not None and self.last_time is not None:
            self.active += max(self.last_time - self.running_since, timedelta(0))
        self.running_since = time
        self.status = "running"
        self.suspended = None

    def _suspended(self, event: RunSuspended, time: datetime, payloads: Payloads) -> None:
        self.active = timedelta(milliseconds=event.active_ms)
        self.running_since = None
        self.status = "suspended"
        self.suspended = event

    def _finished(self, event: RunFinished, time: datetime, payloads: Payloads) -> None:
        self.active = timedelta(milliseconds=event.active_ms)
        self.running_since = None
        self.status = "finished"
        self.finished = event
        self.output = payloads.get("output")

    def _requested(self, event: ModelRequested, time: datetime, payloads: Payloads) -> None:
        self._count_lost_request()
        self.steps = event.step
        self.outstanding = event

    def _request_failed(self, event: ModelFailed, time: datetime, payloads: Payloads) -> None:
        if event.sent:
            self._count_lost_request()
        self.outstanding = None
        self.model_failures_in_row += 1

    def _refused(self, event: OutputRefused, time: datetime, payloads: Payloads) -> None:
        self.turns[-1].refusals.append(payloads.get("errors", b'""'))

    def _responded(self, event: ModelResponded, time: datetime, payloads: Payloads) -> None:
        self.outstanding = None
        self.model_failures_in_row = 0
        self.spent += Decimal(event.cost)
        self.tokens += event.input_tokens + event.output_tokens
        self.overran = self.overran or event.overran
        proposals = orjson.loads(payloads.get("proposals", b"{}"))
        self._propose(event.calls, proposals)
        final = proposals.get("final")
        self.turns.append(
            Turn(
                step=event.step,
                response=payloads.get("response", b"[]"),
                call_ids=tuple(call.call_id for call in event.calls),
                final=None if final is None else final.encode(),
                final_id=proposals.get("final_id"),
                finish_reason=event.finish_reason,
            )
        )

    def _proposed(self, event: CallProposed, time: datetime, payloads: Payloads) -> None:
        self._propose((event,), orjson.loads(payloads.get("proposals", b"{}")))

    def _approved(self, call: CallState, policy_input: bytes) -> None:
        """From its permit on a call that people approved is what policy judged, whatever was proposed or edited."""
        arguments = json.loads(policy_input, parse_float=Decimal)["call"]["args"]
        call.raw = raw_arguments(arguments)
        judged = json.loads(policy_input, parse_float=Decimal, parse_int=Decimal)["call"]["args"]
        call.edited = any(
            same_values(json.loads(edit, parse_float=Decimal, parse_int=Decimal), judged)
            for edit in call.edits
        )

    def _propose(
        self, calls: Iterable[CallProposed | CallPermitted | ProposedCall], proposals: dict[str, Any]
    ) -> None:
        kept = {item["call_id"]: item for item in proposals.get("calls", ())}
        for call in calls:
            item = kept.get(call.call_id, {})
            self.calls[call.call_id] = CallState(
                call_id=call.call_id,
                tool=call.tool,
                raw=item.get("raw", "null").encode(),
                reason=proposals.get("reason", ""),
                provider_id=item.get("provider_id"),
            )

    def _denied(self, event: CallDenied, time: datetime, payloads: Payloads) -> None:
        self.denials_in_row += 1
        self._outcome(event, "denied")

    def _withheld(self, event: CallWithheld, time: datetime, payloads: Payloads) -> None:
        self._outcome(event, "withheld")

    def _asked(self, event: ApprovalRequested, time: datetime, payloads: Payloads) -> None:
        self._moved(event, "waiting").request_ids += (event.request_id,)

    def _edited(self, event: ApprovalAnswered, time: datetime, payloads: Payloads) -> None:
        if event.verdict == "edit":
            self.calls[event.call_id].edits += (payloads.get("args", b"null"),)

    def _closed(self, event: ApprovalClosed, time: datetime, payloads: Payloads) -> None:
        self._moved(event, "proposed")

    def _permitted(self, event: CallPermitted, time: datetime, payloads: Payloads) -> None:
        if event.call_id not in self.calls:
            self._propose((event,), orjson.loads(payloads.get("proposals", b"{}")))
        call = self._moved(event, "permitted")
        self.permitted.append((call.call_id, len(self.ended)))
        if call.attempts == 0:
            self.started_calls[call.tool] += 1
            self.repeats[event.digest] += 1
        call.effect = event.effect
        call.permit = Permit.of(event)
        call.attempts = event.attempt
        if event.reserved_cost != "0":
            reserved = Decimal(event.reserved_cost)
            call.reserved += ((event.permit_id, reserved),)
            self.spent += reserved
        if event.request_ids:
            self.granted += 1
            if "policy_input" in payloads:
                self._approved(call, payloads["policy_input"])

    def _executed(self, event: CallExecuted, time: datetime, payloads: Payloads) -> None:
        self._settle(event, event.cost)
        self.denials_in_row = self.errors_in_row = 0
        self._outcome(event, "executed").result = payloads.get("result")

    def _failed(self, event: CallFailed, time: datetime, payloads: Payloads) -> None:
        self._settle(event, "0")
        self.errors_in_row += 1
        self._outcome(event, "failed")

    def _doubted(self, event: CallInDoubt, time: datetime, payloads: Payloads) -> None:
        self._outcome(event, "in_doubt")

    def _reconciled(self, event: CallReconciled, time: datetime, payloads: Payloads) -> None:
        self._outcome(event, "executed" if event.happened else "failed")

    def _moved(self, event: CallEvent, status: CallStatus) -> CallState:
        call = self.calls[event.call_id]
        call.status = status
        call.last = event
        return call

    def _outcome(self, event: CallEvent, status: CallStatus) -> CallState:
        call = self._moved(event, status)
        self.ended.append((call.call_id, status))
        counts = self.outcomes.get(call.tool)
        if counts is None:
            counts = self.outcomes[call.tool] = Counter()
        counts[status] += 1
        self.recent.append({"tool": call.tool, "effect": call.effect, "outcome": status, "labels": []})
        if len(self.recent) > RECENT_CALLS:
            del self.recent[0]
        return call

    def _settle(self, event: CallExecuted | CallFailed, cost: str) -> None:
        call = self.calls[event.call_id]
        if event.permit_id is None:
            self.started_calls[call.tool] += 1
            self.repeats[event.digest] += 1
            call.effect = "read"
        else:
            self._release(call, event.permit_id)
        if cost != "0":
            self.spent += Decimal(cost)

    def _release(self, call: CallState, permit_id: str) -> None:
        for held in call.reserved:
            if held[0] == permit_id:
                self.spent -= held[1]
                call.reserved = tuple(other for other in call.reserved if other is not held)

    def _count_lost_request(self) -> None:
        if self.outstanding is not None:
            self.spent += Decimal(self.outstanding.reserved_cost)
            self.tokens += self.outstanding.reserved_input + self.outstanding.reserved_output
            self.outstanding = None


_FOLDS: dict[type[Any], Callable[[RunState, Any, datetime, Payloads], None]] = {
    RunStarted: RunState._started,
    RunDelegated: RunState._delegated,
    RunResumed: RunState._resumed,
    RunSuspended: RunState._suspended,
    RunFinished: RunState._finished,
    ToolsOffered: RunState._offered,
    ModelRequested: RunState._requested,
    ModelResponded: RunState._responded,
    ModelFailed: RunState._request_failed,
    OutputRefused: RunState._refused,
    CallProposed: RunState._proposed,
    CallDenied: RunState._denied,
    CallWithheld: RunState._withheld,
    CallPermitted: RunState._permitted,
    CallExecuted: RunState._executed,
    CallFailed: RunState._failed,
    CallInDoubt: RunState._doubted,
    CallReconciled: RunState._reconciled,
    ApprovalRequested: RunState._asked,
    ApprovalAnswered: RunState._edited,
    ApprovalClosed: RunState._closed,
}
"""What each kind of event does to a run; other kinds do nothing to it."""


def _principal(event: RunStarted, tenant: str, payload: bytes | None) -> Principal:
    document = orjson.loads(payload) if payload is not None else {}
    return Principal(
        subject=event.subject,
        tenant=tenant,
        roles=frozenset(event.roles),
        attributes=document.get("attributes", {}),
    )
