"""What comes of a call, and of a run. Typed, to `match` on; never a bare bool."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

from licet.audit.events import Denial


@dataclass(frozen=True, slots=True)
class Executed:
    """The tool ran and its record is durable.

    Attributes:
        result: what the tool answered, as JSON data (exact decimals as strings).
        fault: set when the effect happened but its result did not validate; `result` is then None.
    """

    call_id: str
    tool: str
    result: Any
    fault: str | None = None


@dataclass(frozen=True, slots=True)
class Denied:
    """The call may not run.

    Attributes:
        stage: the stage of the gate that said no, such as `allowlist`, `arguments`, `limits`, `policy`, `review`.
        reasons: all reasons, for logs and people; of these the model may read only what is marked visible.
    """

    call_id: str
    tool: str
    stage: str
    reasons: tuple[Denial, ...]

    def for_model(self) -> str:
        """The reasons that the model may read, or that there is none it may."""
        visible = [reason.message for reason in self.reasons if reason.visible_to_model]
        return " ".join(visible) if visible else "This call is not permitted."


@dataclass(frozen=True, slots=True)
class Pending:
    """The call waits, at no cost: for a person, or for policy (its engine, or a hook of the tool) to answer again.

    Attributes:
        request_id: the approval request, None when policy is what does not answer.
        expires_at: when the request runs out unanswered.
    """

    call_id: str
    tool: str
    cause: Literal["approval", "policy_unavailable"]
    detail: str
    request_id: str | None = None
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Failed:
    """The call did not do what was asked, and nothing irrevocable happened.

    Attributes:
        error: the kind of failure, a class name.
        message: what the model may read of it.
        not_executed: the tool itself said that it did nothing.
    """

    call_id: str
    tool: str
    error: str
    message: str
    not_executed: bool


@dataclass(frozen=True, slots=True)
class InDoubt:
    """The call may or may not have happened. Nothing goes on until a person says which.

    Attributes:
        reconcile_after: when the permit's deadline has passed; before it the effect may still be under way.
    """

    run_id: str
    call_id: str
    tool: str
    cause: str
    reconcile_after: datetime


@dataclass(frozen=True, slots=True)
class Suggested:
    """The run's mode lets no effect happen: this is what would have been called.

    Attributes:
        arguments: validated, as JSON data.
        would: what would have come of it in mode `act`.
    """

    call_id: str
    tool: str
    mode: Literal["observe", "suggest"]
    arguments: Any
    would: Literal["execute", "ask", "deny"]
    reasons: tuple[Denial, ...] = ()


Outcome = Executed | Denied | Pending | Failed | InDoubt | Suggested
"""What `Session.call` returns."""


@dataclass(frozen=True, slots=True)
class Spent:
    """What a run has used: USD, tokens, steps (model requests), calls started."""

    usd: Decimal
    tokens: int
    steps: int
    calls: int


@dataclass(frozen=True, slots=True)
class Answered:
    """The run came to an answer of the agent's own.

    Attributes:
        answer: what the workflow's `output` asks for, an instance of its pydantic model where it is one; None unless
            `status` is `done`.
    """

    run_id: str
    status: Literal["done", "needs_clarification", "unsupported", "escalated"]
    message: str
    answer: Any
    spent: Spent


@dataclass(frozen=True, slots=True)
class Suspended:
    """The run waits and costs nothing. `Runtime.resume` goes on, in any process, any time later.

    Attributes:
        approvals: the ids of the approval requests it waits for.
    """

    run_id: str
    cause: str
    detail: str
    approvals: tuple[str, ...]
    spent: Spent


@dataclass(frozen=True, slots=True)
class Stopped:
    """A limit, a stop rule, a kill switch or a person ended the run.

    Attributes:
        rule: which, such as `limits.steps`, `stop_rules.same_call`, `switch.tool:send_mail`.
    """

    run_id: str
    rule: str
    reason: str
    spent: Spent


@dataclass(frozen=True, slots=True)
class RunFailed:
    """The run cannot go on, and says why."""

    run_id: str
    reason: str
    spent: Spent


RunResult = Answered | Suspended | Stopped | InDoubt | RunFailed
"""What `Runtime.run` and `Runtime.resume` return."""
