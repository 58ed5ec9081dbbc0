"""What is wrong with a policy although it compiles: rules that nobody reads, that may contradict or fall silent.

A finding that is meant so is accepted in the metadata of its rule, with the reason:

    # METADATA
    # custom:
    #   licet:
    #     accept:
    #       silent: The tool requires an amount.

Metadata: https://www.openpolicyagent.org/docs/policy-language#annotations
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from licet.policies.exclusion import exclusive
from licet.policies.form import malformed
from licet.policies.silence import hazards
from licet.policies.syntax import Node, Path, Policy, Rule, bare, expressions, locals_of, place, references

LINTS: Mapping[str, str] = {
    "unreachable": "a rule that the decision never reads",
    "no-default": "a value that is read where it may be undefined",
    "conflict": "a rule that may have two values at once, and then there is no decision",
    "silent": "a denial, an approval or a hiding that a missing field or a failing builtin would silence",
    "form": "a grant, denial, approval, obligation or hiding of a form that denies every call, or hides every tool",
    "accept": "an acceptance that accepts nothing",
}
"""What is looked for, by name."""

SETS = ("grant", "deny", "approval", "obligation", "hide")
"""What the decision, and what a run is offered, reads of a package `licet.user.NAME`."""

TOO_DEEP = (
    "nested too deeply to be checked: give parts of a long expression names, in rules of their own, and let fewer "
    "rules read one another in a chain"
)
"""Of what Python's recursion does not get through."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong.

    Attributes:
        lint: a name in `LINTS`.
        file: by its path in the bundle.
        line, column: counted from 1.
        reason: what is wrong, and what to do about it.
    """

    lint: str
    file: str
    line: int
    column: int
    reason: str


def lint(trees: Mapping[str, Node], schema: Node, data: Mapping[str, Any]) -> list[Finding]:
    """What is wrong with the user's rules, those in files under `user/`.

    Args:
        trees: the syntax tree of each file, the library's too.
        schema: of the input.
        data: the base documents.
    """
    return _Lint(trees, schema, data).run()


class _Lint:
    def __init__(self, trees: Mapping[str, Node], schema: Node, data: Mapping[str, Any]) -> None:
        self._policy = Policy(trees)
        self._own = [rule for rule in self._policy.rules if rule.module.file.startswith("user/")]
        self._schema, self._data = schema, data
        self._accepted = _Accepted(self._policy)
        self._findings: list[Finding] = []

    def run(self) -> list[Finding]:
        self._unreachable()
        self._no_default()
        self._conflict()
        for rule in self._roots():
            for node, reason in malformed(rule):
                self._find("form", rule, reason, place(node))
            if rule.path[3] in ("deny", "approval", "hide"):
                self._silent(rule)
        self._findings += self._accepted.left_over()
        return sorted(set(self._findings), key=lambda one: (one.file, one.line, one.column, one.lint))

    def _roots(self) -> list[Rule]:
        return [rule for rule in self._own if _is_root(rule.path)]

    def _find(
        self, name: str, rule: Rule, reason: str, where: tuple[int, int] | None = None, *also: Rule
    ) -> None:
        accepted = [self._accepted.accepts(name, one) for one in (rule, *also)]  # each of them is then of use
        if any(accepted):
            return
        line, column = where or rule.place
        self._findings.append(Finding(name, rule.module.file, line, column, reason))

    def _unreachable(self) -> None:
        reached: set[Path] = set()
        ahead = self._roots()
        while ahead:
            rule = ahead.pop()
            if rule.path not in reached:
                reached.add(rule.path)
                ahead += [read for same in self._policy.at(rule.path) for read in self._policy.reads(same)]
        for rule in _first_of_each(self._own):
            if rule.path not in reached:
                self._find(
                    "unreachable",
                    rule,
                    f"the decision never reads `{'.'.join(rule.path)}`: it reads {', '.join(SETS[:-1])} and {SETS[-1]} "
                    "of packages licet.user.NAME, and what these read",
                )

    def _no_default(self) -> None:
        read = {path: where for rule in self._own for path, where in self._values_read(rule)}
        for path, rules in _by_path(self._own).items():
            first = rules[0]
            if path not in read or first.kind != "complete" or _is_root(path):
                continue
            if any(rule.is_default or not rule.conditional() for rule in rules):
                continue
            reader, line = read[path]
            self._find(
                "no-default",
                first,
                f"`{path[-1]}` has no default, and line {line} of {reader} reads its value: where none of its "
                f"conditions holds, what reads it is silent. Give it one: default {path[-1]} := ...",
            )

    def _values_read(self, rule: Rule) -> Iterator[tuple[Path, tuple[str, int]]]:
        """Rules whose value is used, and not only whether they hold."""
        for clause in rule.clauses():
            local = locals_of(clause)
            conditions = {
                id(expr["terms"]) for expr in expressions(clause) if isinstance(expr["terms"], Mapping)
            }
            for term in references(clause):
                found = self._policy.resolve(rule.module, term, local)
                if id(term) in conditions or found is None or found[0] != "data":
                    continue
                where = (rule.module.file.removeprefix("user/"), (place(term) or rule.place)[0])
                yield from (
                    (read.path, where) for read in self._policy.at(found[1]) if read.kind == "complete"
                )

    def _conflict(self) -> None:
        for rules in _by_path(self._own).values():
            definitions = [
                rule for rule in rules if not rule.is_default and rule.kind in ("complete", "function")
            ]
            for number, one in enumerate(definitions):
                for other in definitions[number + 1 :]:
                    if _values(one) == _values(other) and len(_values(one)) == 1:
                        continue
                    if not exclusive(one, other):
                        self._find(
                            "conflict",
                            other,
                            f"this and line {one.place[0]} may hold at once with different values, and then there is "
                            "no decision and every call is denied; join them with `else`",
                            None,
                            one,
                        )

    def _silent(self, root: Rule) -> None:
        offering = root.path[3] == "hide"
        what = {"deny": "denial", "approval": "approval", "hide": "hiding"}[root.path[3]]
        try:
            found = list(hazards(self._policy, root, self._schema, self._data, offering=offering))
        except RecursionError:
            self._find("silent", root, f"what this {what} reads is {TOO_DEEP}")
            return
        for hazard in found:
            line = root.place[0]
            whose = (
                f"this {what}"
                if hazard.rule is root
                else f"the {what} in line {line} of {root.module.file[5:]}"
            )
            self._find(
                "silent",
                hazard.rule,
                f"{hazard.reason}, and then {whose} does not fire. Say instead when it is not due, in a rule "
                "that is read below `not`; or accept it, with the reason",
                (hazard.line, hazard.column),
                root,
            )


def _is_root(path: Path) -> bool:
    return path[:2] == ("licet", "user") and len(path) > 3 and path[3] in SETS


def _by_path(rules: Iterable[Rule]) -> dict[Path, list[Rule]]:
    found: dict[Path, list[Rule]] = {}
    for rule in rules:
        found.setdefault(rule.path, []).append(rule)
    return found


def _first_of_each(rules: Iterable[Rule]) -> list[Rule]:
    return [same[0] for same in _by_path(rules).values()]


def _values(rule: Rule) -> set[str]:
    """The values it may have, as text; a value that is not constant is different each time."""
    found = set()
    for clause in rule.clauses():
        value = clause["head"].get("value") or {"type": "boolean", "value": True}
        constant = value["type"] in ("string", "number", "boolean", "null")
        found.add(repr(bare(value)) if constant else f"{id(value)}")
    return found


class _Accepted:
    """What the metadata accepts, and whether there was anything to accept."""

    def __init__(self, policy: Policy) -> None:
        self._of_rules: dict[int, list[_Acceptance]] = {}
        self._all: dict[tuple[str, int], list[_Acceptance]] = {}
        for rule in policy.rules:
            packages = [
                note for note in rule.module.tree.get("annotations") or () if note["scope"] == "package"
            ]
            for note in (*packages, *(rule.node.get("annotations") or ())):
                line, column = place(note) or (1, 1)
                key = (rule.module.file, line)
                if key not in self._all:
                    self._all[key] = _acceptances(note, rule.module.file, line, column)
                self._of_rules.setdefault(id(rule), []).extend(self._all[key])

    def accepts(self, name: str, rule: Rule) -> bool:
        found = [one for one in self._of_rules.get(id(rule), ()) if one.lint == name and not one.wrong]
        for one in found:
            one.used = True
        return bool(found)

    def left_over(self) -> list[Finding]:
        return [
            Finding(
                "accept",
                one.file,
                one.line,
                one.column,
                one.wrong or f"there is no `{one.lint}` here to accept",
            )
            for several in self._all.values()
            for one in several
            if (one.wrong or not one.used) and one.file.startswith("user/")
        ]


@dataclass(slots=True)
class _Acceptance:
    lint: str
    file: str
    line: int
    column: int
    wrong: str = ""
    used: bool = False


def _acceptances(note: Node, file: str, line: int, column: int) -> list[_Acceptance]:
    custom = note.get("custom") or {}
    of_ours = custom.get("licet")
    if of_ours is None:
        return []
    accepted = of_ours.get("accept") if isinstance(of_ours, Mapping) and set(of_ours) == {"accept"} else None
    if not isinstance(accepted, Mapping):
        wrong = "`custom.licet` holds `accept`, and that the reason for each finding, by its name"
        return [_Acceptance("", file, line, column, wrong)]
    found = []
    for name, reason in accepted.items():
        wrong = ""
        if name not in LINTS or name in ("form", "accept"):
            may = ", ".join(known for known in LINTS if known not in ("form", "accept"))
            wrong = f"`{name}` cannot be accepted; {may} can"
        elif not isinstance(reason, str) or not reason.strip():
            wrong = f"say why `{name}` is accepted"
        found.append(_Acceptance(name, file, line, column, wrong))
    return found
