"""The reviewers' file: strict YAML, errors with line numbers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import yaml

from licet.approvals.errors import ReviewersInvalid
from licet.approvals.quorum import ANY


@dataclass(frozen=True, slots=True)
class Listed:
    """A reviewer as the file names them. `tenants` None: every tenant."""

    groups: frozenset[str]
    tenants: frozenset[str] | None

    def serves(self, tenant: str) -> bool:
        """Whether this reviewer may review in `tenant`."""
        return self.tenants is None or tenant in self.tenants


def read_file(path: Path) -> bytes:
    """What is in the file.

    Raises:
        ReviewersInvalid: it cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise ReviewersInvalid(f"cannot read the reviewers' file {path}: {error.strerror}") from None


def parse_reviewers(text: bytes, name: str) -> dict[str, Listed]:
    """The reviewers that a file's text names, by id.

    Args:
        text: YAML in UTF-8.
        name: the file's, for the errors.

    Raises:
        ReviewersInvalid: it is no YAML, or says something else than reviewers.
    """
    return _File(name).read(text)


class _File:
    def __init__(self, name: str) -> None:
        self._name = name

    def read(self, text: bytes) -> dict[str, Listed]:
        try:
            root = yaml.compose(text, Loader=yaml.SafeLoader)
        except yaml.MarkedYAMLError as error:
            line = error.problem_mark.line + 1 if error.problem_mark is not None else 1
            raise ReviewersInvalid(f"{self._name}, line {line}: not YAML: {error.problem}") from None
        except (yaml.YAMLError, RecursionError):
            raise ReviewersInvalid(f"{self._name}: not YAML") from None
        if root is None:
            raise ReviewersInvalid(f"{self._name} is empty; it needs `reviewers:` with ids under it")
        top = self._mapping(root, "the file")
        for name, (key, _) in top.items():
            if name != "reviewers":
                self._wrong(key, "unknown key; the file has one key, `reviewers`")
        if "reviewers" not in top:
            self._wrong(root, "`reviewers` is missing")
        entries = self._mapping(top["reviewers"][1], "reviewers")
        if not entries:
            self._wrong(top["reviewers"][1], "no reviewer is named")
        return {reviewer: self._listed(node) for reviewer, (_, node) in entries.items()}

    def _listed(self, node: yaml.Node) -> Listed:
        fields = self._mapping(node, "a reviewer")
        for name, (key, _) in fields.items():
            if name not in ("groups", "tenants"):
                self._wrong(key, "unknown key; a reviewer has `groups` and, optionally, `tenants`")
        if "groups" not in fields:
            self._wrong(node, "`groups` is missing; write `groups: []` for a reviewer without any")
        groups = self._names(fields["groups"][1], "groups")
        if ANY in groups:
            self._wrong(fields["groups"][1], f"every reviewer is in `{ANY}`; leave it out")
        if "tenants" not in fields:
            return Listed(groups, None)
        tenants = self._names(fields["tenants"][1], "tenants")
        if not tenants:
            self._wrong(fields["tenants"][1], "`tenants` is empty; leave it out for every tenant")
        return Listed(groups, tenants)

    def _mapping(self, node: yaml.Node, what: str) -> dict[str, tuple[yaml.Node, yaml.Node]]:
        if not isinstance(node, yaml.MappingNode):
            self._wrong(node, f"{what} must be a mapping")
        entries: dict[str, tuple[yaml.Node, yaml.Node]] = {}
        for key, value in node.value:
            name = self._text(key)
            if name in entries:
                self._wrong(key, "this key stands here twice")
            entries[name] = (key, value)
        return entries

    def _names(self, node: yaml.Node, what: str) -> frozenset[str]:
        if not isinstance(node, yaml.SequenceNode):
            self._wrong(node, f"`{what}` must be a list, such as `[payments]`")
        names = [self._text(item) for item in node.value]
        if len(set(names)) < len(names):
            self._wrong(node, f"a name stands twice in `{what}`")
        return frozenset(names)

    def _text(self, node: yaml.Node) -> str:
        if not isinstance(node, yaml.ScalarNode) or node.tag != "tag:yaml.org,2002:str":
            self._wrong(node, "this must be text; put it in quotes")
        text: str = node.value
        if not text or text != text.strip():
            self._wrong(node, "a name must not be empty, nor begin or end with a space")
        return text

    def _wrong(self, node: yaml.Node, problem: str) -> NoReturn:
        raise ReviewersInvalid(f"{self._name}, line {node.start_mark.line + 1}: {problem}")
