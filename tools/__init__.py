"""Tools: typed functions that an agent may propose to call, and how their arguments and results are read."""

from __future__ import annotations

from licet.tools.agent import Agent
from licet.tools.arguments import Arguments
from licet.tools.context import ToolContext
from licet.tools.declare import declare, index, tool, tool_of
from licet.tools.errors import (
    FieldError,
    HookFailed,
    HookTimeout,
    InvalidArguments,
    InvalidResult,
    MissingProvider,
    NotExecuted,
    NotStarted,
    ToolError,
    ToolTimeout,
)
from licet.tools.hooks import Hook, Hooks, Refused
from licet.tools.injection import Injector
from licet.tools.markers import (
    Amount,
    Content,
    Flag,
    Headline,
    Injected,
    Key,
    Label,
    NotSecret,
    Role,
    Sensitive,
    StringCoded,
    Target,
    Trust,
    When,
)
from licet.tools.principal import Principal
from licet.tools.roles import FieldRole, Parameter, ResultMarks
from licet.tools.strict_json import raw_arguments
from licet.tools.tool import Effect, Tool

__all__ = [
    "Agent",
    "Amount",
    "Arguments",
    "Content",
    "Effect",
    "FieldError",
    "FieldRole",
    "Flag",
    "Headline",
    "Hook",
    "HookFailed",
    "HookTimeout",
    "Hooks",
    "Injected",
    "Injector",
    "InvalidArguments",
    "InvalidResult",
    "Key",
    "Label",
    "MissingProvider",
    "NotExecuted",
    "NotSecret",
    "NotStarted",
    "Parameter",
    "Principal",
    "Refused",
    "ResultMarks",
    "Role",
    "Sensitive",
    "StringCoded",
    "Target",
    "Tool",
    "ToolContext",
    "ToolError",
    "ToolTimeout",
    "Trust",
    "When",
    "declare",
    "index",
    "raw_arguments",
    "tool",
    "tool_of",
]
