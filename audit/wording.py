"""The sentences of a run's story: why a call ran or did not, and how the run stands."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TypeVar

from licet.audit.events import ApprovalOwed, Decided, Denial, RunFinished, RunSuspended, ToolsOffered
from licet.audit.story import (
    Answered,
    Asked,
    CallMoment,
    CallStatus,
    Closed,
    Denied,
    Executed,
    Failed,
    InDoubt,
    Permitted,
    Reconciled,
    Withheld,
)

STAGES = {
    "run": "the run was no longer under way",
    "allowlist": "the workflow does not list this tool",
    "offered": "the policy hides this tool",
    "arguments": "the arguments are not what the tool takes",
    "narrowing": "the arguments are outside of what the workflow allows",
    "authorization": "the tool's own authorization refused it",
    "policy": "the policy does not permit it",
    "price": "its price could not be known",
    "preview": "the reviewer could not be shown what it would do",
    "review": "the people who were asked did not approve it",
    "switch": "a kill switch was thrown",
    "limits": "a limit of the run was reached",
    "budgets": "a shared budget has no room for it",
    "stop_rules": "a stop rule of the workflow ended the run",
    "model": "the model's provider used more than was reserved, which ends the run",
}
"""Why each stage of the gate stops a call, by the stage's name up to its first dot."""


def stage_in_words(stage: str) -> str:
    """Why the stage stopped the call."""
    return STAGES.get(stage.partition(".")[0], f"the stage {stage} refused it")


def offered(event: ToolsOffered) -> str:
    """Which tools the policy hides from here on, and by which rules."""
    if not event.hidden:
        return "the policy hides none of the workflow's tools any more"
    tools = "; ".join(
        f"{tool} ({', '.join(dict.fromkeys(reason.rule for reason in reasons))})"
        for tool, reasons in sorted(event.hidden.items())
    )
    return f"the policy hides {tools}" + (
        f", because there was no answer: {event.cause}" if event.cause else ""
    )


def why(status: CallStatus, moments: Sequence[CallMoment], ended: bool) -> str:
    """Why the call ran or did not, in a sentence or two. `ended`: its run is finished."""
    last = moments[-1] if moments else None
    match last:
        case Denied():
            return f"It did not run: {stage_in_words(last.stage)}. {_said(last.reasons)}"
        case Withheld():
            verdict = "would have been denied" if not last.decision.allow else "would have been permitted"
            if last.decision.allow and last.decision.approval is not None:
                verdict = "would have waited for a person"
            return f"It did not run: in mode {last.mode} nothing with an effect does. It {verdict}."
        case Asked() | Answered():
            return _waiting(moments, ended)
        case Closed():
            return f"It has not run: the approval request was closed ({last.why})."
        case Permitted():
            return (
                f"It was permitted, and no outcome is on record: it is running, or its process died."
                f" {_granted(last, moments)}"
            )
        case Executed():
            fault = f" Its result has a fault: {last.fault}." if last.fault else ""
            permit = _last(moments, Permitted)
            if last.permit_id is not None and permit is not None:
                return f"It ran. {_granted(permit, moments)}{fault}"
            granted = f" {_rules(last.decision)}" if last.decision is not None else ""
            return f"It ran; it only reads, so it needed no permit.{granted}{fault}"
        case Failed():
            extent = (
                "the tool said that it did nothing" if last.not_executed else "nothing irrevocable happened"
            )
            return f"It was permitted and failed ({last.error}): {last.message} As far as is known, {extent}."
        case InDoubt():
            return (
                f"It may or may not have happened: {last.cause}."
                " It is not tried again; a person has to find out and say so (`licet runs reconcile`)."
            )
        case Reconciled():
            found = "it did happen" if last.happened else "it did not happen"
            return f"It was in doubt, until {last.by} found out that {found}."
        case None:
            return "It never came to a decision." if ended else f"It is {status}; nothing is decided yet."


def lacking(owed: ApprovalOwed, answers: Sequence[Answered]) -> list[str]:
    """What the answers so far leave open, in words, by the groups the reviewers had when they answered."""
    yes = {
        answer.reviewer: answer.groups
        for answer in answers
        if answer.verdict == "approve" and not answer.late
    }
    missing = []
    for required in owed.requires:
        there = sum(
            required.group in groups or (required.group == "any" and bool(groups)) for groups in yes.values()
        )
        if there < required.count:
            people = "any reviewer" if required.group == "any" else f"reviewers of {required.group}"
            missing.append(f"{required.count - there} of {people}")
    return missing


