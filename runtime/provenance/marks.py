"""A tool's marks on its result, laid out to walk a result with."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple
from weakref import WeakKeyDictionary

from licet.runtime.provenance.leaves import escape
from licet.tools import ResultMarks, Tool

READ_EXTERNAL, READ_PEER, READ_SENSITIVE = "read_external", "read_peer", "read_sensitive"
UNMARKED = ResultMarks()


@dataclass(slots=True)
class Node:
    """What is marked at one place of a result, and below it."""

    marks: ResultMarks = UNMARKED
    fields: dict[str, Node] = field(default_factory=dict)
    each: Node | None = None

    @property
    def identifies(self) -> bool:
        """What stands directly in it is a record: a key or a label of it is marked."""
        return any(node.marks.key or node.marks.label for node in self.fields.values())


@dataclass(frozen=True, slots=True)
class Layout:
    """The marks of one tool.

    Attributes:
        directory: the application itself wrote the list: what it names exists.
        labels: what a run has been exposed to once this tool has answered.
        words: who, at worst, wrote what the tool says when it fails; None: the application or the principal.
    """

    root: Node
    directory: bool
    labels: frozenset[str]
    words: Literal["external", "peer"] | None


_LAYOUTS: WeakKeyDictionary[Tool, Layout] = WeakKeyDictionary()
_NOWHERE = Node()


def layout(tool: Tool) -> Layout:
    """The marks of a tool, worked out once."""
    found = _LAYOUTS.get(tool)
    if found is None:
        found = _LAYOUTS[tool] = _layout(tool)
    return found


UNKNOWN = Layout(_NOWHERE, False, frozenset({READ_EXTERNAL, READ_SENSITIVE}), "external")
"""Of a tool that is not registered any more: nothing of what it answered is known."""


def _layout(tool: Tool) -> Layout:
    root = Node()
    labels = set()
    for path, marks in tool.result_marks.items():
        node = root
        for step in path.split("/") if path else ():
            if step == "*":
                node.each = node = node.each or Node()
            else:
                node = node.fields.setdefault(step, Node())
        node.marks = marks
        if marks.trust in ("external", "peer"):
            labels.add(READ_EXTERNAL if marks.trust == "external" else READ_PEER)
        if marks.sensitive:
            labels.add(READ_SENSITIVE)
    if root.marks.trust is None and tool.contract.get("result") != _NOTHING:
        labels.add(READ_EXTERNAL)
    return Layout(root, root.marks.trust == "system", frozenset(labels), _words(root, labels))


def _words(root: Node, labels: set[str]) -> Literal["external", "peer"] | None:
    if root.marks.trust is None or READ_EXTERNAL in labels:
        return "external"
    return "peer" if READ_PEER in labels else None


SAID = {
    "external": Layout(Node(ResultMarks("external")), False, frozenset({READ_EXTERNAL}), None),
    "peer": Layout(Node(ResultMarks("peer")), False, frozenset({READ_PEER}), None),
}
"""Of words of a tool that are no result of it, by whoever wrote them."""


_NOTHING = {"type": "null"}
"""The schema of a tool that answers nothing, and so shows nothing to anybody."""


class Place(NamedTuple):
    """One scalar in a result.

    Attributes:
        trust: who wrote it; what nobody marked is external.
        field: the name of the field in its record, positions left out.
        record: the innermost record it stands in, by its number in this result; None: in none.
        echo: it is what the run itself wrote and nobody vouched for, in whatever form; its trust is external then.
    """

    path: str
    value: Any
    marks: ResultMarks
    trust: str
    sensitive: bool
    field: str
    record: int | None
    echo: bool = False


def scalars(result: Any, root: Node) -> Iterator[Place]:
    """Every scalar of a result, in no particular order. The names in a mapping are values too."""
    records = 0
    stack: list[tuple[Any, Node, str, bool, str, str, int | None]] = [
        (result, root, root.marks.trust or "external", root.marks.sensitive, "", "", None)
    ]
    while stack:
        value, node, trust, sensitive, path, name, record = stack.pop()
        if isinstance(value, dict):
            mapping = node.each is not None or not node.fields
            if node.identifies:
                records += 1
                record = records
            for key, item in value.items():
                below = node.fields.get(key) or node.each or _NOWHERE
                if mapping:
                    yield Place(path, key, UNMARKED, trust, sensitive, name, record)
                stack.append(
                    (
                        item,
                        below,
                        below.marks.trust or trust,
                        sensitive or below.marks.sensitive,
                        f"{path}/{escape(key)}",
                        f"{name}/{key}" if name and record is not None and not node.identifies else key,
                        record,
                    )
                )
        elif isinstance(value, list):
            below = node.each or _NOWHERE
            alone = below.marks.key or below.marks.label
            for index, item in enumerate(value):
                if alone:
                    records += 1
                stack.append(
                    (
                        item,
                        below,
                        below.marks.trust or trust,
                        sensitive or below.marks.sensitive,
                        f"{path}/{index}",
                        name,
                        records if alone else record,
                    )
                )
        else:
            yield Place(path, value, node.marks, trust, sensitive, name, record)
