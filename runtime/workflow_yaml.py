"""A workflow as YAML: read without YAML's surprises, each fault with file, line and column.

The YAML read here is a plain subset, so that a contract means what it looks like:

- `true`, `false` and `null` are the only words with a meaning of their own; `no`, `on` and `1:30` are text.
- A number is never a float (but in `output`, which is JSON). It is read exactly by the field it is for, so
  `spend: 0.50` is 0.5 and `version: 1.10` is "1.10". Where a field can be text or number (a bound's value),
  quotes tell them apart.
- Duplicate keys, anchors, aliases, tags, merge keys and a second document are refused.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import ValidationError
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from licet.audit.errors import ConfigurationError
from licet.runtime.contract import COLLECT, Contract, Fault, Place, dotted, faults_of

SIZE_LIMIT = 256 * 1024
"""Largest text that is read, in characters."""

DEPTH_LIMIT = 50
"""Deepest nesting."""

M = TypeVar("M", bound=Contract)

_INTEGER = re.compile(r"-?(0|[1-9][0-9]{0,99})", re.ASCII)
_NUMBER = re.compile(r"-?(0|[1-9][0-9]{0,99})(\.[0-9]{1,100})?([eE][+-]?[0-9]{1,3})?", re.ASCII)
_WORDS: dict[str, bool | None] = {"true": True, "false": False, "null": None, "~": None, "": None}


@dataclass(frozen=True, slots=True)
class Mark:
    """A place in a file, counted from 1."""

    line: int
    column: int


class _Refused(Exception):
    """The text is refused at this mark, before it is a document."""

    def __init__(self, mark: Mark, place: Place, message: str) -> None:
        self.mark, self.place, self.message = mark, place, message


class _Loader(yaml.SafeLoader):
    """PyYAML's parser as far as nodes; nothing is ever constructed by it."""

    depth = 0

    def compose_node(self, parent: Node | None, index: Any) -> Node | None:
        """Refuse what makes one text stand in several places, and nesting that only a machine writes."""
        event = self.peek_event()  # type: ignore[no-untyped-call]
        mark = _mark(event.start_mark)
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None) is not None:
            raise _Refused(mark, (), "anchors and aliases are not read here; write the value out")
        if getattr(event, "tag", None) is not None:
            raise _Refused(mark, (), "tags are not read here; write the value plainly")
        self.depth += 1
        if self.depth > DEPTH_LIMIT:
            raise _Refused(mark, (), f"is nested deeper than {DEPTH_LIMIT} levels")
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node


def _mark(mark: Any) -> Mark:
    return Mark(mark.line + 1, mark.column + 1) if mark is not None else Mark(1, 1)