def answers_to(request_id: str, moments: Sequence[CallMoment]) -> list[Answered]:
    """The answers to one request."""
    return [moment for moment in moments if isinstance(moment, Answered) and moment.request_id == request_id]


def open_request(moments: Sequence[CallMoment]) -> Asked | None:
    """The request that still waits for people; None when the call waits for none."""
    if not moments or not isinstance(moments[-1], Asked | Answered):
        return None
    asked = _last(moments, Asked)
    if asked is None:
        return None
    answers = answers_to(asked.request_id, moments)
    decided = any(answer.verdict != "approve" and not answer.late for answer in answers)
    return None if decided or not lacking(asked.owed, answers) else asked


def run_now(
    run_id: str,
    ending: RunSuspended | RunFinished | None,
    last_at: datetime,
    waiting: Sequence[Asked],
    now: datetime,
) -> str:
    """How the run stands: why it ended, or what it waits for."""
    resume = f"`licet runs resume {run_id} --app MODULE:RUNTIME`"
    match ending:
        case RunFinished(status="stopped"):
            return f"It was stopped by {ending.rule or 'a person'}: {ending.reason}"
        case RunFinished(status="failed"):
            return f"It failed: {ending.reason}"
        case RunFinished(status="closed"):
            return f"It is over: {ending.reason}."
        case RunFinished():
            return f"It is over: {ending.reason}, as {ending.status}."
        case RunSuspended(cause="in_doubt"):
            return (
                f"It is held: {ending.detail}. A person has to find out, and say so with"
                f" `licet runs reconcile {run_id} CALL`."
            )
        case RunSuspended(cause="approval"):
            if not waiting:
                return f"It waited for people, who have answered. {resume} goes on."
            late = [asked for asked in waiting if now >= asked.expires_at]
            if len(late) == len(waiting):
                return f"It waited for people, and the time to answer has passed. {resume} goes on without."
            until = min(asked.expires_at for asked in waiting if asked not in late)
            requests = ", ".join(asked.request_id for asked in waiting if asked not in late)
            return (
                f"It waits for people until {when(until)}."
                f" `licet approvals show {requests}` shows what is asked."
            )
        case RunSuspended(cause="released"):
            return f"It waits for its own agent, which goes on with `runtime.session(run_id=...)`: {ending.detail}."
        case RunSuspended():
            return f"It waits: {ending.detail}. {resume} goes on."
        case None:
            return (
                f"It is under way, or its process died; its last record is of {when(last_at)}."
                f" {resume} takes it over."
            )


def when(moment: datetime) -> str:
    """A time for people, in UTC."""
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"


def revision(decision: Decided) -> str:
    """A policy revision short enough to read."""
    return decision.revision[:12]


def _said(reasons: Sequence[Denial]) -> str:
    return " ".join(f"{reason.message} [{reason.rule}]" for reason in reasons)


def _rules(decision: Decided) -> str:
    grants = ", ".join(decision.grants) or "no rule"
    return f"Policy revision {revision(decision)} granted it by {grants}."


def _granted(permit: Permitted, moments: Sequence[CallMoment]) -> str:
    text = _rules(permit.decision)
    if permit.authorization == "granted":
        text += " The tool's own authorization granted it too."
    approvers = [
        f"{answer.reviewer} (who edited it)" if answer.verdict == "edit" else answer.reviewer
        for request_id in permit.request_ids
        for answer in answers_to(request_id, moments)
        if answer.verdict != "reject" and not answer.late
    ]
    if approvers:
        text += f" Approved by {', '.join(approvers)}."
    return text


def _waiting(moments: Sequence[CallMoment], ended: bool) -> str:
    asked = _last(moments, Asked)
    assert asked is not None
    if ended:
        return "It did not run: the run ended before it was approved and executed."
    rejected = [answer for answer in answers_to(asked.request_id, moments) if answer.verdict == "reject"]
    if rejected:
        return f"It has not run: {rejected[0].reviewer} rejected it. The agent is told when the run goes on."
    if open_request(moments) is None:
        return "It has not run yet: it is approved, and runs when the run goes on."
    missing = " and ".join(lacking(asked.owed, answers_to(asked.request_id, moments)))
    return f"It has not run: it waits for {missing}, because: {asked.owed.reason}"


_Kind = TypeVar("_Kind", bound=CallMoment)


def _last(moments: Sequence[CallMoment], kind: type[_Kind]) -> _Kind | None:
    return next((moment for moment in reversed(moments) if isinstance(moment, kind)), None)
