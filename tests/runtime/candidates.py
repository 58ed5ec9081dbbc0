"""Policies to try beside the shipped one: the shipped policy, and a change to what it answers."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from licet.audit.events import ApprovalOwed, Decided, Denial, GroupCount
from licet.policies import Offer, load

Change = Callable[[dict[str, Any], Decided], dict[str, Any]]
"""From an input and the shipped decision on it to the fields of the decision that are another."""


class Candidate:
    """The shipped policy with another answer for some inputs, which offers every tool but those it hides."""

    name = "candidate"

    def __init__(
        self,
        change: Change = lambda asked, decided: {},
        revision: str = "candidate",
        hides: dict[str, Denial] | None = None,
    ) -> None:
        self.inner = load()
        self.bundle = self.inner.bundle
        self.revision = hashlib.sha256(revision.encode()).hexdigest()
        self.change = change
        self.hides = hides or {}
        self.asked = 0

    async def decide(self, input: bytes, decision_id: str) -> Decided:
        self.asked += 1
        decided = await self.inner.decide(input, decision_id)
        update = self.change(json.loads(input), decided)
        return decided.model_copy(update={"revision": self.revision, "engine": self.name, **update})

    async def offered(self, input: bytes, decision_id: str) -> Offer:
        offer = await self.inner.offered(input, decision_id)
        reasons = {**offer.reasons, **{tool: (denial,) for tool, denial in self.hides.items()}}
        return replace(offer, revision=self.revision, engine=self.name, reasons=reasons)


def denial(rule: str, message: str = "Not under this policy.") -> dict[str, Any]:
    """The decision is a denial by this rule."""
    return {"allow": False, "denials": (Denial(rule=rule, message=message),)}


def approval(rule: str, group: str = "any", count: int = 1) -> dict[str, Any]:
    """The decision owes this approval."""
    owed = ApprovalOwed(
        requires=(GroupCount(group=group, count=count),),
        expires_in=3600,
        reason="Somebody looks.",
        rules=(rule,),
    )
    return {"approval": owed}


def of(tool: str, fields: dict[str, Any]) -> Change:
    """These fields for the calls of one tool."""
    return lambda asked, decided: fields if asked["tool"]["name"] == tool else {}
