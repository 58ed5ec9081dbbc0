"""The document that policy judges: `policies/schema/input.json` describes it.

What does not change within a run is serialised once; a call adds only its own.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

import orjson

from licet.audit.clock import timestamp
from licet.runtime.active import ActiveRun
from licet.runtime.call import Call
from licet.runtime.provenance import Traced
from licet.tools import Tool

_TOOLS: dict[int, tuple[Tool, bytes]] = {}


def build(call: Call, environment: dict[str, Any], tenant_data: orjson.Fragment, now: datetime) -> bytes:
    """The policy input of a call, JSON; decimals in the arguments are exact numbers."""
    run, arguments = call.run, call.arguments
    if run.policy_prefix is None:
        run.policy_prefix = _of_run(run)
    document = {
        "allowance": {
            "listed": True,
            "within": True,
            "unattended": call.allowance.is_unattended(arguments),
            "vouched": call.allowance.unattended == "vouched",
        },
        "call": {
            "args": orjson.Fragment(arguments.policy),
            "reason": call.reason,
            "digest": call.digest,
            "provenance": call.traced.provenance,
        },
        "run": _history(run, call.traced),
        "context": _circumstances(now, environment, tenant_data, call.resource),
    }
    return run.policy_prefix + _of_tool(call.tool) + b"," + orjson.dumps(document, default=_exact)[1:]


def build_offer(
    run: ActiveRun,
    tools: list[Tool],
    so_far: Traced,
    environment: dict[str, Any],
    tenant_data: orjson.Fragment,
    now: datetime,
) -> bytes:
    """The policy input by which a run is offered these tools: that of a call, but for the tool and the call."""
    listed = b",".join(map(_of_tool, tools))
    rest = {
        "run": _history(run, so_far),
        "context": _circumstances(now, environment, tenant_data, None),
    }
    before = _of_run(run).removesuffix(b'"tool":')
    return before + b'"tools":[' + listed + b"]," + orjson.dumps(rest, default=_exact)[1:]


def _of_run(run: ActiveRun) -> bytes:
    workflow, principal, agent = run.workflow, run.user, run.acting
    return (
        orjson.dumps(
            {
                "principal": {
                    "subject": principal.subject,
                    "tenant": principal.tenant,
                    "roles": sorted(principal.roles),
                    "attributes": dict(principal.attributes),
                },
                "agent": {
                    "id": agent.id,
                    "model": workflow.model,
                    "roles": None if agent.roles is None else sorted(agent.roles),
                },
                "workflow": {
                    "name": workflow.name,
                    "version": workflow.version,
                    "owner": workflow.owner,
                    "risk": workflow.risk,
                    "mode": workflow.mode,
                    "content": workflow.outward,
                },
            },
            default=_exact,
        )[:-1]
        + b',"tool":'
    )


def _of_tool(tool: Tool) -> bytes:
    known = _TOOLS.get(id(tool))
    if known is None or known[0] is not tool:
        document = orjson.dumps(
            {
                "name": tool.name,
                "version": tool.version,
                "effect": tool.effect,
                "idempotent": tool.idempotent,
                "contract_hash": tool.contract_hash,
                "tags": list(tool.tags),
                "source": tool.source,
            }
        )
        known = _TOOLS[id(tool)] = (tool, document)
    return known[1]


def _history(run: ActiveRun, traced: Traced) -> dict[str, Any]:
    state, limits = run.state, run.workflow.limits
    calls = sum(state.started_calls.values())
    return {
        "id": state.run_id,
        "step": state.steps,
        "counts": state.outcomes,
        "calls": traced.recent,
        "labels": traced.labels,
        "spent": {"usd": state.spent, "tokens": state.tokens, "calls": calls},
        "remaining": {
            "usd": None if limits.spend is None else limits.spend - state.spent,
            "tokens": None if limits.tokens is None else limits.tokens - state.tokens,
            "calls": limits.calls - calls,
        },
        "approvals": state.granted,
    }


def _circumstances(
    now: datetime,
    environment: dict[str, Any],
    tenant_data: orjson.Fragment,
    resource: dict[str, Any] | None,
) -> dict[str, Any]:
    return {
        "time": timestamp(now),
        "environment": environment,
        "tenant_data": tenant_data,
        "resource": resource,
    }


def _exact(value: object) -> orjson.Fragment:
    if isinstance(value, Decimal):
        return orjson.Fragment(f"{value:f}".encode())
    raise TypeError(f"{type(value).__name__} has no place in a policy input")
