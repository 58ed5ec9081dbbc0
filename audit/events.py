"""What can happen, one class per kind of event. A run's state is the fold of its events.

Each class names its `type` and carries a schema version `v`; a version that was once written stays readable
for ever. Values that are personal or large (arguments, results, prompts, policy inputs) are not fields here:
they are payloads, which the record holds by salted digest (see `licet.audit.records`). Each class says in its
docstring which payloads it takes.

Money is written as a decimal string, durations as seconds, times as RFC 3339 in UTC.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter


class _Frozen(BaseModel):
    # A number that is not finite is no value of an event: refused where it is typed, and elsewhere not made
    # null.
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, ser_json_inf_nan="constants")


class Actor(_Frozen):
    """Who did it, by a pseudonymous id; a person's name belongs in a payload, where it can be erased."""

    kind: Literal["principal", "agent", "reviewer", "operator", "runtime"]
    id: str


class Denial(_Frozen):
    """One reason against a call. The model reads `message` only when `visible_to_model` is set."""

    rule: str
    message: str
    visible_to_model: bool = False


class GroupCount(_Frozen):
    """So many reviewers of this group; the group `any` is everybody who may review."""

    group: str
    count: int = Field(ge=1)


class ApprovalOwed(_Frozen):
    """What the policy asks people for. `expires_in` is in seconds."""

    requires: tuple[GroupCount, ...] = Field(min_length=1)
    expires_in: int = Field(gt=0)
    escalate_to: str | None = None
    reason: str
    rules: tuple[str, ...] = ()


class Decided(_Frozen):
    """What the policy decision point answered, and by which policy revision.

    `cause` is set when the engine failed or answered nonsense, and the decision is the denial that follows.
    """

    decision_id: str
    revision: str
    engine: str
    allow: bool
    grants: tuple[str, ...] = ()
    denials: tuple[Denial, ...] = ()
    approval: ApprovalOwed | None = None
    obligations: tuple[dict[str, Any], ...] = ()
    cause: str | None = None


class _Event(_Frozen):
    v: Literal[1] = 1


# The installation's and the tenants' own story


class WorkflowRegistered(_Event):
    """A workflow's content was seen for the first time. Stream: installation."""

    type: Literal["workflow.registered"] = "workflow.registered"
    name: str
    version: str
    digest: str
    content: dict[str, Any]


class PolicyActivated(_Event):
    """A policy set came into force, and the one before it here was another. Payload: `bundle`, with the first such
    record of a revision. Stream: installation.
    """

    type: Literal["policy.activated"] = "policy.activated"
    revision: str


class PolicyFault(_Frozen):
    """One thing that is wrong with a policy set, and where; lines are counted from 1."""

    reason: str
    file: str | None = None
    line: int | None = None


class PolicyRejected(_Event):
    """A policy set that was to come into force cannot be used, and the one before it stays. Stream: installation.

    `source` is where it was to come from: a path, or the name of an engine.
    """

    type: Literal["policy.rejected"] = "policy.rejected"
    kept: str
    source: str
    error: str
    faults: tuple[PolicyFault, ...]


class SwitchedOff(_Event):
    """A kill switch was thrown: nothing in `scope` may start.

    Scopes: `all`, `workflow:NAME`, `tool:NAME`, `model:NAME`, `run:ID`. Stream: the tenant's, or installation for every
    tenant.
    """

    type: Literal["switch.off"] = "switch.off"
    scope: str
    reason: str


class SwitchedOn(_Event):
    """A kill switch was taken back."""

    type: Literal["switch.on"] = "switch.on"
    scope: str
    reason: str


# A run


class RunStarted(_Event):
    """A run began. Payloads: `input` (canonical JSON), `principal` (subject, tenant, roles, attributes), `salt`
    (random bytes under which digests over the run's personal data are taken, so that they tell nothing once it
    is erased).
    """

    type: Literal["run.started"] = "run.started"
    workflow: str
    version: str
    digest: str
    mode: Literal["observe", "suggest", "act"]
    driver: Literal["loop", "session"]
    subject: str
    roles: tuple[str, ...]
    agent: str
    tools: dict[str, str]
    """Contract hash by tool name, as bound when the run started."""


class RunDelegated(_Event):
    """The agent has rights of its own: of the principal's roles it may use these alone. It is written together with
    `run.started`, and with `run.resumed` when they have become fewer. Without it the agent may use whichever roles its
    principal has.
    """

    type: Literal["run.delegated"] = "run.delegated"
    agent: str
    roles: tuple[str, ...]


class RunResumed(_Event):
    """A worker took the run over. This is the claim: what the worker before it appends is refused."""

    type: Literal["run.resumed"] = "run.resumed"
    worker: str
    recovered: bool
    """The worker before it had not suspended the run: it died, or is taken for dead."""


