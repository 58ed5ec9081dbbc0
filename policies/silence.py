"""Where a denial or an approval could be silenced: by a field that may be missing, or a builtin that may fail.

To Rego both are `undefined`, and a rule whose condition is undefined does not hold. For a grant that is the safe side;
for a denial it is not. Below `not` it is the other way round: what is undefined there makes the condition hold. So the
walk goes from each denial and approval through the rules that it reads, and turns the side at each `not`. What the
schema says of a value goes with it into the functions that are called, and comes back with what a rule gives.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

from licet.policies.syntax import Node, Parts, Policy, Rule, locals_of, operator, place, variables

PARTIAL = frozenset({
    "base64.decode", "base64url.decode", "bits.and", "bits.lsh", "bits.negate", "bits.or", "bits.rsh", "bits.xor",
    "glob.match", "hex.decode", "indexof_n", "io.jwt.decode", "json.patch", "json.unmarshal", "max", "min",
    "net.cidr_contains", "net.cidr_contains_matches", "net.cidr_expand", "net.cidr_intersects", "net.cidr_merge",
    "numbers.range", "numbers.range_step", "semver.compare", "strings.render_template", "substring",
    "time.add_date", "time.clock", "time.date", "time.diff", "time.format", "time.parse_duration_ns",
    "time.parse_ns", "time.parse_rfc3339_ns", "time.weekday", "to_number", "units.parse", "units.parse_bytes",
    "urlquery.decode", "urlquery.decode_object", "uuid.parse", "yaml.unmarshal",
})  # fmt: skip
"""Builtins that give nothing for some arguments of the right type: what is no number, no address, no JSON, empty."""

_UNLESS_CONSTANT = {
    "div": 1, "rem": 1, "regex.match": 0, "regex.find_n": 0, "regex.split": 0, "regex.replace": 1,
    "regex.find_all_string_submatch_n": 0, "regex.template_match": 0, "regex.globs_match": 0,
}  # fmt: skip
"""Builtins that give nothing for some values of one argument, by which one it is: a divisor, a pattern."""

_FREE: Node = {}
"""The schema of what may be anything."""

_Schemas = tuple[Node | None, ...]
"""What is known of several values: the schema of each, or None."""


@dataclass(frozen=True, slots=True)
class Hazard:
    """What could silence a rule.

    Attributes:
        root: the denial or approval.
        rule: the rule in which it stands, which the root reads.
        line, column: where.
        reason: what may be missing or fail.
    """

    root: Rule
    rule: Rule
    line: int
    column: int
    reason: str


def hazards(policy: Policy, root: Rule, schema: Node, data: Mapping[str, Any]) -> Iterator[Hazard]:
    """What could silence one denial or approval.

    Args:
        schema: of the input, JSON Schema.
        data: the base documents of the policy set.
    """
    walk = _Walk(policy, root, schema, data)
    walk.rule(root, silent=True)
    yield from sorted(walk.found, key=lambda hazard: (hazard.rule.module.file, hazard.line, hazard.column))


class _Walk:
    def __init__(self, policy: Policy, root: Rule, schema: Node, data: Mapping[str, Any]) -> None:
        self._policy, self._root, self._schema, self._data = policy, root, schema, data
        self._seen: dict[tuple[int, bool, tuple[int, ...]], Node | None] = {}
        self.found: list[Hazard] = []

    def rule(self, rule: Rule, silent: bool, given: _Schemas = ()) -> Node | None:
        """Go through a rule. Gives the schema of its value, or None when nothing is known of it.

        Args:
            silent: whether the root is silent when this is undefined.
            given: the schemas of what a function is called with.
        """
        key = (id(rule), silent, tuple(map(id, given)))  # those of one place in the schema are one object
        if key not in self._seen and not rule.is_default:
            self._seen[key] = None
            values = [_Clause(self, rule, clause, given).go(silent) for clause in rule.clauses()]
            self._seen[key] = (
                values[0] if len(values) == 1 and rule.kind in ("complete", "function") else None
            )
        return self._seen.get(key)

    def rules_at(self, parts: Parts, silent: bool, given: _Schemas = ()) -> tuple[list[Rule], Node | None]:
        """Go through the rules that a reference under `data` reads. Gives them, and the schema of their value."""
        read = self._policy.at(parts)
        # A default other than false is what its author wants where nothing else can be said.
        if any(rule.is_default and rule.head["value"].get("value") is not False for rule in read):
            return read, None
        values = [self.rule(rule, silent, given) for rule in read]
        return read, values[0] if len(values) == 1 else None

    def report(self, rule: Rule, node: Node, reason: str) -> None:
        line, column = place(node) or rule.place
        self.found.append(Hazard(self._root, rule, line, column, reason))

    @property
    def policy(self) -> Policy:
        return self._policy

    @property
    def schema(self) -> Node:
        return self._schema

    def holds(self, parts: tuple[str | None, ...]) -> str | None:
        """What is not in the data of a path, or None when all of it is."""
        value: Any = self._data
        shown = "data"
        for part in parts:
            shown += f".{part}" if part is not None else "[...]"
            if part is None:
                return None  # which of them is asked for shows when it runs
            if not isinstance(value, Mapping) or part not in value:
                return shown
            value = value[part]
        return None


class _Clause:
    """One clause: its variables, and what the schema says of their values."""

    def __init__(self, walk: _Walk, rule: Rule, clause: Node, given: _Schemas) -> None:
        self._walk, self._rule, self._clause, self._given = walk, rule, clause, given
        self._local = locals_of(clause)
        self._bound: set[str] = set()
        self._schemas: dict[str, Node | None] = {}

    def go(self, silent: bool) -> Node | None:
        """Go through it. Gives the schema of the value of its head."""
        head = self._clause["head"]
        parameters = head.get("args") or ()
        for parameter, schema in zip_longest(parameters, self._given[: len(parameters)]):
            self._bind(parameter, schema, silent)
        self._body(self._clause.get("body", ()), silent)
        if head.get("key") is not None:
            self._term(head["key"], silent)
        return None if head.get("value") is None else self._term(head["value"], silent)

    def _bind(self, pattern: Node, schema: Node | None, silent: bool) -> None:
        """Let the variables of a pattern stand for the parts of a value. What a pattern names has to be there."""
        if pattern["type"] == "var":
            self._schemas[pattern["value"]] = schema
        elif pattern["type"] == "object" and schema is not None:
            for key, part in pattern["value"]:
                self._bind(part, self._follow(schema, [key], "{...}", key, silent), silent)
        self._bound |= set(variables(pattern))

    def _body(self, body: Any, silent: bool) -> None:
        for expr in body:
            self._expr(expr, silent != bool(expr.get("negated")))

    def _expr(self, expr: Node, silent: bool) -> None:
        terms = expr["terms"]
        for changed in expr.get("with") or ():
            self._term(changed["value"], silent)
        if isinstance(terms, list):
            self._call(terms, silent, expr)
        elif "symbols" in terms:
            for symbol in terms["symbols"]:
                if symbol["type"] == "call":
                    *targets, collection = symbol["value"][1:]
                    self._iterate(targets, collection, silent)
        elif "domain" in terms:
            targets = [terms[key] for key in ("key", "value") if terms.get(key)]
            self._iterate(targets, terms["domain"], silent)
            self._body(terms["body"], silent)
        else:
            self._term(terms, silent)

    def _iterate(self, targets: list[Node], collection: Node, silent: bool) -> None:
        schema = self._term(collection, silent)
        for target in targets:
            self._bound |= set(variables(target))
        if targets[-1]["type"] == "var":  # an element that does not fit a pattern is passed over
            self._schemas[targets[-1]["value"]] = None if schema is None else _items(schema)

    def _call(self, terms: list[Node], silent: bool, node: Node) -> Node | None:
        name, arguments = operator(terms[0]), terms[1:]
        if name == "print":  # it shows what is undefined as such, and holds
            return None
        if name == "assign" or (name == "eq" and self._is_variable(arguments[0])):
            self._assign(arguments[0], arguments[1], silent)
            return None
        given = tuple(self._term(argument, silent) for argument in arguments)
        target = self._walk.policy.resolve(self._rule.module, terms[0], self._local)
        if target is not None:
            return self._walk.rules_at(target[1], silent, given)[1]
        if silent and _may_fail(name, arguments):
            self._walk.report(
                self._rule, node, f"`{_SPELLED.get(name, name)}` gives nothing for some arguments"
            )
        return None

    def _assign(self, pattern: Node, value: Node, silent: bool) -> None:
        if pattern["type"] == value["type"] == "array" and len(pattern["value"]) == len(value["value"]):
            for part, item in zip(pattern["value"], value["value"], strict=True):
                self._assign(part, item, silent)
        else:
            self._bind(pattern, self._term(value, silent), silent)

    def _is_variable(self, term: Node) -> bool:
        return (
            term["type"] == "var" and self._walk.policy.resolve(self._rule.module, term, self._local) is None
        )

    def _term(self, term: Node, silent: bool) -> Node | None:
        """Go through a term. Gives the schema of its value, or None when nothing is known, or all is said."""
        kind, value = term["type"], term["value"]
        if kind in ("ref", "var"):
            return self._reference(term, silent)
        if kind == "call":
            return self._call(value, silent, term)
        if kind in ("array", "set"):
            for item in value:
                self._term(item, silent)
        elif kind == "object":
            for key, item in value:
                self._term(key, silent)
                self._term(item, silent)
        elif kind.endswith("comprehension"):
            self._body(value["body"], silent)
            for key in ("term", "key", "value"):
                if key in value:
                    self._term(value[key], silent)
        return None  # in a template string, what is undefined is shown as such

    def _reference(self, term: Node, silent: bool) -> Node | None:
        parts = term["value"] if term["type"] == "ref" else [term]
        for part in parts[1:]:
            if part["type"] not in ("string", "number", "var"):
                self._term(part, silent)
        target = self._walk.policy.resolve(self._rule.module, term, self._local)
        if target is None:
            head = parts[0]
            if head["type"] == "var":
                schema, shown = self._schemas.get(head["value"]), head["value"]
            else:
                schema = self._term(head, silent)
                shown = f"{operator(head['value'][0])}(...)" if head["type"] == "call" else "it"
            return None if schema is None else self._follow(schema, parts[1:], shown, term, silent)
        root, path = target
        if root == "input":
            given = len(path) - (len(parts) - 1)
            ahead: list[Node] = [{"type": "string", "value": name} for name in path[:given]]
            return self._follow(self._walk.schema, [*ahead, *parts[1:]], "input", term, silent)
        rules, schema = self._walk.rules_at(path, silent)
        if rules:
            below = len(path) - len(rules[0].path)
            if schema is None or below < 0:
                return None
            return self._follow(schema, parts[len(parts) - below :], rules[0].path[-1], term, silent)
        if silent:
            if missing := self._walk.holds(path):
                self._walk.report(self._rule, term, f"`{missing}` is not in the data of this policy set")
            elif any(self._looked_up(part) for part in parts[1:]):
                self._walk.report(
                    self._rule, term, "the data may have nothing under the key that is looked up"
                )
        return None

    def _follow(self, schema: Node, parts: list[Node], shown: str, term: Node, silent: bool) -> Node | None:
        for part in parts:
            schema, nullable = _not_null(schema)
            if nullable:
                self._missing(term, f"`{shown}` may be null", silent)
                return None
            if part["type"] == "string":
                name = part["value"]
                below = f"{shown}.{name}" if name.isidentifier() else f'{shown}["{name}"]'
                known = schema.get("properties", {})
                if name not in known or name not in schema.get("required", ()):
                    self._missing(term, f"`{below}` may be missing", silent)
                    return None
                schema, shown = known[name], below
            elif self._looked_up(part):
                self._missing(term, f"`{shown}` may have nothing under the key that is looked up", silent)
                return None
            else:
                schema, shown = _items(schema), f"{shown}[_]"
        return schema

    def _missing(self, term: Node, reason: str, silent: bool) -> None:
        if silent:
            self._walk.report(self._rule, term, reason)

    def _looked_up(self, part: Node) -> bool:
        # A variable that nothing has bound yet goes over all that is there; any other is one key.
        if part["type"] == "var":
            return part["value"] in self._bound
        return str(part["type"]) != "string"


_SPELLED = {"div": "/", "rem": "%"}


def _may_fail(name: str, arguments: list[Node]) -> bool:
    if name in PARTIAL:
        return not all(_constant(argument) for argument in arguments)
    decisive = _UNLESS_CONSTANT.get(name)
    if decisive is None or decisive >= len(arguments):
        return False
    argument = arguments[decisive]
    zero: bool = name in _SPELLED and argument["value"] == 0
    return zero or not _constant(argument)


def _constant(term: Node) -> bool:
    if term["type"] in ("array", "set"):
        return all(_constant(item) for item in term["value"])
    return term["type"] in ("string", "number", "boolean", "null")


def _not_null(schema: Any) -> tuple[Node, bool]:
    several = schema.get("anyOf") if isinstance(schema, Mapping) else None
    if not several:
        return (schema if isinstance(schema, Mapping) else _FREE), False
    other = [one for one in several if one.get("type") != "null"]
    return (other[0] if len(other) == 1 else _FREE), len(other) < len(several)


def _items(schema: Node) -> Node:
    schema, _ = _not_null(schema)
    for key in ("items", "additionalProperties"):
        if isinstance(schema.get(key), Mapping):
            return schema[key]  # type: ignore[no-any-return]
    return _FREE
