"""What a running tool may know of the call it serves."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from licet.tools.principal import Principal


@dataclass(frozen=True, slots=True)
class ToolContext:
    """Given to a tool, hook or provider that has a parameter annotated `ToolContext`; a model never sees it.

    Attributes:
        principal: for whom the agent acts.
        reason: why the agent says it calls; a model's words, so data and no fact.
        idempotency_key: the same for each attempt at this call; None where nothing was permitted yet.
        attempt: 1 for the first.
        deadline: when the permit ends, UTC; the call is not started after it.
    """

    principal: Principal
    workflow: str
    workflow_version: str
    run_id: str
    call_id: str
    reason: str
    idempotency_key: str | None = None
    attempt: int = 1
    deadline: datetime | None = None
