"""Where a denial or an approval could be silenced: by a field that may be missing, or a builtin that may fail.

To Rego both are `undefined`, and a rule whose condition is undefined does not hold. For a grant that is the safe side;
for a denial it is not. Below `not` it is the other way round: what is undefined there makes the condition hold. So the
walk goes from each denial and approval through the rules that it reads, and turns the side at each `not`. What the
schema says of a value goes with it into the functions that are called, and comes back with what a rule gives.

Of each value two things are known: whether the root is silent where it is undefined, and whether it is silent where
the value is smaller than it should be: false, or a set in which something is missing. See `licet.policies.tendency`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from licet.policies.clauses import Clause, Given
from licet.policies.library_answers import of_library
from licet.policies.schemas import without
from licet.policies.syntax import Node, Parts, Policy, Rule, place, unconditional
from licet.policies.tendency import Wish, verdict

NOT_OFFERED = frozenset({"call", "allowance"})
"""Fields of the input that are not there when tools are offered."""


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


def hazards(
    policy: Policy, root: Rule, schema: Node, data: Mapping[str, Any], *, offering: bool = False
) -> Iterator[Hazard]:
    """What could silence one denial, approval or hiding.

    Args:
        schema: of the input, JSON Schema.
        data: the base documents of the policy set.
        offering: it is asked when tools are offered, and nothing is called.
    """
    walk = Walk(policy, root, without(schema, NOT_OFFERED) if offering else schema, data, offering)
    walk.rule(root, True, True)
    yield from sorted(walk.found, key=lambda hazard: (hazard.rule.module.file, hazard.line, hazard.column))


class Walk:
    """The way from one root through what it reads."""

    def __init__(
        self, policy: Policy, root: Rule, schema: Node, data: Mapping[str, Any], offering: bool
    ) -> None:
        self.policy, self.schema, self.offering = policy, schema, offering
        self._root, self._data = root, data
        self._seen: dict[tuple[object, ...], Node | None] = {}
        self._kept: list[Given] = []
        self.found: list[Hazard] = []

    def rule(
        self, rule: Rule, silent: bool, small: bool, wish: Wish = None, given: tuple[Given, ...] = ()
    ) -> Node | None:
        """Go through a rule. Gives the schema of its value, or None when nothing is known of it.

        Args:
            silent: whether the root is silent when this is undefined.
            small: whether it is silent when this is smaller than it should be.
            wish: the constant that it is compared with; `small` says whether it should be that one.
            given: what a function is called with.
        """
        # Schemas of one place in the schema are one object, and so are the terms of one place in the policy.
        key = (id(rule), silent, small, wish, tuple(one.identity for one in given))
        if key not in self._seen and not rule.is_default:
            self._seen[key] = None
            self._kept += given  # so that no other takes their identity
            clauses = list(rule.clauses())
            sides = self._sides(rule, clauses, silent, small, wish)
            values = [
                Clause(self, rule, clause, given).go(side, small, wish)
                for clause, side in zip(clauses, sides, strict=True)
                if side is not None
            ]
            self._seen[key] = (
                values[0]
                if len(values) == len(clauses) == 1 and rule.kind in ("complete", "function")
                else None
            )
        return self._seen.get(key)

    def _sides(
        self, rule: Rule, clauses: list[Node], silent: bool, small: bool, wish: Wish
    ) -> Iterator[bool | None]:
        """For each clause whether the root is silent when its body is undefined; None when nothing depends on it.

        Where a clause does not hold, the next one speaks, and in the end the default. A clause that gives the wrong
        value must not hold wrongly, and so is on the other side.
        """
        if rule.kind not in ("complete", "function"):
            yield from (small for _ in clauses)
            return
        defaults = [
            verdict(one.head, wish)
            for one in self.policy.at(rule.path)
            if one.is_default and one.path == rule.path
        ]
        for number, clause in enumerate(clauses):
            says, following = verdict(clause["head"], wish), clauses[number + 1 :]
            after = [verdict(one["head"], wish) for one in following]
            if not following or not unconditional(following[-1]):
                after += defaults or [small is not silent]  # undefined is right or wrong, too
            if says is (not small):
                yield None if all(one is (not small) for one in after) else False
            elif any(one is (not small) for one in after):
                yield True
            else:
                yield None if says is small and all(one is small for one in after) else silent

    def rules_at(
        self, parts: Parts, silent: bool, small: bool, wish: Wish = None, given: tuple[Given, ...] = ()
    ) -> tuple[list[Rule], Node | None]:
        """Go through the rules that a reference under `data` reads. Gives them, and the schema of their value."""
        read = self.policy.at(parts)
        if of_library(parts) and not any(rule.module.file.startswith("user/") for rule in read):
            return read, None
        values = []
        for rule in read:
            # Where there is less in a collection, an element of it is undefined.
            as_read = (small, wish) if len(parts) == len(rule.path) else (silent, None)
            if not self._defaulted(rule, read, wish):
                values.append(self.rule(rule, silent, *as_read, given))
        return read, values[0] if len(values) == len(read) == 1 else None

    def _defaulted(self, rule: Rule, read: list[Rule], wish: Wish) -> bool:
        """Whether it has a default of which it is not known what it does to the root.

        That is what its author wants where nothing else can be said.
        """
        return any(
            one.is_default and one.path == rule.path and verdict(one.head, wish) is None for one in read
        )

    def report(self, rule: Rule, node: Node, reason: str) -> None:
        """Note a hazard."""
        line, column = place(node) or rule.place
        self.found.append(Hazard(self._root, rule, line, column, reason))

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
