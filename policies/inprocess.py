"""Policy evaluated in this process: OPA's own compiler made it WebAssembly, wasmtime runs it."""

from __future__ import annotations

import threading

from licet.audit.events import Decided
from licet.policies.answer import parse
from licet.policies.bundle import ENTRYPOINT, Bundle
from licet.policies.decision import decided, denied
from licet.policies.errors import Fault, PolicyError
from licet.policies.json_text import normal
from licet.policies.wasm import EvaluationFailed, PolicyInstance, prepare

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
        self._policy = prepare(bundle.wasm, bundle.data, ENTRYPOINT, deadline)
        self._own = _Own()
        # What an answer means depends on its text alone, and most calls get one of a few.
        self._known: dict[bytes, Decided] = {}

    async def decide(self, input: bytes, decision_id: str) -> Decided:
        """The decision on `input`. It never raises: whatever goes wrong is a denial with a cause."""
        own = self._own
        instance = own.instance
        own.instance = None
        try:
            if instance is None:
                instance = PolicyInstance(self._policy)
            answer = instance.evaluate(normal(input))
            known = self._known.get(answer)
            if known is not None:
                if not instance.worn:
                    own.instance = instance
                return known.model_copy(update={"decision_id": decision_id})
            results = parse(answer)
        except EvaluationFailed as error:
            return self._denied(str(error), decision_id)
        except ValueError:
            return self._denied("the policy's answer is no JSON", decision_id)
        except Exception as error:
            return self._denied(f"the engine failed: {type(error).__name__}: {error}", decision_id)
        if not instance.worn:
            own.instance = instance
        if not results:
            return self._denied("the policy's decision is undefined", decision_id)
        decision = decided(
            results[0]["result"], decision_id=decision_id, revision=self.revision, engine=self.name
        )
        if len(answer) <= LONGEST_KNOWN:
            if len(self._known) >= MOST_KNOWN:
                self._known.clear()
            self._known[answer] = decision
        return decision

    def _denied(self, cause: str, decision_id: str) -> Decided:
        return denied(cause, decision_id=decision_id, revision=self.revision, engine=self.name)


class _Own(threading.local):
    """What each thread has for itself. An instance is taken out while in use; a failed one stays out."""

    instance: PolicyInstance | None = None
