"""Licet, "it is permitted": a runtime that stands between an AI agent and everything it can do."""

from __future__ import annotations

import gc
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from licet.approvals import ApprovalQueue, Reviewer, local_reviewer
    from licet.audit.errors import ConfigurationError, LicetError
    from licet.runtime.limits import Budget, Limits, StopRules
    from licet.runtime.models import Priced
    from licet.runtime.narrowing import at_least, at_most, between, exactly, matches, one_of
    from licet.runtime.outcomes import (
        Answered,
        Denied,
        Executed,
        Failed,
        InDoubt,
        Outcome,
        Pending,
        RunFailed,
        RunResult,
        Spent,
        Stopped,
        Suggested,
        Suspended,
    )
    from licet.runtime.runtime import Runtime
    from licet.runtime.session import Session
    from licet.runtime.workflow import Workflow, allow
    from licet.tools import (
        Agent,
        Amount,
        Content,
        Flag,
        Headline,
        Injected,
        Key,
        Label,
        NotExecuted,
        NotSecret,
        Principal,
        Refused,
        Sensitive,
        StringCoded,
        Target,
        ToolContext,
        Trust,
        When,
        tool,
        tool_of,
    )
    from licet.tools.identity import Claims, TokenVerifier

_HOME = {
    "licet.approvals": ("ApprovalQueue", "Reviewer", "local_reviewer"),
    "licet.audit.errors": ("ConfigurationError", "LicetError"),
    "licet.runtime.limits": ("Budget", "Limits", "StopRules"),
    "licet.runtime.models": ("Priced",),
    "licet.runtime.narrowing": ("at_least", "at_most", "between", "exactly", "matches", "one_of"),
    "licet.runtime.outcomes": (
        "Answered",
        "Denied",
        "Executed",
        "Failed",
        "InDoubt",
        "Outcome",
        "Pending",
        "RunFailed",
        "RunResult",
        "Spent",
        "Stopped",
        "Suggested",
        "Suspended",
    ),
    "licet.runtime.runtime": ("Runtime",),
    "licet.runtime.session": ("Session",),
    "licet.runtime.workflow": ("Workflow", "allow"),
    "licet.tools": (
        "Agent",
        "Amount",
        "Content",
        "Flag",
        "Headline",
        "Injected",
        "Key",
        "Label",
        "NotExecuted",
        "NotSecret",
        "Principal",
        "Refused",
        "Sensitive",
        "StringCoded",
        "Target",
        "ToolContext",
        "Trust",
        "When",
        "tool",
        "tool_of",
    ),
    "licet.tools.identity": ("Claims", "TokenVerifier"),
}
_MODULE = {name: module for module, names in _HOME.items() for name in names}


def __getattr__(name: str) -> object:
    """Names are imported when they are first used, so that `import licet` costs next to nothing."""
    if name not in _MODULE:
        raise AttributeError(f"module 'licet' has no attribute {name!r}")
    # What is imported stays: the collector, which would look through it again and again, takes a tenth of the time.
    collecting = gc.isenabled()
    gc.disable()
    try:
        value = getattr(import_module(_MODULE[name]), name)
    finally:
        if collecting:
            gc.enable()
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)


__all__ = [
    "Agent",
    "Amount",
    "Answered",
    "ApprovalQueue",
    "Budget",
    "Claims",
    "ConfigurationError",
    "Content",
    "Denied",
    "Executed",
    "Failed",
    "Flag",
    "Headline",
    "InDoubt",
    "Injected",
    "Key",
    "Label",
    "LicetError",
    "Limits",
    "NotExecuted",
    "NotSecret",
    "Outcome",
    "Pending",
    "Priced",
    "Principal",
    "Refused",
    "Reviewer",
    "RunFailed",
    "RunResult",
    "Runtime",
    "Sensitive",
    "Session",
    "Spent",
    "StopRules",
    "Stopped",
    "StringCoded",
    "Suggested",
    "Suspended",
    "Target",
    "TokenVerifier",
    "ToolContext",
    "Trust",
    "When",
    "Workflow",
    "allow",
    "at_least",
    "at_most",
    "between",
    "exactly",
    "local_reviewer",
    "matches",
    "one_of",
    "tool",
    "tool_of",
]
