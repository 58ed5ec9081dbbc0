"""Workflows: the named, versioned contract under which an agent may use tools.

One model, written in Python or as YAML. What it says has one normal form (`Workflow.content`) and one digest;
a run is bound to the digest, so that code that has changed under a suspended run is noticed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path as FilePath
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, PlainValidator

from licet.audit.canonical import digest, sha256
from licet.runtime.allowance import Allowance, allow
from licet.runtime.contract import Contract, Fault, Line, Name, Place, Text, closest, dotted, refuse
from licet.runtime.decimals import Count
from licet.runtime.limits import Budget, Limits, StopRules
from licet.runtime.narrowing_fit import misfit
from licet.runtime.output import OutputContract
from licet.runtime.output_schema import Output, declared, normal_form
from licet.tools import Tool

__all__ = ["Allowance", "Mode", "Outward", "Previews", "Risk", "Workflow", "allow", "differences"]

Risk = Literal["low", "medium", "high"]
Mode = Literal["observe", "suggest", "act"]
Previews = Literal["irreversible", "none"]
Outward = Literal["strict", "standard"]


def _listed(item: object) -> object:
    """A tool on the list without more is allowed as it is."""
    if isinstance(item, Allowance | Mapping):
        return item
    if isinstance(item, str | Tool) or callable(item):
        return allow(item)
    return item


def _as_text(value: object) -> object:
    """A version may be written as a whole number."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