class RunSuspended(_Event):
    """The run waits, at no cost. `active_ms` is how long it has worked so far, in milliseconds."""

    type: Literal["run.suspended"] = "run.suspended"
    cause: Literal["approval", "policy_unavailable", "model_unavailable", "in_doubt", "released"]
    detail: str
    active_ms: int


class RunFinished(_Event):
    """The run ended. Payload: `output`, when there is one."""

    type: Literal["run.finished"] = "run.finished"
    status: Literal["done", "needs_clarification", "unsupported", "escalated", "stopped", "failed", "closed"]
    rule: str | None = None
    """Which limit, stop rule or switch ended it."""
    reason: str
    active_ms: int


class ToolsOffered(_Event):
    """Policy said which of the workflow's tools the run is offered, and it is not what it was before. Until the first
    such record the run is offered all of them. Payload: `policy_input`.
    """

    type: Literal["tools.offered"] = "tools.offered"
    decision_id: str
    revision: str
    engine: str
    hidden: dict[str, tuple[Denial, ...]]
    """The tools that are not offered, with the reasons. The workflow's other tools are."""
    cause: str | None = None
    """The engine failed or answered nonsense, and this is why tools are hidden."""


# A step of the loop


class ModelRequested(_Event):
    """A model request was budgeted and is about to be sent. What is reserved is the most it can use."""

    type: Literal["model.requested"] = "model.requested"
    step: int
    model: str
    model_id: str
    prompt_hash: str
    request_digest: str
    reserved_input: int
    reserved_output: int
    reserved_cost: str


class ProposedCall(_Frozen):
    """A call as the model proposed it; its arguments are in the response's payload."""

    call_id: str
    tool: str


class ModelResponded(_Event):
    """The model answered. `calls` are the proposals, in the model's order.

    Payloads: `response`, the message as its provider gave it; `proposals`: `calls` (each with `call_id`, `raw`, the
    arguments as JSON text, and the provider's own id), the agent's `reason`, and the `final` answer, when given.
    """

    type: Literal["model.responded"] = "model.responded"
    step: int
    model_id: str
    input_tokens: int
    output_tokens: int
    cost: str
    overran: bool
    """The provider used more than was reserved; the run stops."""
    calls: tuple[ProposedCall, ...]
    finish_reason: str | None


class ModelFailed(_Event):
    """The model request failed. What was reserved counts as spent unless `sent` is false."""

    type: Literal["model.failed"] = "model.failed"
    step: int
    error: str
    sent: bool


class OutputRefused(_Event):
    """The final output was not valid and the model is asked to repair it. Payload: `errors`."""

    type: Literal["output.refused"] = "output.refused"
    step: int
    attempt: int


# A call


class CallProposed(_Event):
    """A session proposed a call. Payload: `proposals`, as in `ModelResponded`.

    In our own loop the journalled model response is a call's proposal, and this event is not written. Nor is it for
    a call that is permitted at once: its permit has the proposal too.
    """

    type: Literal["call.proposed"] = "call.proposed"
    call_id: str
    tool: str


class CallDenied(_Event):
    """The call may not run. Payload: `policy_input`, once policy was asked; before that `args`, once they
    were valid.
    """

    type: Literal["call.denied"] = "call.denied"
    call_id: str
    tool: str
    stage: str
    reasons: tuple[Denial, ...]
    decision: Decided | None = None


class CallWithheld(_Event):
    """The call has an effect and the run's mode lets none happen. Payload: `policy_input`, which holds the
    arguments.
    """

    type: Literal["call.withheld"] = "call.withheld"
    call_id: str
    tool: str
    mode: Literal["observe", "suggest"]
    decision: Decided


class ApprovalRequested(_Event):
    """People are asked. Payloads: `policy_input`, `shown` (all the reviewer gets to see, the arguments among
    it).

    `digest` is what a review binds to: see `licet.approvals.binding`.
    """

    type: Literal["approval.requested"] = "approval.requested"
    request_id: str
    call_id: str
    tool: str
    digest: str
    owed: ApprovalOwed
    expires_at: str
    decision: Decided


class ApprovalAnswered(_Event):
    """A reviewer answered. Payloads: `reason`; `args`, when edited (then `digest` binds to the edited call).

    `signature` is the approval service's, Ed25519, over what `licet.approvals.signing` says.
    """

    type: Literal["approval.answered"] = "approval.answered"
    request_id: str
    call_id: str
    verdict: Literal["approve", "reject", "edit"]
    digest: str
    reviewer: str
    groups: tuple[str, ...]
    local: bool
    key_id: str
    signature: str


