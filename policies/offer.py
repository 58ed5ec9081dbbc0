"""From what a policy answered to which of a workflow's tools a run is offered. Only a proper answer offers any."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from licet.audit.events import Denial
from licet.policies.decision import Improper, read_denials


@dataclass(frozen=True, slots=True)
class Offer:
    """What policy said of the tools it was asked about.

    Attributes:
        decision_id: of this answer.
        revision: the policy set that gave it.
        engine: where it was evaluated.
        reasons: by tool, what hides it; empty when it is offered.
        cause: why there is no answer, when the engine failed or answered nonsense.
    """

    decision_id: str
    revision: str
    engine: str
    reasons: Mapping[str, tuple[Denial, ...]] = field(default_factory=dict)
    cause: str | None = None

    def hidden(self, tools: Iterable[str]) -> dict[str, tuple[Denial, ...]]:
        """Which of these tools are not offered, and why. One of which nothing was said is not."""
        silent = self.cause or "the policy says nothing of this tool"
        unknown = (Denial(rule="licet.engine.failed", message=f"No decision: {silent}."),)
        found = {tool: self.reasons.get(tool, unknown) for tool in tools}
        return {tool: reasons for tool, reasons in found.items() if reasons}


def offer(document: object, *, decision_id: str, revision: str, engine: str) -> Offer:
    """What `document`, the parsed value of `data.licet.offered`, stands for.

    An answer of another form than `policies/schema/offered.json` offers nothing, and has a cause.
    """
    try:
        if type(document) is not dict:
            raise Improper("is not an object")
        reasons = {tool: read_denials(said, tool) for tool, said in document.items()}
    except Improper as error:
        return Offer(decision_id, revision, engine, cause=f"the policy's answer {error}")
    return Offer(decision_id, revision, engine, reasons)