class Workflow(Contract):
    """What an agent may do for one purpose, who answers for it, and within which bounds.

    Attributes:
        name, version: what a run names; a changed content needs a new version.
        owner: who answers for it, such as `payments@acme.example`.
        purpose: what it is for, in words.
        risk: how much can go wrong; policy reads it.
        mode: `act` executes, `suggest` returns calls with an effect as suggestions, `observe` records what
            would have been decided.
        tools: the list, each perhaps narrowed; a tool that is not on it does not exist for the agent.
        model: the name of a model registered with the runtime; None for those who bring their own agent.
        prompt: the system prompt.
        max_output_tokens: sent with each model request, and reserved with it.
        limits, budgets, stop_rules: what ends a run, and what all runs of a day may spend together.
        previews: `irreversible` demands of each irreversible tool that it can show a reviewer what it would
            do.
        outward: what text may leave without a person once the run has read what others wrote: `strict` takes the
            user's own words and the application's data, `standard` also a model's text that carries no link and
            nothing private; policy reads it (docs/provenance.md).
        output: the answer's type: a pydantic model, a JSON Schema, or None for free text.

    Raises:
        ConfigurationError: at construction, naming every field at fault.
    """

    name: Name
    version: Annotated[Name, BeforeValidator(_as_text)]
    owner: Line
    purpose: Line
    risk: Risk = "medium"
    mode: Mode = "act"
    tools: Annotated[Sequence[Annotated[Allowance, BeforeValidator(_listed)]], AfterValidator(tuple)]
    model: Line | None = None
    prompt: Text = ""
    max_output_tokens: Annotated[Count, Field(ge=1)] = 4096
    limits: Limits = Limits()
    budgets: Annotated[Sequence[Budget], AfterValidator(tuple)] = ()
    stop_rules: StopRules = StopRules()
    previews: Previews = "irreversible"
    outward: Outward = "strict"
    output: Annotated[Any, PlainValidator(declared)] = None

    if TYPE_CHECKING:

        def __init__(
            self,
            *,
            name: str,
            version: str,
            owner: str,
            purpose: str,
            tools: Sequence[Allowance | Tool | Callable[..., Any] | str],
            risk: Risk = "medium",
            mode: Mode = "act",
            model: str | None = None,
            prompt: str = "",
            max_output_tokens: int = 4096,
            limits: Limits = ...,
            budgets: Sequence[Budget] = (),
            stop_rules: StopRules = ...,
            previews: Previews = "irreversible",
            outward: Outward = "strict",
            output: Output = None,
        ) -> None: ...

    @cached_property
    def _by_name(self) -> dict[str, Allowance]:
        return {listed.tool: listed for listed in self.tools}

    def contradictions(self) -> Iterator[Fault]:
        """Each tool stands on the list once, and what is said of a tool is said of one on the list."""
        seen: set[str] = set()
        for position, listed in enumerate(self.tools):
            if listed.tool in seen:
                yield Fault(("tools", position), f"`{listed.tool}` is on the list twice")
            seen.add(listed.tool)
        for name in self.limits.calls_per_tool:
            if name not in seen:
                told = f"`{name}` is not on the list of tools" + closest(name, seen)
                yield Fault(("limits", "calls_per_tool", name), told)
        if len({budget.per for budget in self.budgets}) < len(self.budgets):
            yield Fault(("budgets",), "names the same period twice")

    @classmethod
    def from_yaml(cls, source: FilePath | str) -> Self:
        """Read a workflow from YAML: a file's path, or the text itself (which has a line break).

        `licet.runtime.workflow_yaml` says which YAML is read.

        Raises:
            ConfigurationError: every fault with file, line, column and key.
        """
        from licet.runtime.workflow_yaml import load  # which imports a reader of YAML

        return load(cls, source)

    def allowance(self, tool: str) -> Allowance | None:
        """What the workflow allows of this tool; None when it is not on the list."""
        return self._by_name.get(tool)

    def declared_tools(self) -> dict[str, Tool]:
        """The tools that were given as functions or Tools, by name, for the runtime to register."""
        return {listed.tool: listed.declared for listed in self.tools if listed.declared is not None}

    def content(self) -> dict[str, Any]:
        """All that counts, as JSON in normal form; a fresh copy.

        Decimals are strings in one spelling, durations seconds. The list of tools is in the order of names:
        its order does not count. Descriptions in an output schema count, because the model reads them; titles
        do not. A tool's own contract is not part of it: a run is bound to its contract hash beside this.
        """
        # A default that came later is left out, so that a content from before it keeps its digest.
        outward = {} if self.outward == "strict" else {"outward": self.outward}
        return {
            **outward,
            "name": self.name,
            "version": self.version,
            "owner": self.owner,
            "purpose": self.purpose,
            "risk": self.risk,
            "mode": self.mode,
            "tools": [self._by_name[name].content() for name in sorted(self._by_name)],
            "model": self.model,
            "prompt": self.prompt,
            "max_output_tokens": self.max_output_tokens,
            "limits": self.limits.content(),
            "budgets": [budget.content() for budget in sorted(self.budgets, key=lambda item: item.per)],
            "stop_rules": self.stop_rules.content(),
            "previews": self.previews,
            "output": normal_form(self.output),
        }

    @cached_property
    def digest(self) -> str:
        """SHA-256, in hexadecimal, of the canonical JSON of `content`."""
        return digest(self.content())

    @cached_property
    def prompt_hash(self) -> str:
        """SHA-256, in hexadecimal, of the prompt in UTF-8."""
        return sha256(self.prompt.encode())

    @cached_property
    def output_contract(self) -> OutputContract:
        """What reads the final output of a run."""
        return OutputContract(self.output)

    def bind(self, tools: Mapping[str, Tool]) -> None:
        """Check the workflow against the tools it will meet.

        Raises:
            ConfigurationError: with every fault: a tool that is not registered, a narrowed parameter that the
                tool does not have, a bound that can't fit it, an irreversible tool without the preview that
                `previews` demands.
        """
        faults: list[Fault] = []
        for position, listed in enumerate(self.tools):
            here: Place = ("tools", position)
            tool = tools.get(listed.tool)
            if tool is None:
                told = f"no tool `{listed.tool}` is registered" + closest(listed.tool, tools)
                faults.append(Fault((*here, "tool"), told))
                continue
            for field, bounds in (("args", listed.args), ("unattended", listed.unattended)):
                for path, bound in bounds.items() if isinstance(bounds, dict) else ():
                    wrong = misfit(tool, tuple(path.split(".")), bound)
                    if wrong is not None:
                        faults.append(Fault((*here, field, path), wrong))
            if (
                tool.effect == "irreversible"
                and self.previews == "irreversible"
                and tool.hooks.preview is None
            ):
                told = f"{tool.name} is irreversible and has no preview; give it one, or set previews to none"
                faults.append(Fault(here, told))
        if faults:
            raise refuse(f"workflow {self.name} {self.version}", faults) from None


def differences(old: Mapping[str, Any], new: Workflow) -> list[str]:
    """What of a workflow's content has changed, path by path, for the message that refuses it.

    Args:
        old: the content as the journal holds it.
        new: the workflow as it is now.
    """
    return list(_changed(_by_tool(old), _by_tool(new.content()), ()))


def _by_tool(content: Mapping[str, Any]) -> dict[str, Any]:
    return {**content, "tools": {listed["tool"]: listed for listed in content.get("tools", ())}}


def _changed(old: Any, new: Any, place: Place) -> Iterator[str]:
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in sorted(old.keys() | new.keys()):
            here = (*place, key)
            if key not in new:
                yield f"{dotted(here)}: is gone"
            elif key not in old:
                yield f"{dotted(here)}: is new"
            else:
                yield from _changed(old[key], new[key], here)
    elif old != new:
        yield f"{dotted(place)}: {_short(old)} became {_short(new)}"


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
