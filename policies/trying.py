"""Trying a policy set: its tests, with what they cover, and one decision as OPA itself explains it."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from licet.policies import toolchain
from licet.policies.bundle import ENTRYPOINT, Bundle
from licet.policies.errors import PolicyError
from licet.policies.library import Sources, bundle_name, shipped, with_paths
from licet.policies.syntax import Policy, Rule
from licet.policies.verdicts import Evaluation, Refused, TestResult


@dataclass(frozen=True, slots=True)
class RuleCoverage:
    """What the tests covered of one definition of a rule.

    Attributes:
        rule: such as `data.licet.user.refunds.deny`.
        file, line: where the definition begins, in the user's own file.
        covered: how many of its lines the tests came to.
        missed: the lines they did not.
    """

    rule: str
    file: str
    line: int
    covered: int
    missed: tuple[int, ...]

    @property
    def percent(self) -> float:
        """How much of it was covered."""
        return 100 * self.covered / (self.covered + len(self.missed))


@dataclass(frozen=True, slots=True)
class Tried:
    """How the tests of a policy set ended.

    Attributes:
        results: each test, by the user's own file and line.
        passed: whether at least one test ran and none failed.
        coverage: OPA's coverage report, by file of the bundle; None when it was not asked for or a test failed.
        rules: the same for each of the user's rules.
    """

    results: tuple[TestResult, ...]
    passed: bool
    coverage: Mapping[str, Any] | None
    rules: tuple[RuleCoverage, ...]


_OWN = "data.licet.user."
"""Where a step of ours names a rule of the user's: that the rule was looked up, and did not even begin to hold."""


def run_tests(paths: Sequence[Path], data: Sequence[Path] = (), *, coverage: bool = False) -> Tried:
    """Run the tests among folders and files of Rego, together with Licet's library, as `opa test` does.

    Paths and data are those of `licet.policies.library.with_paths`.

    Raises:
        OpaMissing: there is no toolchain to run them.
        PolicyError: they do not compile.
    """
    sources = with_paths(paths, data, tests=True)
    tool = toolchain.find()
    try:
        run = tool.test(sources.files, coverage=coverage)
        rules = () if run.coverage is None else _by_rule(run.coverage, tool.parse(sources.files), sources)
    except Refused as refused:
        raise PolicyError(toolchain.faults(refused.problems, sources)) from None
    return Tried(tuple(_named(result, sources) for result in run.results), run.passed, run.coverage, rules)


def explain(policies: Path | None, input: bytes) -> Evaluation:
    """The decision on one input as OPA explains it: its trace, and what the rules printed.

    The trace has the steps in the user's own rules; where there are none, every step.

    Args:
        policies: as for `licet.policies.load`.
        input: a JSON document.

    Raises:
        OpaMissing: there is no toolchain to evaluate it.
        PolicyError: the policy does not compile, or its evaluation ended in an error.
    """
    sources = _sources(policies)
    try:
        found = toolchain.find().evaluate(
            sources.files, f"data.{ENTRYPOINT.replace('/', '.')}", input, explain=True
        )
    except Refused as refused:
        raise PolicyError(toolchain.faults(refused.problems, sources)) from None
    own = [line for line in found.trace.splitlines() if line.startswith("user/") or _OWN in line]
    return replace(found, trace="\n".join(own) + "\n") if own else found


def _sources(policies: Path | None) -> Sources:
    if policies is None:
        return shipped()
    if policies.is_dir():
        return with_paths([policies])
    bundle = Bundle.unpack(policies.read_bytes(), str(policies))
    # What was compiled as the entry point is no longer in the bundle's Rego.
    return Sources({**bundle.modules, **shipped().files, "data.json": bundle.data}, {})


def _named(result: TestResult, sources: Sources) -> TestResult:
    failed_at = result.failed_at
    if failed_at is not None:
        failed_at = (_origin(failed_at[0], sources), failed_at[1])
    return replace(result, file=_origin(result.file, sources), failed_at=failed_at)


def _origin(file: str, sources: Sources) -> str:
    return toolchain.place(bundle_name(file), None, sources)[0]


def _by_rule(
    report: Mapping[str, Any], trees: Mapping[str, Any], sources: Sources
) -> tuple[RuleCoverage, ...]:
    files = {bundle_name(file): part for file, part in report["files"].items()}
    found = [
        _of_rule(rule, files.get(rule.module.file, {}), sources)
        for rule in Policy(trees).rules
        if rule.module.file.startswith("user/") and not rule.module.file.endswith("_test.rego")
    ]
    return tuple(one for one in found if one.covered or one.missed)


def _of_rule(rule: Rule, report: Mapping[str, Any], sources: Sources) -> RuleCoverage:
    first = rule.place[0]
    text = base64.b64decode(rule.node["location"]["text"])
    lines = range(first, first + text.count(b"\n") + 1)
    covered = _rows(report.get("covered")) & set(lines)
    missed = (_rows(report.get("not_covered")) & set(lines)) - covered
    name = ".".join(("data", *rule.path))
    return RuleCoverage(name, _origin(rule.module.file, sources), first, len(covered), tuple(sorted(missed)))


def _rows(ranges: Sequence[Mapping[str, Any]] | None) -> set[int]:
    return {row for one in ranges or () for row in range(one["start"]["row"], one["end"]["row"] + 1)}
