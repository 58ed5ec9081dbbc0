"""The approval queue: what waits for people, and their answers. It only journals; a runtime executes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from licet.approvals.directory import Directory
from licet.approvals.edits import edited_arguments
from licet.approvals.errors import (
    AlreadyAnswered,
    NotAReviewer,
    NothingToShow,
    ReasonRefused,
    RequestClosed,
    RequestExpired,
    SelfReview,
)
from licet.approvals.lookup import find_request, open_streams
from licet.approvals.quorum import is_member
from licet.approvals.requests import Answer, Request, fold_requests
from licet.approvals.review import Review, Verdict
from licet.approvals.reviewer import Reviewer, same_person
from licet.approvals.shown import Shown
from licet.approvals.signing import ReviewSigner
from licet.audit.canonical import canonical
from licet.audit.clock import Clock
from licet.audit.errors import HeadMoved
from licet.audit.events import Actor, ApprovalAnswered
from licet.audit.journal import Journal
from licet.audit.records import Draft, Payload, Record, Unit

LONGEST_REASON = 10_000
"""In characters."""

_ATTEMPTS = 100
"""How often an answer is tried while others append to the same run."""


class ApprovalQueue:
    """The approval requests in a journal.

    Its methods do not need an event loop and block for as long as the journal takes, some milliseconds.

    Args:
        journal: where the runs are.
        signer: the approval service's key; it is needed, and made if missing, with the first answer.
        directory: who may review.
        clock: for what has run out; the journal's own by default.
    """

    def __init__(
        self, journal: Journal, signer: ReviewSigner, directory: Directory, clock: Clock | None = None
    ) -> None:
        self._journal = journal
        self._signer = signer
        self._directory = directory
        self._clock = clock or journal.clock

    def pending(self, tenant: str | None = None) -> list[Request]:
        """The requests that wait for an answer, the oldest first; None looks at every tenant."""
        waiting = [
            request
            for stream in open_streams(self._journal, tenant)
            for request in self._fold(self._journal.read(stream)).values()
            if request.status == "pending"
        ]
        return sorted(waiting, key=lambda request: (request.requested_at, request.request_id))

    def history(self, tenant: str | None = None, limit: int | None = None) -> list[Request]:
        """Requests of every status, of the newest run first; at most `limit`."""
        requests: list[Request] = []
        for head in self._journal.heads(tenant=tenant):
            requests.extend(reversed(self._fold(self._journal.read(head.stream)).values()))
            if limit is not None and len(requests) >= limit:
                return requests[:limit]
        return requests

    def get(self, request_id: str, *, tenant: str | None = None) -> Request:
        """The request with this id, or whose id alone begins with these (at least 8) characters.

        Raises:
            UnknownRequest: there is none, in this tenant.
            AmbiguousRequest: there are several.
        """
        return find_request(self._journal, request_id, tenant, self._clock.now())

    def shown(self, request: Request) -> Shown:
        """What the reviewer must see, which is what the request binds to.

        Raises:
            NothingToShow: it is erased, cannot be read, or is not what the request binds to.
        """
        payload = self._journal.payload(request.run_id, request.seq, "shown")
        if payload is None:
            raise NothingToShow("what this request showed has been erased; it can only be rejected")
        shown = Shown.read(payload)
        if shown.tool != request.tool or shown.digest() != request.digest:
            raise NothingToShow(
                "what this request shows is not what an approval would let run; reject it, and report this"
            )
        return shown

    def reason(self, answer: Answer) -> str | None:
        """The reason the reviewer gave; None when there was none, or it is erased."""
        value = self._payload(answer, "reason")
        return value if isinstance(value, str) else None

    def edited(self, answer: Answer) -> Mapping[str, Any] | None:
        """The arguments as the reviewer edited them; None when they did not, or they are erased."""
        value = self._payload(answer, "args")
        return value if isinstance(value, dict) else None

    def approve(
        self, request_id: str, reviewer: Reviewer, reason: str | None = None, *, tenant: str | None = None
    ) -> Request:
        """Say yes to exactly what is shown. Returns the request as it stands then: pending while more are
        owed.

        Raises:
            UnknownRequest, AmbiguousRequest: see `get`.
            NotAReviewer: the reviewer is in no group that is asked.
            SelfReview: the call runs in the reviewer's own name.
            AlreadyAnswered: the request has its answer, or this reviewer's.
            RequestExpired, RequestClosed: no answer has an effect any more.
            ReasonRefused: the reason is too long or no text.
            NothingToShow: see `shown`.
        """
        return self._answer(request_id, reviewer, "approve", reason, None, tenant)

    def reject(
        self, request_id: str, reviewer: Reviewer, reason: str, *, tenant: str | None = None
    ) -> Request:
        """Say no. One rejection is enough, whatever others said.

        Raises:
            ReasonRefused: there is no reason; whoever asked is to learn it.
            ApprovalError: as for `approve`, but for NothingToShow.
        """
        return self._answer(request_id, reviewer, "reject", reason, None, tenant)

    def edit(
        self,
        request_id: str,
        reviewer: Reviewer,
        args: Mapping[str, Any],
        reason: str | None = None,
        *,
        tenant: str | None = None,
    ) -> Request:
        """Say yes to the same tool with other arguments, which are validated and decided on again before they
        run.

        `args` are all arguments of the call as plain JSON, in the form they are shown in.

        Raises:
            EditRefused: see `licet.approvals.edits`.
            ApprovalError: as for `approve`.
        """
        return self._answer(request_id, reviewer, "edit", reason, args, tenant)

    def _answer(
        self,
        request_id: str,
        reviewer: Reviewer,
        verdict: Verdict,
        reason: str | None,
        args: Mapping[str, Any] | None,
        tenant: str | None,
    ) -> Request:
        payloads = _reason(reason, verdict)
        request = self.get(request_id, tenant=tenant)
        for attempt in range(1, _ATTEMPTS + 1):
            records = self._journal.read(request.run_id)
            request = self._fold(records)[request.request_id]
            groups = self._may_answer(request, reviewer)
            digest = request.digest
            if verdict != "reject":
                shown = self.shown(request)
                if args is not None:
                    content = edited_arguments(shown, args)
                    payloads["args"] = payloads.get("args") or Payload(content)
                    digest = shown.digest(content)
            seq = records[-1].seq + 1
            draft = self._draft(request, seq, reviewer, groups, verdict, digest, payloads)
            unit = Unit(stream=request.run_id, tenant=request.tenant, drafts=(draft,), expect=seq - 1)
            try:
                self._journal.append_now(unit)
            except HeadMoved:
                if attempt == _ATTEMPTS:
                    raise
                continue
            return self._effect(request, seq)
        raise AssertionError("unreachable")

    def _may_answer(self, request: Request, reviewer: Reviewer) -> frozenset[str]:
        """The reviewer's groups, when this reviewer may answer this request now."""
        groups = self._directory.groups(reviewer.id, request.tenant)
        if not any(is_member(required.group, groups) for required in request.owed.requires):
            asked = ", ".join(sorted({required.group for required in request.owed.requires}))
            raise NotAReviewer(f"{reviewer.id} is in none of the groups this request asks: {asked}")
        if same_person(reviewer.id, request.requester):
            raise SelfReview(
                f"the call runs in the name of {request.requester}; somebody else must review it"
            )
        if any(same_person(answer.reviewer, reviewer.id) for answer in request.answers):
            raise AlreadyAnswered(f"{reviewer.id} has answered this request already; the first answer stands")
        match request.status:
            case "approved" | "rejected" | "edited":
                raise AlreadyAnswered(
                    f"this request has been {request.status} already; the first answer stands"
                )
            case "expired":
                raise RequestExpired(
                    f"this request ran out at {request.expires_at:%Y-%m-%d %H:%M:%S} UTC; resume its run"
                    f" (licet runs resume {request.run_id}), and it asks again if it still needs to"
                )
            case "void":
                raise RequestClosed(
                    f"this request was closed: {request.why}; see what waits now with `licet approvals list`"
                )
            case "pending":
                return groups

    def _draft(
        self,
        request: Request,
        seq: int,
        reviewer: Reviewer,
        groups: frozenset[str],
        verdict: Verdict,
        digest: str,
        payloads: dict[str, Payload],
    ) -> Draft:
        review = Review(
            stream=request.run_id,
            tenant=request.tenant,
            seq=seq,
            request_id=request.request_id,
            request_hash=request.hash,
            call_id=request.call_id,
            verdict=verdict,
            digest=digest,
            reviewer=reviewer.id,
            groups=tuple(sorted(groups)),
            local=reviewer.local,
            payloads=tuple(sorted((name, payload.digest()) for name, payload in payloads.items())),
        )
        event = ApprovalAnswered(
            request_id=review.request_id,
            call_id=review.call_id,
            verdict=verdict,
            digest=digest,
            reviewer=review.reviewer,
            groups=review.groups,
            local=review.local,
            key_id=self._signer.key_id(),
            signature=self._signer.sign(review),
        )
        return Draft(event, Actor(kind="reviewer", id=reviewer.id), payloads)

    def _effect(self, request: Request, seq: int) -> Request:
        after = self._fold(self._journal.read(request.run_id))[request.request_id]
        if all(answer.seq != seq for answer in after.answers):
            raise RequestExpired("this request ran out just before the answer was recorded; it has no effect")
        return after

    def _fold(self, records: list[Record]) -> dict[str, Request]:
        return fold_requests(records, self._clock.now())

    def _payload(self, answer: Answer, name: str) -> Any:
        if name not in dict(answer.payloads):
            return None
        content = self._journal.payload(answer.stream, answer.seq, name)
        return None if content is None else orjson.loads(content)


def _reason(reason: str | None, verdict: Verdict) -> dict[str, Payload]:
    text = (reason or "").strip()
    if not text:
        if verdict == "reject":
            raise ReasonRefused(
                "a rejection needs a reason: whoever asked is told it, so that they do not ask again"
            )
        return {}
    if len(text) > LONGEST_REASON:
        raise ReasonRefused(f"a reason has at most {LONGEST_REASON:,} characters")
    try:
        return {"reason": Payload(canonical(text))}
    except ValueError:
        raise ReasonRefused("the reason is not valid Unicode text") from None
