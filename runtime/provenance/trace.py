"""The provenance of one run's calls. It reads each thing the run brought once, in the order of the journal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from licet.audit.events import CallExecuted
from licet.runtime.failures import tool_words
from licet.runtime.narrowing import Bound
from licet.runtime.provenance.index import Index
from licet.runtime.provenance.kinds import Key
from licet.runtime.provenance.labels import VOUCHED, Labeller, default_of
from licet.runtime.provenance.leaves import Leaf, leaves
from licet.runtime.provenance.marks import SAID, UNKNOWN, Layout, layout
from licet.runtime.provenance.words import Words, texts_in
from licet.tools import Arguments, Tool

if TYPE_CHECKING:
    from licet.runtime.state import CallState, CallStatus, RunState
    from licet.runtime.workflow import Workflow

REPEATED_TARGET = "repeated_target"
"""A call of this run with the same tool, which has an effect, went to the same target before."""


class Traced(NamedTuple):
    """What policy and reviewers see of where a call's values come from.

    Attributes:
        provenance: by JSON Pointer, each value's role, kind, labels and sources.
        labels: what the run has been exposed to.
        recent: the run's last calls, each with the labels of its result.
    """

    provenance: dict[str, dict[str, Any]]
    labels: list[str]
    recent: list[dict[str, Any]]


def provenance_of(state: RunState, workflow: Workflow, tools: Mapping[str, Tool]) -> Provenance | Unmarked:
    """What a run knows of where values come from, as far as the tools of its workflow say anything of trust."""
    listed = [tools[item.tool] for item in workflow.tools if item.tool in tools]
    if any(tool.result_marks for tool in listed):
        return Provenance(state, workflow, tools)
    return Unmarked(state)


class Unmarked:
    """A run of which no tool marks its result. Nothing is known of trust: there are roles and kinds, and no labels."""

    def __init__(self, state: RunState) -> None:
        self._state = state

    def of(self, tool: Tool, arguments: Arguments) -> Traced:
        """The roles and kinds of a call's values."""
        marks = {leaf.pointer: _described(leaf, [], []) for leaf in leaves(tool, arguments.plain)}
        return Traced(marks, [], self._state.recent)

    def so_far(self) -> Traced:
        """The run's last calls."""
        return Traced({}, [], self._state.recent)


