"""Inputs to ask policy with."""

from __future__ import annotations

import copy
from typing import Any

import orjson

from licet.audit.events import Decided
from licet.policies import PolicyEngine

INPUT: dict[str, Any] = {
    "principal": {"subject": "u-1", "tenant": "acme", "roles": ["support"], "attributes": {"region": "eu"}},
    "agent": {"id": "desk", "model": "main"},
    "workflow": {
        "name": "refund-desk",
        "version": "1",
        "owner": "pay@acme.example",
        "risk": "low",
        "mode": "act",
    },
    "tool": {
        "name": "issue_refund",
        "version": "1",
        "effect": "write",
        "idempotent": False,
        "contract_hash": "ab" * 32,
        "tags": ["money"],
        "source": "python",
    },
    "allowance": {"listed": True, "within": True, "unattended": False},
    "call": {
        "args": {"order_id": "O-1234", "amount": 12.5},
        "reason": "the customer asked",
        "digest": "cd" * 32,
        "provenance": {
            "/amount": {"role": "amount", "kind": None, "labels": ["user"], "sources": [{"call": "c-1"}]},
            "/order_id": {"role": "target", "kind": "order_id", "labels": [], "sources": []},
        },
    },
    "run": {
        "id": "r-1",
        "step": 2,
        "counts": {"read_order": {"executed": 1}},
        "calls": [{"tool": "read_order", "effect": "read", "outcome": "executed", "labels": ["external"]}],
        "labels": ["untrusted_read"],
        "spent": {"usd": 0.0125, "tokens": 812, "calls": 1},
        "remaining": {"usd": None, "tokens": 10000, "calls": 19},
        "approvals": 0,
    },
    "context": {
        "time": "2026-01-02T03:04:05.000006Z",
        "environment": {},
        "tenant_data": {},
        "resource": {"owner": "u-1"},
    },
}
"""An input that is whole, of a write that the shipped policy lets pass."""


def changed(path: str, value: object) -> dict[str, Any]:
    """INPUT with another value at a path such as `tool.effect`."""
    document = copy.deepcopy(INPUT)
    *parents, last = path.split(".")
    place: Any = document
    for parent in parents:
        place = place[parent]
    place[last] = value
    return document


async def decide(engine: PolicyEngine, document: object) -> Decided:
    """What the engine says of an input."""
    raw = document if isinstance(document, bytes) else orjson.dumps(document)
    return await engine.decide(raw, "d-1")
