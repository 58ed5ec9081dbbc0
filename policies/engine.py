"""The small interface behind which policy is asked, wherever it is evaluated."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol, runtime_checkable

from licet.audit.errors import ServiceDown
from licet.audit.events import Decided
from licet.policies.offer import Offer


class PolicyUnavailable(ServiceDown):
    """The policy service is down or slow. The call is not permitted and the run waits until it is back.

    An engine in this process is never unavailable: what it cannot answer in time it denies.
    """


class PolicyEngine(Protocol):
    """Whoever answers whether a call may happen. Fails closed: what is no proper answer is a denial.

    Attributes:
        name: which engine this is, for the record, such as `wasm`.
        revision: SHA-256, in hexadecimal, over the policy set; it goes into every decision.
        bundle: the policy set itself, an OPA bundle, so that a decision can be replayed.
    """

    @property
    def name(self) -> str: ...

    @property
    def revision(self) -> str: ...

    @property
    def bundle(self) -> bytes: ...

    async def decide(self, input: bytes, decision_id: str) -> Decided:
        """The decision on `input`, a JSON document as `policies/schema/input.json` describes it.

        A policy that fails, or answers nonsense, is a denial whose `cause` says what happened.

        Raises:
            PolicyUnavailable: the service that holds the policy is down or slow.
        """
        ...

    async def offered(self, input: bytes, decision_id: str) -> Offer:
        """Which of the tools in `input` a run is offered: the value of `data.licet.offered`.

        A policy that fails, or answers nonsense, offers none of them.

        Raises:
            PolicyUnavailable: as for `decide`.
        """
        ...


@runtime_checkable
class ManagedEngine(PolicyEngine, Protocol):
    """An engine with a life of its own, such as a connection: a runtime starts it when it starts, and closes it."""

    async def start(self) -> None:
        """Make ready, and see that the policy set that is meant is the one that answers.

        Raises:
            ServiceDown: it does not answer, or answers by another policy set.
        """
        ...

    async def close(self) -> None:
        """Let decisions that are under way end, then let go of what it holds. Does nothing the second time."""
        ...


@runtime_checkable
class ReloadableEngine(PolicyEngine, Protocol):
    """An engine that can be had again for another policy set: a runtime asks for it when its policies are reloaded."""

    def reloaded(self, policies: Path | str | None = None) -> PolicyEngine:
        """An engine like this one, which decides by the policy set at `policies`, not started. This one is as before.

        Args:
            policies: as for `licet.policies.load`; None for the set that this one was given, as it stands now.

        Raises:
            PolicyError: the policy set cannot be used.
        """
        ...
