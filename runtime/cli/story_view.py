"""A run's story on the terminal."""

from __future__ import annotations

from collections.abc import Sequence

from licet.audit.events import ApprovalOwed, Decided
from licet.audit.story import (
    Answered,
    Asked,
    CallMoment,
    CallStory,
    Closed,
    Content,
    Denied,
    Executed,
    Failed,
    InDoubt,
    ModelRequestStory,
    Permitted,
    Reconciled,
    RunStory,
    Withheld,
)
from licet.audit.wording import when
from licet.runtime.cli.terminal import cut, data, safe, say

ERASED = "(erased)"

_STYLES = {"executed": "green", "denied": "red", "failed": "red", "in doubt": "bold red", "waiting": "yellow"}


_DRIVERS = {"loop": "driven by Licet", "session": "the caller's own"}


def show_story(story: RunStory) -> None:
    """The whole run: who asked, what the model was paid, each call, and how it ended."""
    show_head(story)
    told: set[str] = set()
    for request in story.requests:
        say()
        _show_request(request)
        for call in story.calls:
            if call.step == request.step:
                _show_call(call)
                told.add(call.call_id)
    for call in story.calls:
        if call.call_id not in told:
            say()
            _show_call(call)
    if story.turnings:
        say()
        say("What became of the run", "bold")
        for turning in story.turnings:
            say(
                f"{when(turning.time)}  {turning.kind} by {safe(turning.by)}: {safe(cut(turning.text))}",
                indent=2,
            )
    if story.output is not None:
        say()
        say("What it answered", "bold")
        say(content(story.output), indent=2)


def show_head(story: RunStory) -> None:
    """Who asked for what, under which contract, at what cost, and how the run stands."""
    workflow, usage = story.workflow, story.usage
    roles = ", ".join(map(safe, story.roles)) or "no roles"
    say(f"Run {story.run_id}", "bold")
    say(
        f"Asked by  {safe(story.subject)} ({roles}) of tenant {safe(story.tenant)};"
        " the agent acts in that name"
    )
    if story.attributes is not None and (story.attributes.erased or story.attributes.value):
        say(f"          attributes {content(story.attributes)}")
    say(f"Agent     {safe(story.agent)}, {_DRIVERS[story.driver]}")
    if story.agent_roles is not None:
        shared = ", ".join(safe(role) for role in story.roles if role in story.agent_roles) or "none of them"
        say(f"          of those roles it may use: {shared}")
    purpose = f": {safe(cut(workflow.purpose))}" if workflow.purpose else ""
    say(f"Workflow  {safe(workflow.name)} {safe(workflow.version)}, mode {workflow.mode}{purpose}")
    if workflow.owner:
        say(f"          owner {safe(workflow.owner)}, risk {safe(workflow.risk or 'not stated')}")
    say(f"          digest {workflow.digest}", "dim")
    if story.input is not None and (story.input.erased or story.input.value is not None):
        say(f"Input     {content(story.input)}")
    say(f"Started   {when(story.started_at)}")
    models = ", ".join(sorted({safe(request.model_id) for request in story.requests})) or "no model"
    say(
        f"Cost      {usage.cost:f} USD: {usage.requests} requests to {models} with {usage.input_tokens:,}"
        f" tokens in and {usage.output_tokens:,} out for {usage.model_cost:f} USD,"
        f" tools for {usage.tool_cost:f} USD"
    )
    say(f"Now       {safe(story.now)}", "bold")


def content(value: Content) -> str:
    """A payload on one line, or that it was erased."""
    return ERASED if value.erased else data(value.value)


def marks(provenance: object) -> str:
    """What each argument is declared to be, and where it came from, on one line."""
    if not isinstance(provenance, dict):
        return data(provenance)
    words = []
    for pointer, mark in provenance.items():
        if not isinstance(mark, dict):
            return data(provenance)
        kind = f" ({mark['kind']})" if mark.get("kind") else ""
        labels = f", {', '.join(map(str, mark['labels']))}" if mark.get("labels") else ""
        sources = mark.get("sources")
        told = sources if isinstance(sources, list) else []
        tools = {source.get("tool"): None for source in told if isinstance(source, dict)}
        seen = f", seen in {', '.join(map(str, tools))}" if tools else ""
        words.append(f"{pointer} {mark.get('role')}{kind}{labels}{seen}")
    return data("; ".join(words))


def _show_request(request: ModelRequestStory) -> None:
    if request.answered:
        came = f"it proposed {', '.join(request.calls)}" if request.calls else "it proposed no call"
    elif request.error is not None:
        came = f"it failed ({safe(request.error)})"
    else:
        came = "no answer is on record, so all that was reserved counts as spent"
    say(f"Step {request.step}: model {safe(request.model)} ({safe(request.model_id)}), {came}", "bold")
    say(
        f"{request.input_tokens:,} tokens in, {request.output_tokens:,} out, {request.cost:f} USD;"
        f" prompt {request.prompt_hash[:12]}",
        "dim",
        indent=2,
    )
    if request.overran:
        say("it used more than was reserved", "red", indent=2)
    for refused in request.refused:
        say(f"its final answer was not taken: {content(refused)}", "yellow", indent=2)


