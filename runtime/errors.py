"""What a runtime refuses to do."""

from __future__ import annotations

from licet.audit.errors import ConfigurationError, LicetError


class RuntimeClosed(LicetError):
    """A call came before the runtime was started or after it ended. Use `async with runtime:` around it."""


class UnknownWorkflow(ConfigurationError):
    """No workflow of this name is registered with the runtime."""


class UnknownRun(LicetError):
    """The journal has no run of this id."""


class UnknownCall(LicetError):
    """The run has no call of this id."""


class RunBusy(LicetError):
    """The run cannot be taken over yet: a call of it may still be under way elsewhere."""


class CannotReconcile(LicetError):
    """The call is not in doubt, or its permit's deadline has not passed."""


class ModelUnpriced(ConfigurationError):
    """A workflow limits its spend and its model has no price. Register it as `Priced(model, input=, output=)`."""


class AgentRefused(LicetError):
    """The agent does not act for this principal: it serves another tenant."""
