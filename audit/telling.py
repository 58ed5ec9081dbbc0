"""The fold from a run's records to its story."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Literal

from licet.audit.errors import JournalDamaged
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
from licet.audit.records import Record
from licet.audit.story import Content, ModelRequestStory, RunStory, Turning, Usage, WorkflowStory
from licet.audit.telling_call import CallEvent, CallTelling, Fetch, part
from licet.audit.wording import offered, open_request, run_now


class Telling:
    """Takes a run's records in order and gives its story."""

    def __init__(self, run_id: str, fetch: Fetch) -> None:
        self._run_id = run_id
        self._fetch = fetch
        self._first: Record | None = None
        self._last: Record | None = None
        self._calls: dict[str, CallTelling] = {}
        self._requests: list[ModelRequestStory] = []
        self._turnings: list[Turning] = []
        self._ending: RunSuspended | RunFinished | None = None
        self._output: Content | None = None
        self._agent_roles: tuple[str, ...] | None = None

    def add(self, record: Record) -> None:
        """Take the next record."""
        self._first = self._first or record
        self._last = record
        event = record.event
        match event:
            case RunSuspended() | RunFinished():
                self._ending = event
                self._output = self._fetch(record, "output")
                kind: Literal["suspended", "finished"] = (
                    "finished" if isinstance(event, RunFinished) else "suspended"
                )
                self._turn(record, kind, event.reason if isinstance(event, RunFinished) else event.detail)
            case RunResumed():
                self._ending = None
                text = (
                    "its worker before had died, or was taken for dead" if event.recovered else "it went on"
                )
                self._turn(record, "resumed", f"{text}; worker {event.worker}")
            case RunDelegated():
                self._agent_roles = event.roles
            case ToolsOffered():
                self._turn(record, "offered", offered(event))
            case ModelRequested() | ModelResponded() | ModelFailed() | OutputRefused():
                self._add_model(record, event)
            case CallProposed():
                self._propose(record, (event,), None)
            case (
                CallDenied()
                | CallWithheld()
                | ApprovalRequested()
                | ApprovalAnswered()
                | ApprovalClosed()
                | CallPermitted()
                | CallExecuted()
                | CallFailed()
                | CallInDoubt()
                | CallReconciled()
            ):
                self._add_to_call(record, event)
            case _:
                pass

    def story(self, now: datetime) -> RunStory:
        """The whole, as it stands at `now`.

        Raises:
            JournalDamaged: the records do not begin with a run's start.
        """
        first, last, ending = self._first, self._last, self._ending
        if first is None or last is None or not isinstance(first.event, RunStarted):
            raise JournalDamaged(
                f"run {self._run_id} does not begin with its start; run `licet audit verify`"
            )
        started = first.event
        ended = isinstance(ending, RunFinished)
        calls = tuple(call.story(ended) for call in self._calls.values())
        waiting = tuple(
            asked for call in calls if not ended and (asked := open_request(call.moments)) is not None
        )
        principal = self._fetch(first, "principal")
        status: Literal["running", "suspended", "finished"] = "running"
        if ending is not None:
            status = "finished" if ended else "suspended"
        return RunStory(
            run_id=self._run_id,
            tenant=first.tenant,
            subject=started.subject,
            roles=started.roles,
            attributes=part(principal, "attributes"),
            agent=started.agent,
            agent_roles=self._agent_roles,
            workflow=WorkflowStory(
                started.workflow, started.version, started.digest, started.mode, None, None, None
            ),
            driver=started.driver,
            input=self._fetch(first, "input"),
            started_at=first.time,
            last_at=last.time,
            active_ms=ending.active_ms if ending is not None else None,
            status=status,
            outcome=ending.status if isinstance(ending, RunFinished) else None,
            rule=ending.rule if isinstance(ending, RunFinished) else None,
            now=run_now(self._run_id, ending, last.time, waiting, now),
            waits_for=tuple(asked.request_id for asked in waiting),
            output=self._output,
            requests=tuple(self._requests),
            calls=calls,
            turnings=tuple(self._turnings),
            usage=Usage(
                requests=len(self._requests),
                input_tokens=sum(request.input_tokens for request in self._requests),
                output_tokens=sum(request.output_tokens for request in self._requests),
                model_cost=sum((request.cost for request in self._requests), Decimal(0)),
                tool_cost=sum((call.cost for call in self._calls.values()), Decimal(0)),
            ),
        )

    def _turn(
        self, record: Record, kind: Literal["suspended", "resumed", "finished", "offered"], text: str
    ) -> None:
        actor = f"{record.actor.kind} {record.actor.id}"
        self._turnings.append(Turning(kind, record.seq, record.time, actor, text))

    def _add_model(
        self, record: Record, event: ModelRequested | ModelResponded | ModelFailed | OutputRefused
    ) -> None:
        if isinstance(event, ModelRequested):
            self._requests.append(
                ModelRequestStory(
                    step=event.step,
                    time=record.time,
                    model=event.model,
                    model_id=event.model_id,
                    prompt_hash=event.prompt_hash,
                    input_tokens=event.reserved_input,
                    output_tokens=event.reserved_output,
                    cost=Decimal(event.reserved_cost),
                    answered=False,
                    overran=False,
                    error=None,
                    calls=(),
                    refused=(),
                )
            )
            return
        if not self._requests:
            raise JournalDamaged(
                f"record {record.seq} of run {self._run_id} answers a model request that is not there;"
                " run `licet audit verify`"
            )
        asked = self._requests[-1]
        match event:
            case ModelResponded():
                self._requests[-1] = replace(
                    asked,
                    model_id=event.model_id,
                    input_tokens=event.input_tokens,
                    output_tokens=event.output_tokens,
                    cost=Decimal(event.cost),
                    answered=True,
                    overran=event.overran,
                    calls=tuple(call.call_id for call in event.calls),
                )
                self._propose(record, event.calls, event.step)
            case ModelFailed(sent=True):
                self._requests[-1] = replace(asked, error=event.error)
            case ModelFailed():
                self._requests[-1] = replace(
                    asked, error=event.error, input_tokens=0, output_tokens=0, cost=Decimal(0)
                )
            case OutputRefused():
                errors = self._fetch(record, "errors") or Content("")
                self._requests[-1] = replace(asked, refused=(*asked.refused, errors))

    def _propose(
        self, record: Record, calls: Iterable[CallProposed | CallPermitted | ProposedCall], step: int | None
    ) -> None:
        proposals = self._fetch(record, "proposals")
        raw: dict[str, Content] = {}
        if proposals is not None and not proposals.erased:
            raw = {item["call_id"]: Content(item["raw"]) for item in proposals.value["calls"]}
        for call in calls:
            self._calls[call.call_id] = CallTelling(
                call.call_id,
                call.tool,
                step,
                record.time,
                raw.get(call.call_id, Content(None, erased=True)),
                part(proposals, "reason"),
            )

    def _add_to_call(self, record: Record, event: CallEvent) -> None:
        first = event.call_id not in self._calls
        if first and isinstance(event, CallPermitted) and "proposals" in record.payloads:
            self._propose(record, (event,), None)
        call = self._calls.get(event.call_id)
        if call is None:
            raise JournalDamaged(
                f"record {record.seq} of run {self._run_id} is about a call that was never proposed;"
                " run `licet audit verify`"
            )
        call.add(record, event, self._fetch)
