"""One clause of a rule, as `licet.policies.silence` goes through it: its variables, and what is known of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from licet.policies.library_answers import of_library, silent_answer
from licet.policies.partial import SPELLED, constant, may_fail
from licet.policies.schemas import items, not_null
from licet.policies.syntax import Node, Rule, locals_of, operator, variables
from licet.policies.tendency import Wish, against, keeps, wished

if TYPE_CHECKING:
    from licet.policies.silence import Walk


@dataclass(frozen=True, eq=False, slots=True)
class _Meaning:
    """What a variable stands for: a term, and what was known where it was assigned."""

    clause: Clause
    term: Node
    silent: bool
    bound: frozenset[str]


@dataclass(frozen=True, slots=True)
class Given:
    """What is known of an argument that a function is called with."""

    schema: Node | None = None
    meaning: _Meaning | None = None

    @property
    def identity(self) -> tuple[int, int]:
        """By which two are told apart; of a meaning its term, as calls of calls would be gone through too often."""
        return id(self.schema), id(self.meaning.term) if self.meaning else 0


class Clause:
    """A clause that is gone through."""

    def __init__(self, walk: Walk, rule: Rule, clause: Node, given: tuple[Given, ...]) -> None:
        self._walk, self._rule, self._clause, self._given = walk, rule, clause, given
        self._local = locals_of(clause)
        self._bound: set[str] = set()
        self._schemas: dict[str, Node | None] = {}
        self._meanings: dict[str, _Meaning] = {}
        self._recalled: set[tuple[object, ...]] = set()
        self._named: set[str] = set()
        self._outside = False

    def go(self, side: bool, small: bool, wish: Wish) -> Node | None:
        """Go through it. Gives the schema of the value of its head.

        Args:
            side: whether the root is silent when the body is undefined.
            small: whether it is silent when the value is smaller than it should be.
            wish: the constant that the value is compared with.
        """
        head = self._clause["head"]
        parameters = head.get("args") or ()
        for place, parameter in enumerate(parameters):
            given = self._given[place] if place < len(self._given) else Given()
            self._bind(parameter, given.schema, side)
            if given.meaning is not None and parameter["type"] == "var":
                self._meanings[parameter["value"]] = given.meaning
        self._outside = side
        self._body(self._clause.get("body", ()), side)
        if head.get("key") is not None:
            self._term(head["key"], side)
        if head.get("value") is None:
            return None
        return self._term(head["value"], side, side if head.get("key") is not None else small, wish)

    def _bind(self, pattern: Node, schema: Node | None, silent: bool) -> None:
        """Let the variables of a pattern stand for the parts of a value. What a pattern names has to be there."""
        if pattern["type"] == "var":
            self._schemas[pattern["value"]] = schema
        elif pattern["type"] == "object" and schema is not None:
            for key, part in pattern["value"]:
                self._bind(part, self._follow(schema, [key], "{...}", key, silent), silent)
        elif pattern["type"] == "array" and schema is not None and not_null(schema)[0].get("type") == "array":
            self._missing(pattern, "what is taken apart may have another length", silent)
        self._bound |= set(variables(pattern))

    @contextmanager
    def _scope(self) -> Iterator[None]:
        """What a comprehension, or `every`, binds counts in it alone."""
        bound, named, outside = set(self._bound), set(self._named), self._outside
        yield
        self._bound, self._named, self._outside = bound, named, outside

    def _body(self, body: Any, silent: bool) -> None:
        self._named |= {name for expr in body for name in _compared(expr)}
        for expr in body:
            self._expr(expr, silent)

    def _expr(self, expr: Node, silent: bool) -> None:
        terms = expr["terms"]
        for changed in expr.get("with") or ():
            self._term(changed["value"], silent)
        # OPA works out what is called with, and keys that are worked out, before the `not`: where one of them is
        # undefined, the condition does not hold either way.
        self._outside = silent
        silent = silent != bool(expr.get("negated"))
        if isinstance(terms, list):
            self._call(terms, silent, silent, expr)
        elif "symbols" in terms:
            for symbol in terms["symbols"]:
                if symbol["type"] == "call":
                    *targets, collection = symbol["value"][1:]
                    self._iterate(targets, collection, silent, silent)
        elif "domain" in terms:
            targets = [terms[key] for key in ("key", "value") if terms.get(key)]
            with self._scope():
                self._iterate(targets, terms["domain"], silent, not silent)
                self._body(terms["body"], silent)
        else:
            self._term(terms, silent)

    def _iterate(self, targets: list[Node], collection: Node, silent: bool, small: bool) -> None:
        schema = self._term(collection, silent, small)
        if schema is not None and len(targets) == 2:
            self._key(targets[0], schema, collection, silent)
        for target in targets:
            self._bound |= set(variables(target))
        if targets[-1]["type"] == "var":  # an element that does not fit a pattern is passed over
            self._schemas[targets[-1]["value"]] = None if schema is None else items(schema)

    def _key(self, key: Node, schema: Node, collection: Node, silent: bool) -> None:
        """One key of all that are gone over, where it is said which one."""
        if key["type"] == "string" or (key["type"] == "var" and key["value"] in self._named):
            self._follow(schema, [key], _shown(collection), collection, silent)

    def _call(
        self, terms: list[Node], silent: bool, small: bool, node: Node, wish: Wish = None
    ) -> Node | None:
        name, arguments = operator(terms[0]), terms[1:]
        if name == "print":  # it shows what is undefined as such, and holds
            return None
        if name == "assign" or (name == "eq" and any(self._is_pattern(one) for one in arguments)):
            self._assign(arguments[0], arguments[1], silent, name == "eq")
            return None
        target = self._walk.policy.resolve(self._rule.module, terms[0], self._local)
        given = tuple(
            self._argument(name, arguments, place, silent, small if target is None else silent)
            for place in range(len(arguments))
        )
        if target is not None:
            if of_library(target[1]):
                reason = silent_answer(target[1], arguments, self._walk.offering)
                if reason is not None and small:
                    self._walk.report(self._rule, node, reason)
                return None
            return self._walk.rules_at(target[1], silent, small, wish, given)[1]
        if silent and may_fail(name, arguments):
            self._walk.report(
                self._rule, node, f"`{SPELLED.get(name, name)}` gives nothing for some arguments"
            )
        if name in ("eq", "equal"):
            self._compare(arguments, given, silent)
        return given[0].schema if keeps(name) else None

    def _argument(self, name: str, arguments: list[Node], place: int, silent: bool, small: bool) -> Given:
        argument = arguments[place]
        inside = name in ("eq", "equal") and argument["type"] in ("ref", "var")
        wish = None
        if name in ("eq", "equal", "neq") and len(arguments) == 2:
            wish = wished(arguments[1 - place])
        side = silent if inside else self._outside
        schema = self._term(argument, side, small != against(name, arguments, place), wish)
        if argument["type"] == "var" and argument["value"] in self._meanings:
            return Given(schema, self._meanings[argument["value"]])
        whole = argument["type"] not in ("string", "number", "boolean", "null")
        return Given(schema, self._meaning(argument, side) if whole else None)

    def _compare(self, arguments: list[Node], given: tuple[Given, ...], silent: bool) -> None:
        """What is compared with an object that is written out has to have its keys."""
        for one, other in zip(arguments, reversed(given), strict=True):
            if one["type"] == "object" and other.schema is not None:
                for key, _ in one["value"]:
                    self._follow(other.schema, [key], "{...}", key, silent)

    def _assign(self, one: Node, other: Node, silent: bool, either: bool) -> None:
        if one["type"] == other["type"] == "array" and len(one["value"]) == len(other["value"]):
            for part, item in zip(one["value"], other["value"], strict=True):
                self._assign(part, item, silent, either)
            return
        pattern, value = (other, one) if either and not self._is_pattern(one) else (one, other)
        # What is missing in what a variable stands for counts where the variable is read.
        later = pattern["type"] == "var"
        schema = self._term(value, silent, False if later else None)
        self._bind(pattern, schema, silent)
        if later:
            self._meanings[pattern["value"]] = self._meaning(value, silent)

    def _meaning(self, term: Node, silent: bool) -> _Meaning:
        return _Meaning(self, term, silent, frozenset(self._bound))

    def _recall(self, name: str, silent: bool, small: bool, wish: Wish) -> None:
        """Go again through what a variable stands for, as it is read now."""
        meaning = self._meanings.get(name)
        if meaning is not None:
            meaning.clause.again(meaning, silent and meaning.silent, small, wish)

    def again(self, meaning: _Meaning, silent: bool, small: bool, wish: Wish) -> None:
        """Go through a term that a variable of this clause stands for, as if it stood where the variable is read."""
        key = (id(meaning.term), silent, small, wish)
        if key in self._recalled:
            return
        self._recalled.add(key)
        with self._scope():
            self._bound, self._outside = set(meaning.bound), silent
            self._term(meaning.term, silent, small, wish)

    def _is_pattern(self, term: Node) -> bool:
        """Whether it has a variable that stands for nothing yet."""
        return term["type"] in ("var", "array", "object") and any(
            name not in self._bound and self._is_variable(name) for name in variables(term)
        )

    def _is_variable(self, name: str) -> bool:
        term = {"type": "var", "value": name}
        return self._walk.policy.resolve(self._rule.module, term, self._local) is None

    def _term(self, term: Node, silent: bool, small: bool | None = None, wish: Wish = None) -> Node | None:
        """Go through a term. Gives the schema of its value, or None when nothing is known, or all is said."""
        kind, value = term["type"], term["value"]
        small = silent if small is None else small
        if kind in ("ref", "var"):
            return self._reference(term, silent, small, wish)
        if kind == "call":
            return self._call(value, silent, small, term, wish)
        if kind in ("array", "set"):
            for item in value:
                self._term(item, silent, small)
        elif kind == "object":
            for key, item in value:
                self._term(key, silent)
                self._term(item, silent)
        elif kind.endswith("comprehension"):
            with self._scope():
                self._outside = small
                self._body(value["body"], small)
                for key in ("term", "key", "value"):
                    if key in value:
                        self._term(value[key], small)
        return None  # in a template string, what is undefined is shown as such

    def _reference(self, term: Node, silent: bool, small: bool, wish: Wish) -> Node | None:
        parts = term["value"] if term["type"] == "ref" else [term]
        for part in parts[1:]:
            if part["type"] not in ("string", "number", "var"):
                self._term(part, self._outside)
        target = self._walk.policy.resolve(self._rule.module, term, self._local)
        if target is None:
            head = parts[0]
            if len(parts) > 1:  # where there is less in a collection, an element of it is undefined
                small, wish = silent, None
            if head["type"] == "var":
                self._recall(head["value"], silent, small, wish)
                schema, shown = self._schemas.get(head["value"]), head["value"]
            else:
                schema = self._term(head, silent, small)
                shown = _shown(head)
            return None if schema is None else self._follow(schema, parts[1:], shown, term, silent)
        root, path = target
        if root == "input":
            given = len(path) - (len(parts) - 1)
            ahead: list[Node] = [{"type": "string", "value": name} for name in path[:given]]
            return self._follow(self._walk.schema, [*ahead, *parts[1:]], "input", term, silent)
        rules, schema = self._walk.rules_at(path, silent, small, wish)
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
            schema, nullable = not_null(schema)
            if nullable:
                self._missing(term, f"`{shown}` may be null", silent)
                return None
            if part["type"] == "string":
                name = part["value"]
                below = f"{shown}.{name}" if name.isidentifier() else f'{shown}["{name}"]'
                known = schema.get("properties", {})
                if name not in known or name not in schema.get("required", ()):
                    gone = self._walk.offering and below in ("input.call", "input.allowance")
                    self._missing(
                        term,
                        f"`{below}` {'is not there when tools are offered' if gone else 'may be missing'}",
                        silent,
                    )
                    return None
                schema, shown = known[name], below
            elif self._looked_up(part):
                self._missing(term, f"`{shown}` may have nothing under the key that is looked up", silent)
                return None
            else:
                schema, shown = items(schema), f"{shown}[_]"
        return schema

    def _missing(self, term: Node, reason: str, silent: bool) -> None:
        if silent:
            self._walk.report(self._rule, term, reason)

    def _looked_up(self, part: Node) -> bool:
        # A variable that nothing has bound yet goes over all that is there; any other is one key.
        if part["type"] == "var":
            return part["value"] in self._bound or part["value"] in self._named
        return str(part["type"]) != "string"


def _shown(term: Node) -> str:
    """How a message shows a term of which parts are read."""
    if term["type"] == "call":
        return f"{operator(term['value'][0])}(...)"
    if term["type"] == "ref":
        return ".".join(str(part["value"]) for part in term["value"])
    return str(term["value"]) if term["type"] == "var" else "it"


def _compared(expr: Node) -> Iterator[str]:
    """The variables that an expression sets equal to a constant, or to one of several."""
    terms = expr["terms"]
    if expr.get("negated") or not isinstance(terms, list) or len(terms) != 3:
        return
    name, one, other = operator(terms[0]), terms[1], terms[2]
    if name in ("eq", "equal"):
        pairs = [(one, other), (other, one)]
    else:
        pairs = [(one, other)] if name == "internal.member_2" else []
    for variable, value in pairs:
        if variable["type"] == "var" and constant(value):
            yield variable["value"]
