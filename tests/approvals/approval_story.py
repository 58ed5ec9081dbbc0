"""A run's records without a database."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from licet.approvals.requests import Request, fold_requests
from licet.approvals.review import Review, Verdict
from licet.approvals.signing import ReviewSigner
from licet.audit.canonical import canonical
from licet.audit.clock import timestamp
from licet.audit.events import (
    Actor,
    ApprovalAnswered,
    ApprovalClosed,
    ApprovalOwed,
    ApprovalRequested,
    Decided,
    Event,
    GroupCount,
    RunFinished,
    RunStarted,
    RunSuspended,
)
from licet.audit.records import GENESIS, Payload, Record, record_hash

NOON = datetime(2026, 1, 2, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
DIGEST = "d" * 64


def owed(*requires: tuple[str, int], reason: str = "it cannot be taken back") -> ApprovalOwed:
    return ApprovalOwed(
        requires=tuple(GroupCount(group=group, count=count) for group, count in requires or [("any", 1)]),
        expires_in=3600,
        reason=reason,
    )


def started(subject: str = "alice") -> RunStarted:
    return RunStarted(
        workflow="refund-desk",
        version="1",
        digest="w" * 64,
        mode="act",
        driver="session",
        subject=subject,
        roles=("support",),
        agent="agent",
        tools={"issue_refund": "c" * 64},
    )


def requested(
    request_id: str = "r1",
    call_id: str = "c1",
    needs: ApprovalOwed | None = None,
    digest: str = DIGEST,
    expires_at: datetime = NOON + HOUR,
) -> ApprovalRequested:
    needs = needs or owed()
    return ApprovalRequested(
        request_id=request_id,
        call_id=call_id,
        tool="issue_refund",
        digest=digest,
        owed=needs,
        expires_at=timestamp(expires_at),
        decision=Decided(decision_id="1", revision="r", engine="wasm", allow=True, approval=needs),
    )


def suspended() -> RunSuspended:
    return RunSuspended(cause="approval", detail="it cannot be taken back", active_ms=1000)


def finished() -> RunFinished:
    return RunFinished(status="stopped", reason="a limit", active_ms=1000)


def closed(cause: str = "void", request_id: str = "r1", call_id: str = "c1") -> ApprovalClosed:
    return ApprovalClosed(request_id=request_id, call_id=call_id, cause=cause, why="the order was changed")  # type: ignore[arg-type]


@dataclass
class Chain:
    """One run's records, each appended at `now`."""

    stream: str = "run-1"
    tenant: str = "default"
    now: datetime = NOON
    signer: ReviewSigner = field(default_factory=ReviewSigner.generate)
    records: list[Record] = field(default_factory=list)

    def add(self, event: Event, payloads: dict[str, Payload] | None = None) -> Record:
        prev = self.records[-1].hash if self.records else GENESIS
        seq = len(self.records) + 1
        digests = {name: payload.digest() for name, payload in (payloads or {}).items()}
        body = event.model_dump(mode="json")
        text = canonical(
            {
                "actor": {"kind": "runtime", "id": "test"},
                "type": body.pop("type"),
                "v": body.pop("v"),
                "body": body,
                "payloads": digests,
                "prev": prev,
                "seq": seq,
                "stream": self.stream,
                "tenant": self.tenant,
                "time": timestamp(self.now),
            }
        )
        record = Record(
            stream=self.stream,
            seq=seq,
            tenant=self.tenant,
            time=self.now,
            actor=Actor(kind="runtime", id="test"),
            event=event,
            payloads=digests,
            prev=prev,
            hash=record_hash(text),
            text=text,
        )
        self.records.append(record)
        return record

    def answer(
        self,
        reviewer: str,
        verdict: Verdict = "approve",
        *,
        groups: Iterable[str] = ("any",),
        digest: str = DIGEST,
        request_id: str = "r1",
        call_id: str = "c1",
        signer: ReviewSigner | None = None,
        spoil: str | None = None,
    ) -> Record:
        """Append a signed answer; `spoil` names a field that is changed after it was signed."""
        signer = signer or self.signer
        request = self.fold()[request_id]
        review = Review(
            stream=self.stream,
            tenant=self.tenant,
            seq=len(self.records) + 1,
            request_id=request_id,
            request_hash=request.hash,
            call_id=call_id,
            verdict=verdict,
            digest=digest,
            reviewer=reviewer,
            groups=tuple(groups),
            local=reviewer.startswith("local:"),
            payloads=(),
        )
        event = ApprovalAnswered(
            request_id=request_id,
            call_id=call_id,
            verdict=verdict,
            digest=digest,
            reviewer=reviewer,
            groups=review.groups,
            local=review.local,
            key_id=signer.key_id(),
            signature=signer.sign(replace(review, **{spoil: "other"}) if spoil else review),
        )
        return self.add(event)

    def fold(self, now: datetime | None = None) -> dict[str, Request]:
        return fold_requests(self.records, now)

    def request(self, now: datetime | None = None) -> Request:
        return self.fold(now)["r1"]


def asking() -> Chain:
    """A run that has just asked for one approval by anybody."""
    made = Chain()
    made.add(started())
    made.add(requested())
    return made
