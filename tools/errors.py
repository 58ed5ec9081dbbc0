"""What can go wrong with a tool: when it is declared, when it is called, and when it answers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from licet.audit.errors import ConfigurationError, LicetError

SHOWN_FAULTS = 20
"""How many faults a message lists; the rest are counted."""


class ToolError(ConfigurationError):
    """A tool, or a hook of it, cannot be declared so. The message names the function and what to write."""


class NotStarted(LicetError):
    """What the tool needs could not be had, from a provider or as a copy of a value; it was never called.

    Attributes:
        cause: the name of the exception. Its text stays out: it may hold a secret.
    """

    def __init__(self, error: Exception) -> None:
        self.cause = type(error).__name__
        super().__init__(f"what the tool needs could not be provided ({self.cause}); it was not called")


class MissingProvider(ConfigurationError):
    """A tool asks for an injected type that nothing provides. Add it to `inject={Type: provider}`."""


@dataclass(frozen=True, slots=True)
class FieldError:
    """One fault: where (`items/0/price`; empty for the whole) and what. It never quotes the value."""

    path: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" if self.path else self.message


class _Faulty(LicetError):
    def __init__(self, fields: Iterable[FieldError]) -> None:
        self.fields: tuple[FieldError, ...] = tuple(fields)
        super().__init__("; ".join(self._lines()))

    def _lines(self) -> list[str]:
        lines = [str(field) for field in self.fields[:SHOWN_FAULTS]]
        if len(self.fields) > SHOWN_FAULTS:
            lines.append(f"and {len(self.fields) - SHOWN_FAULTS} more")
        return lines


class InvalidArguments(_Faulty):
    """The arguments are not what the tool takes.

    Attributes:
        fields: one entry per fault. None quotes a value, so all of it may be shown and logged.
    """

    def for_model(self) -> str:
        """The faults as text that a model can act on."""
        return "The arguments are not valid. Correct them and call again.\n" + "\n".join(
            f"- {line}" for line in self._lines()
        )


class InvalidResult(_Faulty):
    """What the tool returned is not what its return annotation says, or cannot be shown as JSON.

    The effect has happened all the same.

    Attributes:
        fields: one entry per fault. None quotes a value.
    """


class NotExecuted(LicetError):
    """Raised by a tool to say that its effect did not happen.

    It is the tool's own word, and the only error after which a call with an effect is not in doubt. The
    message is recorded and may be shown to the model.
    """


class ToolTimeout(LicetError):
    """The tool did not answer in time.

    Attributes:
        started: whether the function had begun. If it had, its effect may have happened, and a synchronous
            function
            still runs in its thread: nothing can stop it from outside.
    """

    def __init__(self, tool: str, seconds: float, *, started: bool) -> None:
        word = "did not answer" if started else "was not started"
        super().__init__(f"{tool} {word} within {seconds:g} s")
        self.started = started


class HookFailed(LicetError):
    """A hook of a tool raised, or answered what it may not. Whoever asked must take that as a no.

    Attributes:
        hook: which one, such as `authorize`.
    """

    def __init__(self, tool: str, hook: str, why: str) -> None:
        super().__init__(f"the {hook} hook of {tool} {why}")
        self.hook = hook


class HookTimeout(HookFailed):
    """A hook of a tool did not answer in time."""
