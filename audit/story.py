"""What `licet audit explain` tells of a run, as data. `licet.audit.explain` reads it from the journal.

Everything a model, a tool or a user wrote stands in a `Content`: it is data, to be escaped wherever it is
shown.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

from licet.audit.clock import timestamp
from licet.audit.events import ApprovalOwed, Decided, Denial


@dataclass(frozen=True, slots=True)
class Content:
    """A payload as it can be read today.

    Attributes:
        value: JSON data, exact decimals as text; None when it was erased.
        erased: it was there once, and was erased since.
    """

    value: Any
    erased: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """Something that happened to a call: record `seq` of the run's stream."""

    seq: int
    time: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Denied(Moment):
    """A stage of the gate said no."""

    kind: Literal["denied"] = "denied"
    stage: str
    reasons: tuple[Denial, ...]
    decision: Decided | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Withheld(Moment):
    """The run's mode let no effect happen."""

    kind: Literal["withheld"] = "withheld"
    mode: str
    decision: Decided


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked(Moment):
    """People were asked. `shown` is all that they got to see."""

    kind: Literal["asked"] = "asked"
    request_id: str
    digest: str
    owed: ApprovalOwed
    expires_at: datetime
    decision: Decided
    shown: Content


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered(Moment):
    """A reviewer answered.

    Attributes:
        local: the operating system is all that vouches for the reviewer.
        same_digest: the answer binds to the very call that was shown; an edit binds to the edited one.
        late: it came when the request had run out, so it had no effect.
        arguments: the edited ones, when edited.
    """

    kind: Literal["answered"] = "answered"
    request_id: str
    verdict: Literal["approve", "reject", "edit"]
    reviewer: str
    groups: tuple[str, ...]
    local: bool
    key_id: str
    digest: str
    same_digest: bool
    late: bool
    reason: Content | None
    arguments: Content | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Closed(Moment):
    """A request could no longer be answered."""

    kind: Literal["closed"] = "closed"
    request_id: str
    cause: Literal["expired", "void"]
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Permitted(Moment):
    """The permit, written before the call started."""

    kind: Literal["permitted"] = "permitted"
    permit_id: str
    effect: str
    attempt: int
    digest: str
    decision: Decided
    authorization: str
    request_ids: tuple[str, ...]
    idempotency_key: str
    reserved_cost: Decimal
    deadline: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Executed(Moment):
    """The tool answered. `decision` is set for a read, which needs no permit."""

    kind: Literal["executed"] = "executed"
    digest: str
    permit_id: str | None
    decision: Decided | None
    cost: Decimal
    elapsed_us: int
    result: Content | None
    fault: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed(Moment):
    """The tool did not do what was asked, and nothing irrevocable happened."""

    kind: Literal["failed"] = "failed"
    permit_id: str | None
    decision: Decided | None
    error: str
    message: str
    not_executed: bool
    elapsed_us: int


@dataclass(frozen=True, slots=True, kw_only=True)
class InDoubt(Moment):
    """The call may or may not have happened."""

    kind: Literal["in_doubt"] = "in_doubt"
    permit_id: str
    cause: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciled(Moment):
    """A person found out whether it happened."""

    kind: Literal["reconciled"] = "reconciled"
    happened: bool
    by: str
    evidence: Content | None


CallMoment = (
    Denied | Withheld | Asked | Answered | Closed | Permitted | Executed | Failed | InDoubt | Reconciled
)


CallStatus = Literal[
    "proposed", "denied", "withheld", "waiting", "permitted", "executed", "failed", "in doubt"
]


@dataclass(frozen=True, slots=True)
class CallStory:
    """One call: what was proposed, and all that came of it.

    Attributes:
        why: in a sentence or two, why it ran or did not.
        step: the model request that proposed it; None in a session, where the caller's own agent did.
        proposed: the arguments as they were proposed, JSON text.
        reason: the agent's own, for making the call.
        arguments: the validated arguments, as policy last judged them; None when they never were valid.
        cost: USD.
        moments: in order.
    """

    call_id: str
    tool: str
    status: CallStatus
    why: str
    step: int | None
    proposed_at: datetime
    proposed: Content | None
    reason: Content | None
    arguments: Content | None
    cost: Decimal
    moments: tuple[CallMoment, ...]


@dataclass(frozen=True, slots=True)
class ModelRequestStory:
    """One request to the model.

    Attributes:
        model: the name it is registered under; `model_id` is the provider's.
        input_tokens, output_tokens, cost: as the provider reported; what was reserved, when it never
            answered.
        answered: an answer is on record.
        error: how it failed.
        refused: why its final answer was not taken, when it was not.
    """

    step: int
    time: datetime
    model: str
    model_id: str
    prompt_hash: str
    input_tokens: int
    output_tokens: int
    cost: Decimal
    answered: bool
    overran: bool
    error: str | None
    calls: tuple[str, ...]
    refused: tuple[Content, ...]


@dataclass(frozen=True, slots=True)
class Turning:
    """The run was suspended, taken up again, or ended, or policy changed which tools it is offered."""

    kind: Literal["suspended", "resumed", "finished", "offered"]
    seq: int
    time: datetime
    by: str
    text: str


@dataclass(frozen=True, slots=True)
class WorkflowStory:
    """The contract the run worked under. Owner, purpose and risk are those registered with its digest."""

    name: str
    version: str
    digest: str
    mode: str
    owner: str | None
    purpose: str | None
    risk: str | None


@dataclass(frozen=True, slots=True)
class Usage:
    """What the run used; money in USD."""

    requests: int
    input_tokens: int
    output_tokens: int
    model_cost: Decimal
    tool_cost: Decimal

    @property
    def cost(self) -> Decimal:
        """All of it together."""
        return self.model_cost + self.tool_cost


@dataclass(frozen=True, slots=True)
class RunStory:
    """A run, from who asked to what came of it.

    Attributes:
        subject, roles, attributes: for whom, and what that principal was then.
        agent_roles: those that the agent may use at all; None: whichever the principal has.
        driver: `loop`: Licet asked the model; `session`: the caller brought an agent of its own.
        now: in a sentence or two, how the run stands: why it stopped, or what it waits for.
        status: `running` also when the process that worked on it died.
        outcome: how it finished, such as `done` or `stopped`; None while it has not.
        rule: which limit, stop rule or switch ended it.
        waits_for: the approval requests that are open.
        calls: all of them, or the one that was asked for.
    """

    run_id: str
    tenant: str
    subject: str
    roles: tuple[str, ...]
    attributes: Content | None
    agent: str
    agent_roles: tuple[str, ...] | None
    workflow: WorkflowStory
    driver: Literal["loop", "session"]
    input: Content | None
    started_at: datetime
    last_at: datetime
    active_ms: int | None
    status: Literal["running", "suspended", "finished"]
    outcome: str | None
    rule: str | None
    now: str
    waits_for: tuple[str, ...]
    output: Content | None
    requests: tuple[ModelRequestStory, ...]
    calls: tuple[CallStory, ...]
    turnings: tuple[Turning, ...]
    usage: Usage

    def to_json(self) -> dict[str, Any]:
        """The story as plain JSON data: times as RFC 3339, money as text."""
        document: dict[str, Any] = _plain(asdict(self))
        document["usage"]["cost"] = f"{self.usage.cost:f}"
        return document


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, datetime):
        return timestamp(value)
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, Decided | ApprovalOwed | Denial):
        return value.model_dump(mode="json")
    return value
