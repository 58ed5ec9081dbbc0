"""Going on with a call that waited for a person."""

from __future__ import annotations

import orjson

from licet.approvals import Request, fold_requests
from licet.audit.canonical import canonical
from licet.audit.errors import HeadMoved
from licet.audit.events import ApprovalClosed, CallDenied
from licet.runtime.active import ActiveRun
from licet.runtime.call import Call, deny
from licet.runtime.gate import Gate
from licet.runtime.outcomes import Denied, Outcome, Pending
from licet.runtime.stages import Services
from licet.runtime.state import CallState

DO_NOT_REPEAT = "Do not propose this call again."


def proposed(run: ActiveRun, state: CallState, raw: bytes | None = None) -> Call:
    """A call that is in the journal already, set before the gate (again), with `raw` when a reviewer edited it."""
    return Call(
        run=run,
        call_id=state.call_id,
        tool_name=state.tool,
        raw=state.raw if raw is None else raw,
        reason=state.reason,
        state=state,
        edited=raw is not None or state.edited,
        attempt=state.attempts + 1,
    )


async def revisit(gate: Gate, run: ActiveRun, state: CallState, services: Services) -> Outcome:
    """Look at the reviews that a waiting call has by now, and take it on from there.

    Approved (or edited): the call goes through every stage of the gate again, with fresh data, and the reviews must
    cover what is owed now. Rejected or run out: it is denied, and the model is told so.
    """
    while True:
        run.catch_up()
        requests = fold_requests(services.journal.read(run.id), services.clock.now())
        request = requests[state.request_ids[-1]]
        match request.status:
            case "approved":
                return await gate.call(proposed(run, state, _shown(request, services)))
            case "edited":
                return await gate.call(proposed(run, state, _edited(request, services)))
            case "pending":
                return Pending(
                    state.call_id,
                    state.tool,
                    "approval",
                    request.owed.reason,
                    request.request_id,
                    request.expires_at,
                )
        try:
            return await _refused(run, state, request, services)
        except HeadMoved:
            continue


async def _refused(run: ActiveRun, state: CallState, request: Request, services: Services) -> Outcome:
    drafts = []
    if request.status == "rejected":
        said = _reason(request, services)
        halt = deny(
            "review", "licet.review.rejected", f"A reviewer rejected this call: {said} {DO_NOT_REPEAT}"
        )
    else:
        halt = deny("review", "licet.review.expired", f"Nobody approved this call in time. {DO_NOT_REPEAT}")
        why = request.why or "nobody answered in time"
        closed = ApprovalClosed(
            request_id=request.request_id, call_id=state.call_id, cause="expired", why=why
        )
        drafts.append(run.draft(closed))
    event = CallDenied(call_id=state.call_id, tool=state.tool, stage=halt.stage, reasons=halt.reasons)
    await run.append(*drafts, run.draft(event), expect=run.state.seq)
    return Denied(state.call_id, state.tool, halt.stage, halt.reasons)


def _shown(request: Request, services: Services) -> bytes | None:
    """The arguments that were shown, which are those that were approved: an earlier edit's, perhaps."""
    payload = services.journal.payload(request.run_id, request.seq, "shown")
    return None if payload is None else canonical(orjson.loads(payload)["args"])


def _edited(request: Request, services: Services) -> bytes | None:
    edits = [answer for answer in request.answers if answer.verdict == "edit"]
    return services.journal.payload(request.run_id, edits[-1].seq, "args") if edits else None


def _reason(request: Request, services: Services) -> str:
    rejections = [answer for answer in request.answers if answer.verdict == "reject"]
    payload = services.journal.payload(request.run_id, rejections[-1].seq, "reason") if rejections else None
    said = orjson.loads(payload) if payload is not None else None
    return said if isinstance(said, str) else "no reason given."
