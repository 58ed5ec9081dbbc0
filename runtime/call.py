"""One call on its way through the gate, and the ways in which the gate can hold it up."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from licet.audit.events import ApprovalOwed, CallProposed, Decided, Denial
from licet.audit.records import Charge, Draft, Opening
from licet.runtime.active import ActiveRun
from licet.runtime.provenance import Traced
from licet.runtime.state import CallState
from licet.runtime.workflow import Allowance
from licet.tools import Arguments, InvalidArguments, Tool, ToolContext


@dataclass(slots=True)
class Call:
    """What the stages of the gate learn of a call, each adding its own.

    Attributes:
        proposals: the payload of the proposal, when that is not in the journal yet; it goes with the first append.
        opened: the proposal, once it is on its way.
        unreadable: why arguments given as Python values are nothing that JSON can carry.
        traced: where its values came from, once it is put to policy.
        idempotency_key, deadline: as its permit has them.
        request_ids: the approval requests whose reviews cover what is owed now.
    """

    run: ActiveRun
    call_id: str
    tool_name: str
    raw: bytes
    reason: str
    state: CallState | None = None
    unreadable: InvalidArguments | None = None
    proposals: bytes | None = None
    attempt: int = 1
    edited: bool = False
    allowance: Allowance = field(init=False)
    tool: Tool = field(init=False)
    arguments: Arguments = field(init=False)
    arguments_known: bool = False
    digest: str = ""
    traced: Traced = field(init=False)
    idempotency_key: str | None = None
    deadline: datetime | None = None
    authorization: str = "none declared"
    resource: dict[str, Any] | None = None
    policy_input: bytes | None = None
    decision: Decided | None = None
    price: Decimal = Decimal(0)
    request_ids: tuple[str, ...] = ()
    permit_id: str | None = None
    charges: tuple[Charge, ...] = ()
    opened: Opening | None = None

    @property
    def context(self) -> ToolContext:
        """What its tool, and the tool's hooks, may know of it."""
        run = self.run
        return ToolContext(
            run.principal,
            run.workflow.name,
            run.workflow.version,
            run.state.run_id,
            self.call_id,
            self.reason,
            self.idempotency_key,
            self.attempt,
            self.deadline,
        )

    @property
    def needs_permit(self) -> bool:
        """It has an effect, a price or a review: a permit is durable before it starts."""
        return self.tool.effect != "read" or self.price > 0 or bool(self.request_ids)

    @property
    def opening(self) -> tuple[Draft, ...]:
        """The record of the proposal, when it is not in the journal yet."""
        if self.proposals is None:
            return ()
        event = CallProposed(call_id=self.call_id, tool=self.tool_name)
        return (self.run.draft(event, {"proposals": self.proposals}, by=self.run.agent),)

    @property
    def scopes(self) -> tuple[str, ...]:
        """The kill-switch scopes it falls under."""
        workflow, run = self.run.scopes
        return (workflow, f"tool:{self.tool_name}", run)


@dataclass(frozen=True, slots=True)
class Deny:
    """The call may not run."""

    stage: str
    reasons: tuple[Denial, ...]


@dataclass(frozen=True, slots=True)
class Withhold:
    """The call would have an effect and the run's mode lets none happen."""


@dataclass(frozen=True, slots=True)
class Ask:
    """People have to approve first. `void` says why an earlier request no longer holds."""

    owed: ApprovalOwed
    void: str | None = None


@dataclass(frozen=True, slots=True)
class Park:
    """What has to be asked does not answer; the run goes on when it does."""

    detail: str


@dataclass(frozen=True, slots=True)
class End:
    """A limit, a stop rule or a switch ends the whole run."""

    rule: str
    reason: str


Halt = Deny | Withhold | Ask | Park | End


def deny(stage: str, rule: str, message: str, *, visible: bool = True) -> Deny:
    """A denial with one reason."""
    return Deny(stage, (Denial(rule=rule, message=message, visible_to_model=visible),))
