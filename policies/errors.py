"""A policy set that is wrong, and where."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from licet.audit.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong.

    Attributes:
        reason: what is wrong, in OPA's words where OPA said it.
        file: the file as it was given, or None when no single file is to blame.
        line: counted from 1.
        source: the text of that line.
        column: counted from 1.
        lint: what looked for it, a name in `licet.policies.lints.LINTS`; None when the policy cannot be compiled.
    """

    reason: str
    file: str | None = None
    line: int | None = None
    source: str | None = None
    column: int | None = None
    lint: str | None = None

    def __str__(self) -> str:
        place = self.file or ""
        if self.file and self.line:
            place = f"{self.file}:{self.line}" + (f":{self.column}" if self.column else "")
        text = f"{place}: {self.reason}" if place else self.reason
        text += f" [{self.lint}]" if self.lint else ""
        return f"{text}\n    {self.source.strip()}" if self.source else text


class PolicyError(ConfigurationError):
    """The policy set cannot be used. Nothing starts with it.

    Attributes:
        faults: everything that is wrong, at least one.
        file, line, reason, source: those of the first fault.
    """

    def __init__(self, faults: Sequence[Fault] | Fault) -> None:
        self.faults = (faults,) if isinstance(faults, Fault) else tuple(faults)
        first = self.faults[0]
        self.file, self.line, self.reason, self.source = first.file, first.line, first.reason, first.source
        super().__init__("the policy cannot be used:\n" + "\n".join(str(fault) for fault in self.faults))
