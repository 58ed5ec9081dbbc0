"""A run's state: the fold of its events, the same for a run that is under way and for one read back after a crash."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Literal

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

RECENT_CALLS = 50
"""How many of the run's calls policy sees, newest last."""


@dataclass(slots=True)
class CallState:
    """One call of a run: what was proposed, and how far it got.

    Attributes:
        raw: the arguments as proposed, or (from its permit on) as a reviewer edited them, JSON text.
        edits: what answers asked to call instead; nothing believes one until a permit was given for it.
        edited: what was permitted is one of the edits.
        last: the event that put it where it is, for what it is to be told about it.
        result: canonical JSON of what the tool answered.
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
    permit: CallPermitted | None = None
    attempts: int = 0
    last: Event | None = None
    result: bytes | None = None
    request_ids: list[str] = field(default_factory=list)
    reserved: dict[str, Decimal] = field(default_factory=dict)
    edits: list[bytes] = field(default_factory=list)
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

    def apply(self, seq: int, time: datetime, event: Event, payloads: Mapping[str, bytes]) -> None:
        """Fold one event in. `payloads` are its own, by name; an erased one is missing."""
        self.seq = seq
        match event:
            case RunStarted():
                self.started = event
                self.running_since = time
                self.input = payloads.get("input", b"null")
                self.salt = payloads.get("salt", b"")
                self.principal = _principal(event, self.tenant, payloads.get("principal"))
            case RunDelegated():
                self.agent_roles = frozenset(event.roles)
            case RunResumed():
                if self.running_since is not None and self.last_time is not None:
                    self.active += max(self.last_time - self.running_since, timedelta(0))
                self.running_since = time
                self.status = "running"
                self.suspended = None
            case RunSuspended():
                self.active = timedelta(milliseconds=event.active_ms)
                self.running_since = None
                self.status = "suspended"
                self.suspended = event
            case RunFinished():
                self.active = timedelta(milliseconds=event.active_ms)
                self.running_since = None
                self.status = "finished"
                self.finished = event
                self.output = payloads.get("output")
            case ToolsOffered():
                self.hidden = event.hidden
            case ModelRequested():
                self._count_lost_request()
                self.steps = event.step
                self.outstanding = event
            case ModelResponded():
                self._responded(event, payloads)
            case ModelFailed():
                if event.sent:
                    self._count_lost_request()
                self.outstanding = None
                self.model_failures_in_row += 1
            case OutputRefused():
                self.turns[-1].refusals.append(payloads.get("errors", b'""'))
            case CallProposed():
                self._propose((event,), orjson.loads(payloads.get("proposals", b"{}")))
            case ApprovalAnswered(verdict="edit"):
                self.calls[event.call_id].edits.append(payloads.get("args", b"null"))
            case (
                CallDenied()
                | CallWithheld()
                | ApprovalRequested()
                | ApprovalClosed()
                | CallPermitted()
                | CallExecuted()
                | CallFailed()
                | CallInDoubt()
                | CallReconciled()
            ):
                self._moved(self.calls[event.call_id], event, payloads)
            case _:
                pass
        self.last_time = time

    def _responded(self, event: ModelResponded, payloads: Mapping[str, bytes]) -> None:
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

    def _approved(self, call: CallState, policy_input: bytes) -> None:
        """From its permit on a call that people approved is what policy judged, whatever was proposed or edited."""
        arguments = json.loads(policy_input, parse_float=Decimal)["call"]["args"]
        call.raw = raw_arguments(arguments)
        judged = json.loads(policy_input, parse_float=Decimal, parse_int=Decimal)["call"]["args"]
        call.edited = any(
            same_values(json.loads(edit, parse_float=Decimal, parse_int=Decimal), judged)
            for edit in call.edits
        )

    def _propose(self, calls: Iterable[CallProposed | ProposedCall], proposals: dict[str, Any]) -> None:
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

    def _moved(self, call: CallState, event: Any, payloads: Mapping[str, bytes]) -> None:
        match event:
            case CallDenied():
                call.status = "denied"
                self.denials_in_row += 1
                self._outcome(call, "denied")
            case CallWithheld():
                call.status = "withheld"
                self._outcome(call, "withheld")
            case ApprovalRequested():
                call.status = "waiting"
                call.request_ids.append(event.request_id)
            case ApprovalClosed():
                call.status = "proposed"
            case CallPermitted():
                if call.attempts == 0:
                    self.started_calls[call.tool] += 1
                    self.repeats[event.digest] += 1
                call.status = "permitted"
                call.effect = event.effect
                call.permit = event
                call.attempts = event.attempt
                call.reserved[event.permit_id] = Decimal(event.reserved_cost)
                self.spent += Decimal(event.reserved_cost)
                self.granted += 1 if event.request_ids else 0
                if event.request_ids and "policy_input" in payloads:
                    self._approved(call, payloads["policy_input"])
            case CallExecuted():
                self._settle(call, event, event.cost)
                call.status = "executed"
                call.result = payloads.get("result")
                self.denials_in_row = self.errors_in_row = 0
                self._outcome(call, "executed")
            case CallFailed():
                self._settle(call, event, "0")
                call.status = "failed"
                self.errors_in_row += 1
                self._outcome(call, "failed")
            case CallInDoubt():
                call.status = "in_doubt"
                self._outcome(call, "in_doubt")
            case CallReconciled():
                call.status = "executed" if event.happened else "failed"
                self._outcome(call, call.status)
        call.last = event

    def _settle(self, call: CallState, event: CallExecuted | CallFailed, cost: str) -> None:
        if event.permit_id is None:
            self.started_calls[call.tool] += 1
            self.repeats[event.digest] += 1
            call.effect = "read"
        else:
            self.spent -= call.reserved.pop(event.permit_id, Decimal(0))
        self.spent += Decimal(cost)

    def _outcome(self, call: CallState, outcome: str) -> None:
        self.outcomes.setdefault(call.tool, Counter())[outcome] += 1
        self.recent.append({"tool": call.tool, "effect": call.effect, "outcome": outcome, "labels": []})
        del self.recent[:-RECENT_CALLS]

    def _count_lost_request(self) -> None:
        if self.outstanding is not None:
            self.spent += Decimal(self.outstanding.reserved_cost)
            self.tokens += self.outstanding.reserved_input + self.outstanding.reserved_output
            self.outstanding = None


def _principal(event: RunStarted, tenant: str, payload: bytes | None) -> Principal:
    document = orjson.loads(payload) if payload is not None else {}
    return Principal(
        subject=event.subject,
        tenant=tenant,
        roles=frozenset(event.roles),
        attributes=document.get("attributes", {}),
    )