class Provenance:
    """What one run knows of where values come from."""

    def __init__(self, state: RunState, workflow: Workflow, tools: Mapping[str, Tool]) -> None:
        words = Words(texts_in(orjson.loads(state.input)))
        self._state = state
        self._workflow = workflow
        self._tools = tools
        self._words = words
        self._index = Index(words)
        self._labeller = Labeller(words, self._index)
        self._read = self._begun = 0
        self._tainted: dict[str, bool] = {}
        self._labels: set[str] = set()
        self._shown: dict[str, list[str]] = {}
        self._heard: dict[str, list[str]] = {}
        self._done: set[tuple[str, frozenset[Key]]] = set()

    def of(self, tool: Tool, arguments: Arguments) -> Traced:
        """The provenance of a call's values, with all that the run has executed by now."""
        self._catch_up()
        fixed = _fixed(self._workflow, tool.name)
        found = list(leaves(tool, arguments.plain))
        marks = {leaf.pointer: self._described(leaf, tool, fixed) for leaf in found}
        labels = set(self._labels)
        if tool.effect != "read" and (tool.name, self._targets(found)) in self._done:
            labels.add(REPEATED_TARGET)
        return Traced(marks, sorted(labels), self._recent())

    def so_far(self) -> Traced:
        """What the run has been exposed to by now. There is no call, and so no provenance of its values."""
        self._catch_up()
        return Traced({}, sorted(self._labels), self._recent())

    def _described(self, leaf: Leaf, tool: Tool, fixed: frozenset[str]) -> dict[str, Any]:
        default = default_of(leaf.declared, tool.json_schema) if leaf.top else _NO_DEFAULT
        return _described(leaf, *self._labeller.labels(leaf, fixed, default))

    def _targets(self, found: list[Leaf]) -> frozenset[Key]:
        keys = (self._labeller.key(leaf) for leaf in found if leaf.declared.role == "target")
        return frozenset(key for key in keys if key is not None)

    def _recent(self) -> list[dict[str, Any]]:
        """The run's last calls, which are the last in `ended` too."""
        recent = self._state.recent
        last = self._state.ended[len(self._state.ended) - len(recent) :]
        return [
            {**item, "labels": self._shown_of(call_id, status)}
            for item, (call_id, status) in zip(recent, last, strict=True)
        ]

    def _shown_of(self, call_id: str, status: CallStatus) -> list[str]:
        if status == "executed":
            return self._shown[self._state.calls[call_id].tool]
        return self._heard.get(call_id, [])

    def _layout(self, name: str) -> Layout:
        tool = self._tools.get(name)
        return UNKNOWN if tool is None else layout(tool)

    def _catch_up(self) -> None:
        ended, calls = self._state.ended, self._state.calls
        for position in range(self._read, len(ended)):
            self._begin_before(position)
            call_id, status = ended[position]
            if status == "executed":
                self._take_in(calls[call_id])
            elif status in ("failed", "denied"):
                self._hear(calls[call_id])
        self._read = len(ended)
        self._begin_before(self._read)

    def _begin_before(self, position: int) -> None:
        """Remember what calls wrote that had their permit by then: another call may read it before they have ended."""
        permitted = self._state.permitted
        while self._begun < len(permitted) and permitted[self._begun][1] <= position:
            call = self._state.calls[permitted[self._begun][0]]
            self._begun += 1
            if call.effect != "read":
                tool = self._tools.get(call.tool)
                self._tainted[call.call_id] = self._wrote(tool, _given(tool, call))

    def _hear(self, call: CallState) -> None:
        """Of a call that came to nothing: what its tool said."""
        words, by = tool_words(call.last), self._layout(call.tool).words
        if words is not None and by is not None:
            self._labels |= SAID[by].labels
            self._heard[call.call_id] = sorted(SAID[by].labels)
            self._index.add(call.call_id, call.tool, words, SAID[by])

    def _take_in(self, call: CallState) -> None:
        tool, found = self._tools.get(call.tool), self._layout(call.tool)
        self._labels |= found.labels
        self._shown[call.tool] = sorted(found.labels)
        given = _given(tool, call)
        effect = "irreversible" if tool is None else tool.effect
        tainted = effect != "read" and self._tainted.get(call.call_id, True)
        if tool is not None and effect != "read" and given is not None:
            self._done.add((tool.name, self._targets(given)))
        named = given is not None and any(
            isinstance(leaf.value, str)
            and leaf.declared.role == "target"
            and self._words.said(leaf.value, "target", leaf.declared.kind, self._labeller.key(leaf))
            for leaf in given
        )
        result = _loads(call.result)
        if call.result is None and isinstance(call.last, CallExecuted):
            self._labeller.partial = True
        if result is not None:
            own = frozenset(_raw(leaf.value) for leaf in given or ())
            self._index.add(
                call.call_id,
                call.tool,
                result,
                found,
                made=effect != "read",
                tainted=tainted,
                given=own,
                named=named,
            )

    def _wrote(self, tool: Tool | None, given: list[Leaf] | None) -> bool:
        """Remember what a call with an effect writes that nobody vouched for: read back, it is as external as before.

        Whether text is among it.
        """
        if tool is None or given is None:
            self._labeller.lost = True
            return True
        tainted, unvouched = False, list[Leaf]()
        for leaf in given:
            labels, _ = self._labeller.labels(leaf, frozenset(), _NO_DEFAULT)
            vouching = VOUCHED - {"record"} if "ambiguous" in labels else VOUCHED
            if vouching.isdisjoint(labels):
                tainted = tainted or leaf.declared.role in ("content", "headline")
                if not isinstance(leaf.value, bool):
                    unvouched.append(leaf)
        for leaf in unvouched:
            self._index.written.update(
                key for key in (self._labeller.key(leaf), _raw(leaf.value)) if key is not None
            )
        self._index.echoes.wrote(leaf.value for leaf in unvouched)
        if tainted:
            self._index.tainted |= self._targets(given)
        return tainted


_NO_DEFAULT: Any = object()


def _described(leaf: Leaf, labels: list[Any], sources: list[dict[str, str]]) -> dict[str, Any]:
    declared = leaf.declared
    return {"role": declared.role, "kind": declared.kind, "labels": labels, "sources": sources}


def _fixed(workflow: Workflow, tool: str) -> frozenset[str]:
    """The parameters whose values the workflow itself sets."""
    allowance = workflow.allowance(tool)
    if allowance is None or not allowance.args:
        return frozenset()
    return frozenset(name for name, bound in allowance.args.items() if _sets(bound))


def _sets(bound: Bound) -> bool:
    return "exactly" in bound.model_fields_set or bound.one_of is not None


def _given(tool: Tool | None, call: CallState) -> list[Leaf] | None:
    """The values of a call; None when they are not known any more."""
    arguments = _loads(call.raw)
    return list(leaves(tool, arguments)) if tool is not None and isinstance(arguments, dict) else None


def _loads(raw: bytes | None) -> Any:
    if raw is None:
        return None
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError:
        return None


def _raw(value: Any) -> Key:
    return value if isinstance(value, str) else str(value)