class ApprovalClosed(_Event):
    """A request can no longer be answered: it ran out, or what it bound to has changed."""

    type: Literal["approval.closed"] = "approval.closed"
    request_id: str
    call_id: str
    cause: Literal["expired", "void"]
    why: str


class CallPermitted(_Event):
    """The permit: all that allowed this call to start, written before it starts.

    Payloads: `policy_input`, which holds the arguments; `proposals`, as in `CallProposed`, where this is also the
    first record of the call.
    """

    type: Literal["call.permitted"] = "call.permitted"
    permit_id: str
    call_id: str
    tool: str
    effect: Literal["read", "write", "irreversible"]
    attempt: int
    digest: str
    decision: Decided
    authorization: str
    """What the tool's own authorization answered: `granted` or `none declared`."""
    request_ids: tuple[str, ...]
    """The approval requests whose reviews cover what is owed."""
    idempotency_key: str
    reserved_cost: str
    deadline: str


class CallExecuted(_Event):
    """The tool answered. `digest` is the call's, see `licet.approvals.binding`. Payloads: `result`; for a
    read without a permit also `policy_input`.

    `fault` is set when the result did not validate or could not be stored: the effect has happened all the
    same.
    """

    type: Literal["call.executed"] = "call.executed"
    call_id: str
    tool: str
    digest: str
    permit_id: str | None
    decision: Decided | None
    cost: str
    elapsed_us: int
    fault: str | None = None


class CallFailed(_Event):
    """The call did not do what was asked, and it is known that nothing irrevocable happened.

    `not_executed` is set when the tool itself said so by `NotExecuted`. Payloads: `detail`; for a read
    without a permit also `policy_input`.
    """

    type: Literal["call.failed"] = "call.failed"
    call_id: str
    tool: str
    digest: str
    permit_id: str | None
    decision: Decided | None
    error: str
    message: str
    """What the model may read."""
    not_executed: bool
    elapsed_us: int


class CallInDoubt(_Event):
    """The call may or may not have happened. The run stops until a person says which."""

    type: Literal["call.in_doubt"] = "call.in_doubt"
    call_id: str
    tool: str
    permit_id: str
    cause: str


class CallReconciled(_Event):
    """A person found out whether a call in doubt happened. Payload: `evidence`."""

    type: Literal["call.reconciled"] = "call.reconciled"
    call_id: str
    happened: bool


# What a shadow policy said


class ShadowDisagreed(_Event):
    """A candidate policy, which is asked beside the one in force and decides nothing, said something else of a call.
    Stream: the tenant's shadow stream.

    The input is the payload of the record in which the run holds `decision`.
    """

    type: Literal["shadow.disagreed"] = "shadow.disagreed"
    run_id: str
    call_id: str
    workflow: str
    version: str
    tool: str
    effect: Literal["read", "write", "irreversible"]
    asked_at: str
    """The time that both saw."""
    decision: Decided
    candidate: Decided


class ShadowTally(_Frozen):
    """Calls of one tool in one workflow: of how many the candidate said the same, of how many it had no answer, and
    of how many it was not asked, because too many waited.
    """

    workflow: str
    version: str
    tool: str
    agreed: int
    failed: int
    dropped: int


class ShadowCounted(_Event):
    """What became of calls that have no `shadow.disagreed`, and were decided between `since` and `until`. Stream: the
    tenant's shadow stream.

    `failure` is the last reason for which the candidate had no answer.
    """

    type: Literal["shadow.counted"] = "shadow.counted"
    revision: str
    candidate: str
    since: str
    until: str
    tallies: tuple[ShadowTally, ...]
    failure: str | None = None


Event = Annotated[
    WorkflowRegistered
    | PolicyActivated
    | PolicyRejected
    | SwitchedOff
    | SwitchedOn
    | RunStarted
    | RunDelegated
    | RunResumed
    | RunSuspended
    | RunFinished
    | ToolsOffered
    | ModelRequested
    | ModelResponded
    | ModelFailed
    | OutputRefused
    | CallProposed
    | CallDenied
    | CallWithheld
    | ApprovalRequested
    | ApprovalAnswered
    | ApprovalClosed
    | CallPermitted
    | CallExecuted
    | CallFailed
    | CallInDoubt
    | CallReconciled
    | ShadowDisagreed
    | ShadowCounted,
    Field(discriminator="type"),
]

EVENTS: TypeAdapter[Event] = TypeAdapter(Event)
"""Reads any event that was ever written."""

EVENT_CLASSES: tuple[type[BaseModel], ...] = get_args(get_args(Event)[0])

EVENT_TYPES: tuple[str, ...] = tuple(member.model_fields["type"].default for member in EVENT_CLASSES)
