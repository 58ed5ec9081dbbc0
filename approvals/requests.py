"""Approval requests: the fold of a run's records, the same for who answers and for who executes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from licet.approvals.quorum import lacking
from licet.approvals.review import Review
from licet.approvals.reviewer import same_person
from licet.audit.clock import parse_timestamp
from licet.audit.errors import JournalDamaged
from licet.audit.events import (
    ApprovalAnswered,
    ApprovalClosed,
    ApprovalOwed,
    ApprovalRequested,
    RunFinished,
    RunStarted,
)
from licet.audit.records import Record, record_hash

Status = Literal["pending", "approved", "rejected", "edited", "expired", "void"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer(Review):
    """A review as the journal holds it: when it was recorded, and the approval service's signature."""

    time: datetime
    key_id: str
    signature: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A question to people: may this call run?

    Attributes:
        requester: the subject in whose name the run acts, who never counts as a reviewer.
        digest: what a review binds to (`licet.approvals.binding`).
        owed: what policy asked for when the request was made. What counts at execution is what is owed then.
        requested_at: when it was made; `expires_at`: from then on no answer has an effect.
        status: `approved` says that there are answers enough by the groups the reviewers had when they
            answered. Whether they still are is for `licet.approvals.coverage`, just before the call runs.
        answers: those that had an effect, in order. A late answer, or a second one by the same reviewer, had
            none.
        seq: where in the stream the request is.
        hash: of the request's record, taken from its stored bytes.
        why: why it is void, or ran out.
    """

    request_id: str
    call_id: str
    run_id: str
    tenant: str
    requester: str
    tool: str
    digest: str
    owed: ApprovalOwed
    requested_at: datetime
    expires_at: datetime
    status: Status
    answers: tuple[Answer, ...]
    seq: int
    hash: str
    why: str | None = None

    @property
    def lacking(self) -> ApprovalOwed | None:
        """What is still owed by the answers so far; None when nothing is."""
        missing = lacking(self.owed, _approvers(self.answers))
        return self.owed.model_copy(update={"requires": missing}) if missing else None


def fold_requests(records: Iterable[Record], now: datetime | None = None) -> dict[str, Request]:
    """The approval requests of one run, by id, oldest first.

    Args:
        records: the run's, from the first on.
        now: a request that is still pending and past its time is `expired`, though no record says so yet.
            None asks only what the records say.

    Raises:
        JournalDamaged: there is a request before the run has started.
    """
    requester: str | None = None
    requests: dict[str, Request] = {}
    for record in records:
        match record.event:
            case RunStarted() as event:
                requester = event.subject
            case ApprovalRequested() as event:
                if requester is None:
                    raise JournalDamaged(
                        f"record {record.seq} of run {record.stream} asks for an approval before it started;"
                        " run `licet audit verify`"
                    )
                requests.setdefault(event.request_id, _requested(record, event, requester))
            case ApprovalAnswered() as event if event.request_id in requests:
                requests[event.request_id] = _answered(requests[event.request_id], record, event)
            case ApprovalClosed() as event if event.request_id in requests:
                requests[event.request_id] = _closed(requests[event.request_id], event)
            case RunFinished():
                _end_pending(requests, "void", "the run has ended")
            case _:
                pass
    if now is not None:
        late = {key: request for key, request in requests.items() if now >= request.expires_at}
        _end_pending(late, "expired", "it was not answered in time")
        requests.update(late)
    return requests


def _end_pending(requests: dict[str, Request], status: Status, why: str) -> None:
    for key, request in requests.items():
        if request.status == "pending":
            requests[key] = replace(request, status=status, why=why)


def _requested(record: Record, event: ApprovalRequested, requester: str) -> Request:
    return Request(
        request_id=event.request_id,
        call_id=event.call_id,
        run_id=record.stream,
        tenant=record.tenant,
        requester=requester,
        tool=event.tool,
        digest=event.digest,
        owed=event.owed,
        requested_at=record.time,
        expires_at=parse_timestamp(event.expires_at),
        status="pending",
        answers=(),
        seq=record.seq,
        hash=record_hash(record.text),
    )


def _answered(request: Request, record: Record, event: ApprovalAnswered) -> Request:
    if (
        request.status != "pending"
        or record.time >= request.expires_at
        or event.call_id != request.call_id
        or same_person(event.reviewer, request.requester)
        or any(same_person(answer.reviewer, event.reviewer) for answer in request.answers)
        or (event.verdict == "approve" and event.digest != request.digest)
    ):
        return request
    answers = (*request.answers, _answer(request, record, event))
    status: Status = "pending"
    if event.verdict == "reject":
        status = "rejected"
    elif event.verdict == "edit":
        status = "edited"
    elif not lacking(request.owed, _approvers(answers)):
        status = "approved"
    return replace(request, status=status, answers=answers)


def _answer(request: Request, record: Record, event: ApprovalAnswered) -> Answer:
    return Answer(
        stream=record.stream,
        tenant=record.tenant,
        seq=record.seq,
        request_id=event.request_id,
        request_hash=request.hash,
        call_id=event.call_id,
        verdict=event.verdict,
        digest=event.digest,
        reviewer=event.reviewer,
        groups=event.groups,
        local=event.local,
        payloads=tuple(sorted(record.payloads.items())),
        time=record.time,
        key_id=event.key_id,
        signature=event.signature,
    )


def _approvers(answers: Iterable[Answer]) -> dict[str, tuple[str, ...]]:
    return {answer.reviewer: answer.groups for answer in answers if answer.verdict == "approve"}


def _closed(request: Request, event: ApprovalClosed) -> Request:
    closable = ("pending",) if event.cause == "expired" else ("pending", "approved", "edited")
    if event.call_id != request.call_id or request.status not in closable:
        return request
    return replace(request, status=event.cause, why=event.why)
