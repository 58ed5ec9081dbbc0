"""Rego's syntax trees, as `opa parse` gives them, and what in them refers to what.

A tree is JSON; its form is that of OPA's package v1/ast. Terms are `{"type", "value", "location"}`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

Node = Mapping[str, Any]
Path = tuple[str, ...]
"""A place under `data`, such as `("licet", "user", "shop", "deny")`."""

Parts = tuple[str | None, ...]
"""A reference under `data` or `input`; None where what stands there is worked out as it runs."""


@dataclass(frozen=True, slots=True)
class Module:
    """One Rego file."""

    file: str
    tree: Node = field(repr=False)
    package: Path
    imports: Mapping[str, tuple[str, ...]] = field(repr=False)
    """By the name it has in the file: `input` or `data`, and the path."""


@dataclass(frozen=True, eq=False, slots=True)
class Rule:
    """One definition of a rule, with what its `else` gives."""

    module: Module
    node: Node = field(repr=False)
    path: Path

    @property
    def head(self) -> Node:
        """Its head."""
        return dict(self.node["head"])

    @property
    def kind(self) -> str:
        """`function`, `set` (with `contains`), `object` (`p[key] := value`) or `complete`."""
        head = self.head
        if head.get("args"):
            return "function"
        if head.get("key") is not None:
            return "object" if "value" in head else "set"
        return "complete" if all(term["type"] in ("var", "string") for term in head["ref"]) else "object"

    @property
    def is_default(self) -> bool:
        """Whether it is the `default`."""
        return bool(self.node.get("default"))

    @property
    def place(self) -> tuple[int, int]:
        """Line and column where it begins."""
        return place(self.node) or (1, 1)

    def clauses(self) -> Iterator[Node]:
        """Head and body of the definition, and of each `else`."""
        node: Node | None = self.node
        while node is not None:
            yield node
            node = node.get("else")

    def conditional(self) -> bool:
        """Whether it may fail to hold: it has a condition, and no `else` without one."""
        return all(not unconditional(clause) for clause in self.clauses())


def unconditional(clause: Node) -> bool:
    """Whether nothing in a clause could fail to hold, its value left aside."""
    return all(
        isinstance(expr["terms"], Mapping) and expr["terms"].get("value") is True
        for expr in clause.get("body", ())
    )


class Policy:
    """All rules of a policy set, by where they are."""

    def __init__(self, trees: Mapping[str, Node]) -> None:
        """From the trees by file."""
        self.modules = [_module(file, tree) for file, tree in sorted(trees.items())]
        self.rules = [
            Rule(module, node, module.package + _ground(node["head"]["ref"]))
            for module in self.modules
            for node in module.tree.get("rules", ())
        ]
        self._by_package: dict[Path, set[str]] = {}
        for rule in self.rules:
            self._by_package.setdefault(rule.module.package, set()).add(rule.path[len(rule.module.package)])

    def at(self, parts: Parts) -> list[Rule]:
        """The rules that a reference under `data` may read."""
        return [
            rule
            for rule in self.rules
            if all(part is None or part == name for part, name in zip(parts, rule.path, strict=False))
        ]

    def resolve(self, module: Module, term: Node, local: frozenset[str]) -> tuple[str, Parts] | None:
        """What a reference or variable stands for: `input` or `data`, and the rest; None for what is local."""
        terms = term["value"] if term["type"] == "ref" else [term]
        head = terms[0]
        if head["type"] != "var" or head["value"] in local:
            return None
        name = head["value"]
        rest: Parts = tuple(part["value"] if part["type"] == "string" else None for part in terms[1:])
        if name in module.imports:
            root, *path = module.imports[name]
            return root, (*path, *rest)
        if name in self._by_package.get(module.package, ()):
            return "data", (*module.package, name, *rest)
        return (name, rest) if name in ("input", "data") else None

    def reads(self, rule: Rule) -> Iterator[Rule]:
        """The rules that this one reads or calls."""
        for clause in rule.clauses():
            local = locals_of(clause)
            for term in references(clause):
                found = self.resolve(rule.module, term, local)
                if found is not None and found[0] == "data":
                    yield from self.at(found[1])


def place(node: Node) -> tuple[int, int] | None:
    """Line and column of a node."""
    where = node.get("location")
    return (where["row"], where["col"]) if where else None


def references(node: Any) -> Iterator[Node]:
    """Every reference and every variable that stands alone, inside a node; those inside a reference too."""
    if isinstance(node, Mapping):
        if node.get("type") == "ref":
            yield node
            for part in node["value"]:
                if part["type"] not in ("var", "string"):
                    yield from references(part)
            return
        if node.get("type") == "var":
            yield node
            return
        for key, item in node.items():
            if key not in ("location", "annotations", "else", "ref", "name"):
                yield from references(item)
    elif isinstance(node, list):
        for item in node:
            yield from references(item)


def locals_of(clause: Node) -> frozenset[str]:
    """The variables that a clause declares."""
    names = {name for argument in clause["head"].get("args") or () for name in variables(argument)}
    for expr in expressions(clause):
        terms = expr["terms"]
        if isinstance(terms, list) and operator(terms[0]) == "assign":
            names |= set(variables(terms[1]))
        elif isinstance(terms, Mapping) and "symbols" in terms:
            for symbol in terms["symbols"]:
                bound = symbol["value"][1:-1] if symbol["type"] == "call" else [symbol]
                names |= {name for term in bound for name in variables(term)}
        elif isinstance(terms, Mapping) and "domain" in terms:
            names |= {name for key in ("key", "value") for name in variables(terms.get(key))}
    return frozenset(names)


def expressions(node: Any) -> Iterator[Node]:
    """Every expression inside a node, those of comprehensions and of `every` too; not those of its `else`."""
    if isinstance(node, Mapping):
        if "terms" in node and "index" in node:
            yield node
        for key, item in node.items():
            if key not in ("location", "annotations", "else"):
                yield from expressions(item)
    elif isinstance(node, list):
        for item in node:
            yield from expressions(item)


def variables(term: Any) -> Iterator[str]:
    """The variables of a pattern, such as `[a, {"k": b}]`."""
    if isinstance(term, Mapping):
        if term.get("type") == "var":
            yield term["value"]
        elif term.get("type") != "ref":
            yield from variables(term.get("value"))
    elif isinstance(term, list):
        for item in term:
            yield from variables(item)


def operator(term: Node) -> str:
    """The name that stands where a function is called, such as `regex.match`."""
    parts = term["value"] if term["type"] == "ref" else [term]
    return ".".join(str(part["value"]) for part in parts)


def bare(node: Any) -> Any:
    """A node without its locations, to compare by."""
    if isinstance(node, Mapping):
        return {key: bare(item) for key, item in node.items() if key not in ("location", "index")}
    return [bare(item) for item in node] if isinstance(node, list) else node


def _module(file: str, tree: Node) -> Module:
    imports = {}
    for imported in tree.get("imports") or ():
        path = tuple(str(part["value"]) for part in imported["path"]["value"])
        imports[imported.get("alias") or path[-1]] = path
    imports = {name: path for name, path in imports.items() if path[0] in ("input", "data")}
    return Module(file, tree, tuple(part["value"] for part in tree["package"]["path"][1:]), imports)


def _ground(ref: list[Node]) -> Path:
    names = [ref[0]["value"]]
    for part in ref[1:]:
        if part["type"] != "string":
            break
        names.append(part["value"])
    return tuple(names)