def _show_call(call: CallStory) -> None:
    say(f"{call.call_id}  {safe(call.tool)}: {call.status}", _STYLES.get(call.status, "bold"), indent=2)
    say(safe(cut(call.why, 2000)), indent=4)
    if call.proposed is not None:
        said = content(call.reason) if call.reason is not None and call.reason.value else "no reason given"
        if call.reason is not None and call.reason.erased:
            said = ERASED
        say(f"proposed {content(call.proposed)}; the agent's reason: {said}", indent=4)
    if call.arguments is not None:
        say(f"arguments as judged {content(call.arguments)}", indent=4)
    for moment in call.moments:
        lines = list(_lines(moment))
        say(f"{when(moment.time)}  {lines[0]}", indent=4)
        for line in lines[1:]:
            say(line, indent=8)


def _lines(moment: CallMoment) -> Sequence[str]:
    match moment:
        case Denied():
            reasons = [
                f"{safe(cut(reason.message))} [{safe(reason.rule)}]"
                f"{'' if reason.visible_to_model else ' (the agent was not told this)'}"
                for reason in moment.reasons
            ]
            return [f"denied at the stage {safe(moment.stage)}", *reasons, *_decision(moment.decision)]
        case Withheld():
            return [f"withheld: the run's mode is {moment.mode}", *_decision(moment.decision)]
        case Asked():
            return _asked(moment)
        case Answered():
            return _answered(moment)
        case Closed():
            return [f"request {moment.request_id} was closed, {moment.cause}: {safe(cut(moment.why))}"]
        case Permitted():
            return _permitted(moment)
        case Executed():
            lines = [f"executed in {moment.elapsed_us / 1000:.1f} ms for {moment.cost:f} USD"]
            if moment.fault:
                lines.append(f"fault: {safe(cut(moment.fault))}")
            if moment.result is not None:
                lines.append(f"result {content(moment.result)}")
            if moment.permit_id is None:
                lines.append("the tool's own authorization did not object")
            return [*lines, *_decision(moment.decision)]
        case Failed():
            extent = "; the tool says that it did nothing" if moment.not_executed else ""
            return [
                f"failed with {safe(moment.error)}: {safe(cut(moment.message))}{extent}",
                *_decision(moment.decision),
            ]
        case InDoubt():
            return [f"in doubt: {safe(cut(moment.cause))}"]
        case Reconciled():
            found = "it happened" if moment.happened else "it did not happen"
            evidence = f", because: {content(moment.evidence)}" if moment.evidence is not None else ""
            return [f"{safe(moment.by)} found out that {found}{evidence}"]


def _asked(moment: Asked) -> list[str]:
    lines = [
        f"people were asked: request {moment.request_id}",
        f"needed {_needs(moment.owed)} until {when(moment.expires_at)},"
        f" because: {safe(cut(moment.owed.reason))}",
    ]
    if moment.shown.erased:
        lines.append(f"what they were shown: {ERASED}")
    elif isinstance(moment.shown.value, dict):
        shown = moment.shown.value
        lines.append(f"they were shown: {data(shown.get('preview'))}; arguments {data(shown.get('args'))}")
        provenance = shown.get("provenance")
        if provenance:
            lines.append(f"what the arguments are: {marks(provenance)}")
    lines.append(f"an approval binds to digest {moment.digest}")
    return [*lines, *_decision(moment.decision)]


def _answered(moment: Answered) -> list[str]:
    verdict = {"approve": "approved it", "reject": "rejected it", "edit": "approved it with other arguments"}
    vouched = ", vouched for by the operating system alone" if moment.local else ""
    groups = ", ".join(map(safe, moment.groups)) or "no group"
    lines = [f"{safe(moment.reviewer)} (of {groups}{vouched}) {verdict[moment.verdict]}"]
    if moment.reason is not None:
        lines.append(f"reason: {content(moment.reason)}")
    if moment.arguments is not None:
        lines.append(f"arguments: {content(moment.arguments)}")
    if moment.verdict == "approve":
        seen = (
            "the digest of what was shown"
            if moment.same_digest
            else "another digest than that of what was shown"
        )
        lines.append(f"bound to {seen}: {moment.digest}")
    else:
        lines.append(f"bound to digest {moment.digest}")
    if moment.late:
        lines.append("too late: it had no effect")
    return lines


def _permitted(moment: Permitted) -> list[str]:
    attempt = f", attempt {moment.attempt}" if moment.attempt > 1 else ""
    lines = [
        f"permitted ({moment.effect}{attempt}) until {when(moment.deadline)}: permit {moment.permit_id}",
        f"digest {moment.digest}",
        f"the tool's own authorization: {safe(moment.authorization)}",
    ]
    if moment.request_ids:
        lines.append(f"covered by the reviews of {', '.join(moment.request_ids)}")
    if moment.reserved_cost:
        lines.append(f"{moment.reserved_cost:f} USD reserved")
    return [*lines, *_decision(moment.decision)]


def _decision(decision: Decided | None) -> list[str]:
    if decision is None:
        return []
    if decision.cause is not None:
        said = f"gave no decision: {safe(cut(decision.cause))}"
    elif not decision.allow:
        said = "did not allow it"
    else:
        said = f"allowed it by {', '.join(map(safe, decision.grants))}"
        if decision.approval is not None:
            said += f", once approved ({', '.join(map(safe, decision.approval.rules)) or 'no rule named'})"
    obligations = f", with obligations {data(list(decision.obligations))}" if decision.obligations else ""
    return [
        f"policy revision {safe(decision.revision[:12])} ({safe(decision.engine)}) {said}{obligations};"
        f" decision {safe(decision.decision_id)}"
    ]


def _needs(owed: ApprovalOwed) -> str:
    return " and ".join(f"{need.count} of group {safe(need.group)}" for need in owed.requires)