@dataclass
class _Reading:
    """The values of a document and the mark of each key and item."""

    exact_under: tuple[str, ...]
    marks: dict[Place, Mark] = field(default_factory=dict)
    faults: list[tuple[Mark, Fault]] = field(default_factory=list)

    def value(self, node: Node, place: Place) -> Any:
        self.marks.setdefault(place, _mark(node.start_mark))
        if isinstance(node, MappingNode):
            return self._mapping(node, place)
        if isinstance(node, SequenceNode):
            return [self.value(item, (*place, position)) for position, item in enumerate(node.value)]
        assert isinstance(node, ScalarNode)
        return self._scalar(node, place)

    def _mapping(self, node: MappingNode, place: Place) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for key_node, value_node in node.value:
            mark = _mark(key_node.start_mark)
            if not isinstance(key_node, ScalarNode):
                self.faults.append((mark, Fault(place, "a key must be a word")))
                continue
            key = str(key_node.value)
            if not _is_unicode(key):
                self.faults.append((mark, Fault(place, "a key is not valid Unicode text")))
            elif key in values:
                first = self.marks[(*place, key)]
                told = f"is given twice; the first is in line {first.line}"
                self.faults.append((mark, Fault((*place, key), told)))
            else:
                self.marks[(*place, key)] = mark
                values[key] = self.value(value_node, (*place, key))
        return values

    def _scalar(self, node: ScalarNode, place: Place) -> Any:
        text = str(node.value)
        if not _is_unicode(text):
            self.faults.append((_mark(node.start_mark), Fault(place, "is not valid Unicode text")))
            return ""
        if node.style is not None:
            return text
        if text in _WORDS:
            return _WORDS[text]
        top = place[0] if place else None
        if top == "output":
            # A JSON Schema is JSON: its numbers are what a JSON reader makes of them.
            return json.loads(text) if _NUMBER.fullmatch(text) else text
        if top in self.exact_under and _NUMBER.fullmatch(text):
            return int(text) if _INTEGER.fullmatch(text) else Decimal(text)
        return text


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def load(model: type[M], source: Path | str) -> M:
    """Read `model` from YAML.

    Args:
        model: what to make of the document.
        source: a file's path; or the text itself, which has at least one line break.

    Raises:
        ConfigurationError: the file can't be read or the document is not a `model`. It tells every fault with
            `file:line:column`, the key's path and, for an unknown key, what is known instead.
    """
    text, name = _text_of(source)
    reading = _Reading(exact_under=("tools",))
    tree: object = None
    try:
        loader = _Loader(text)
        try:
            root = loader.get_single_node()
        finally:
            loader.dispose()
        if isinstance(root, MappingNode):
            tree = reading.value(root, ())
    except _Refused as refused:
        raise _told(name, [(refused.mark, Fault(refused.place, refused.message))]) from None
    except yaml.MarkedYAMLError as error:
        mark = _mark(error.problem_mark or error.context_mark)
        raise _told(
            name,
            [(mark, Fault((), "is not YAML: " + ", ".join(filter(None, (error.context, error.problem)))))],
        ) from None
    except yaml.reader.ReaderError as error:
        before = text[: error.position] if isinstance(error.position, int) else ""
        mark = Mark(before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1)
        raise _told(name, [(mark, Fault((), "a character that YAML does not allow"))]) from None
    except (yaml.YAMLError, ValueError, OverflowError, RecursionError):
        # PyYAML lets these through for escapes beyond Unicode and malformed directives.
        raise _told(name, [(Mark(1, 1), Fault((), "is not YAML that can be read"))]) from None
    if not isinstance(tree, dict):
        raise _told(name, [(Mark(1, 1), Fault((), "must be a mapping, such as `name: refund-desk`"))])
    faults = list(reading.faults)
    try:
        made = model.model_validate(tree, context=COLLECT)
    except ValidationError as error:
        faults += [(_mark_of(fault.place, reading.marks), fault) for fault in faults_of(error)]
    else:
        if not faults:
            return made
    raise _told(name, faults)


def _text_of(source: Path | str) -> tuple[str, str]:
    if isinstance(source, str) and ("\n" in source or "\r" in source):
        text, name = source, "<text>"
    else:
        name = str(source)
        try:
            raw = Path(source).read_bytes()
        except (OSError, ValueError) as error:
            why = error.strerror if isinstance(error, OSError) and error.strerror else "it is no file's name"
            raise ConfigurationError(f"cannot read {name!r}: {why}") from None
        try:
            text = raw.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = raw[: error.start].count(b"\n") + 1
            raise ConfigurationError(f"{name}:{line}: is not UTF-8") from None
    if len(text) > SIZE_LIMIT:
        raise ConfigurationError(f"{name}: is longer than {SIZE_LIMIT} characters")
    return text, name


def _mark_of(place: Place, marks: dict[Place, Mark]) -> Mark:
    """The mark of the nearest thing that stands in the file: a missing key has its mapping's."""
    return next(marks[place[:length]] for length in range(len(place), -1, -1) if place[:length] in marks)


def _told(name: str, faults: list[tuple[Mark, Fault]]) -> ConfigurationError:
    def lines() -> Iterator[str]:
        for mark, fault in sorted(
            faults, key=lambda item: (item[0].line, item[0].column, dotted(item[1].place))
        ):
            yield f"{name}:{mark.line}:{mark.column}: {fault}"

    return ConfigurationError("\n".join(lines()))
