"""Policy evaluated in this process: OPA's own compiler made it WebAssembly, wasmtime runs it."""

from __future__ import annotations

import threading
from typing import Any

from licet.audit.events import Decided
from licet.policies.answer import parse
from licet.policies.bundle import ENTRYPOINT, OFFERED, Bundle
from licet.policies.decision import decided, denied
from licet.policies.errors import Fault, PolicyError
from licet.policies.json_text import normal
from licet.policies.offer import Offer, offer
from licet.policies.wasm import EvaluationFailed, Policy, PolicyInstance, prepare

MOST_KNOWN = 256
LONGEST_KNOWN = 2_000
"""So many answers, and of so many bytes, are kept with the decision they stand for."""


class InProcessEngine:
    """The policy engine that needs no service. It is asked on the event loop and answers before it returns.

    Any number of tasks and threads may ask it at once: each thread has an instance of its own, made when it
    first asks (about half a millisecond, and up to two megabytes). A forked child goes on with copies.
    """

    name = "wasm"

    def __init__(self, bundle: Bundle, deadline: float = 0.25) -> None:
        """Make the bundle ready to be asked.

        Args:
            deadline: after so many seconds an evaluation is stopped and the call denied.

        Raises:
            PolicyError: the bundle cannot be evaluated here.
        """
        if not 0 < deadline <= 60:
            raise PolicyError(
                Fault(f"the deadline of an evaluation is between 0 and 60 seconds, not {deadline}")
            )
        self.bundle = bundle.raw
        self.revision = bundle.revision
        self._decision = _Document(prepare(bundle.wasm, bundle.data, ENTRYPOINT, deadline))
        self._offered = _Document(prepare(bundle.wasm, bundle.data, OFFERED, deadline))
        # What an answer means depends on its text alone, and most calls get one of a few.
        self._known: dict[bytes, dict[str, Any]] = {}

    async def decide(self, input: bytes, decision_id: str) -> Decided:
        """The decision on `input`. It never raises: whatever goes wrong is a denial with a cause."""
        try:
            answer = self._decision.evaluate(normal(input))
            known = self._known.get(answer)
            if known is not None:
                return Decided(decision_id=decision_id, **known)
            document = self._decision.read(answer)
        except EvaluationFailed as error:
            return denied(str(error), decision_id=decision_id, revision=self.revision, engine=self.name)
        decision = decided(document, decision_id=decision_id, revision=self.revision, engine=self.name)
        if len(answer) <= LONGEST_KNOWN:
            if len(self._known) >= MOST_KNOWN:
                self._known.clear()
            told = decision.model_fields_set - {"decision_id"}
            self._known[answer] = {name: getattr(decision, name) for name in told}
        return decision

    async def offered(self, input: bytes, decision_id: str) -> Offer:
        """What a run is offered. It never raises: whatever goes wrong offers nothing, with a cause."""
        try:
            document = self._offered.read(self._offered.evaluate(normal(input)))
        except EvaluationFailed as error:
            return Offer(decision_id, self.revision, self.name, cause=str(error))
        return offer(document, decision_id=decision_id, revision=self.revision, engine=self.name)


class _Document(threading.local):
    """What one entry point answers. Each thread has an instance of its own, once it has asked.

    The instance is taken out while in use; one that failed stays out.
    """

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._instance: PolicyInstance | None = None

    def evaluate(self, input: bytes) -> bytes:
        """The answer to this input, JSON text.

        Raises:
            EvaluationFailed: there is none, whatever the reason.
        """
        instance = self._instance
        self._instance = None
        try:
            if instance is None:
                instance = PolicyInstance(self._policy)
            answer = instance.evaluate(input)
        except EvaluationFailed:
            raise
        except Exception as error:
            raise EvaluationFailed(f"the engine failed: {type(error).__name__}: {error}") from None
        if not instance.worn:
            self._instance = instance
        return answer

    def read(self, answer: bytes) -> Any:
        """The document in an answer.

        Raises:
            EvaluationFailed: there is none.
        """
        try:
            results = parse(answer)
        except Exception as error:
            self._instance = None
            if isinstance(error, ValueError):
                raise EvaluationFailed("the policy's answer is no JSON") from None
            raise EvaluationFailed(f"the engine failed: {type(error).__name__}: {error}") from None
        if not results:
            raise EvaluationFailed("the policy's decision is undefined")
        return results[0]["result"]
