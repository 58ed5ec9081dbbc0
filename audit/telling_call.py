"""The fold from the records of one call to its story."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from licet.audit.clock import parse_timestamp
from licet.audit.events import (
    ApprovalAnswered,
    ApprovalClosed,
    ApprovalRequested,
    CallDenied,
    CallExecuted,
    CallFailed,
    CallInDoubt,
    CallPermitted,
    CallReconciled,
    CallWithheld,
)
from licet.audit.records import Record
from licet.audit.story import (
    Answered,
    Asked,
    CallMoment,
    CallStatus,
    CallStory,
    Closed,
    Content,
    Denied,
    Executed,
    Failed,
    InDoubt,
    Permitted,
    Reconciled,
    Withheld,
)
from licet.audit.wording import why

Fetch = Callable[[Record, str], Content | None]
"""A record's payload by name; None when the record never had it."""

CallEvent = (
    CallDenied
    | CallWithheld
    | ApprovalRequested
    | ApprovalAnswered
    | ApprovalClosed
    | CallPermitted
    | CallExecuted
    | CallFailed
    | CallInDoubt
    | CallReconciled
)
"""What can happen to a call once it is proposed."""


@dataclass(slots=True)
class CallTelling:
    """A call while it is being told."""

    call_id: str
    tool: str
    step: int | None
    proposed_at: datetime
    proposed: Content | None = None
    reason: Content | None = None
    arguments: Content | None = None
    status: CallStatus = "proposed"
    cost: Decimal = Decimal(0)
    reserved: Decimal = Decimal(0)
    moments: list[CallMoment] = field(default_factory=list)

    def story(self, ended: bool) -> CallStory:
        """The whole; `ended`: its run is finished."""
        return CallStory(
            call_id=self.call_id,
            tool=self.tool,
            status=self.status,
            why=why(self.status, self.moments, ended),
            step=self.step,
            proposed_at=self.proposed_at,
            proposed=self.proposed,
            reason=self.reason,
            arguments=self.arguments,
            cost=self.cost,
            moments=tuple(self.moments),
        )

    def add(self, record: Record, event: CallEvent, fetch: Fetch) -> None:
        """Take the next record of this call."""
        policy_input = fetch(record, "policy_input")
        if policy_input is not None and (self.arguments is None or self.arguments.erased):
            self.arguments = part(part(policy_input, "call"), "args")
        seq, time = record.seq, record.time
        moment: CallMoment
        match event:
            case CallDenied():
                self.status = "denied"
                self.arguments = fetch(record, "args") or self.arguments
                moment = Denied(
                    seq=seq, time=time, stage=event.stage, reasons=event.reasons, decision=event.decision
                )
            case CallWithheld():
                self.status = "withheld"
                moment = Withheld(seq=seq, time=time, mode=event.mode, decision=event.decision)
            case ApprovalRequested():
                self.status = "waiting"
                moment = Asked(
                    seq=seq,
                    time=time,
                    request_id=event.request_id,
                    digest=event.digest,
                    owed=event.owed,
                    expires_at=parse_timestamp(event.expires_at),
                    decision=event.decision,
                    shown=fetch(record, "shown") or Content(None, erased=True),
                )
                self.arguments = part(moment.shown, "args") or self.arguments
            case ApprovalAnswered():
                moment = self._answer(record, event, fetch)
            case ApprovalClosed():
                self.status = "proposed"
                moment = Closed(
                    seq=seq, time=time, request_id=event.request_id, cause=event.cause, why=event.why
                )
            case CallPermitted():
                self.status = "permitted"
                self.reserved = Decimal(event.reserved_cost)
                self.cost += self.reserved
                moment = Permitted(
                    seq=seq,
                    time=time,
                    permit_id=event.permit_id,
                    effect=event.effect,
                    attempt=event.attempt,
                    digest=event.digest,
                    decision=event.decision,
                    authorization=event.authorization,
                    request_ids=event.request_ids,
                    idempotency_key=event.idempotency_key,
                    reserved_cost=self.reserved,
                    deadline=parse_timestamp(event.deadline),
                )
            case CallExecuted():
                self.status = "executed"
                self.cost += Decimal(event.cost) - self.reserved
                moment = Executed(
                    seq=seq,
                    time=time,
                    digest=event.digest,
                    permit_id=event.permit_id,
                    decision=event.decision,
                    cost=Decimal(event.cost),
                    elapsed_us=event.elapsed_us,
                    result=fetch(record, "result"),
                    fault=event.fault,
                )
            case CallFailed():
                self.status = "failed"
                self.cost -= self.reserved
                moment = Failed(
                    seq=seq,
                    time=time,
                    permit_id=event.permit_id,
                    decision=event.decision,
                    error=event.error,
                    message=event.message,
                    not_executed=event.not_executed,
                    elapsed_us=event.elapsed_us,
                )
            case CallInDoubt():
                self.status = "in doubt"
                moment = InDoubt(seq=seq, time=time, permit_id=event.permit_id, cause=event.cause)
            case CallReconciled():
                self.status = "executed" if event.happened else "failed"
                moment = Reconciled(
                    seq=seq,
                    time=time,
                    happened=event.happened,
                    by=record.actor.id,
                    evidence=fetch(record, "evidence"),
                )
        self.moments.append(moment)

    def _answer(self, record: Record, event: ApprovalAnswered, fetch: Fetch) -> Answered:
        asked = next(
            (
                moment
                for moment in self.moments
                if isinstance(moment, Asked) and moment.request_id == event.request_id
            ),
            None,
        )
        edited = fetch(record, "args")
        late = asked is not None and record.time >= asked.expires_at
        if event.verdict == "edit" and edited is not None and not late:
            self.arguments = edited
        return Answered(
            seq=record.seq,
            time=record.time,
            request_id=event.request_id,
            verdict=event.verdict,
            reviewer=event.reviewer,
            groups=event.groups,
            local=event.local,
            key_id=event.key_id,
            digest=event.digest,
            same_digest=asked is not None and asked.digest == event.digest,
            late=late,
            reason=fetch(record, "reason"),
            arguments=edited,
        )


def part(content: Content | None, key: str) -> Content | None:
    """What stands under `key` of a payload that is an object; erased when the payload is."""
    if content is None or content.erased:
        return content
    value: Any = content.value
    return Content(value[key]) if isinstance(value, dict) and key in value else None
