"""What OPA's tools say, whichever of them was asked."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Problem:
    """One error of OPA's.

    Attributes:
        code: OPA's kind of error, such as `rego_type_error`; empty when OPA gives none.
        file: as OPA names it, or None when no single file is to blame.
        line, column: counted from 1.
    """

    message: str
    code: str = ""
    file: str | None = None
    line: int | None = None
    column: int | None = None

    @classmethod
    def of(cls, error: Mapping[str, Any]) -> Problem:
        """From the form that OPA's `--format json` gives an error.

        Raises:
            KeyError, TypeError, AttributeError: it is not of that form.
        """
        place = error.get("location") or {}
        return cls(
            str(error["message"]),
            str(error.get("code") or ""),
            place.get("file") or None,
            place.get("row") or None,
            place.get("col") or None,
        )


class Refused(Exception):
    """OPA could not do what it was asked to, for reasons that lie in the policy."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(problem.message for problem in problems))


@dataclass(frozen=True, slots=True)
class TestResult:
    """One test and how it ended.

    Attributes:
        package: such as `data.licet.user.refunds_test`.
        status: `passed`, `failed`, `skipped` or `error`.
        error: why it ended in an error; else empty.
        failed_at: file and line of the expression that did not hold, when it failed.
        output: what the test printed.
        seconds: how long it took.
        cases: a test of several cases (`test_x[note] if ...`): how each ended, by its name.
    """

    __test__ = False  # no test of pytest's

    file: str
    line: int
    package: str
    name: str
    status: str
    seconds: float
    error: str = ""
    failed_at: tuple[str, int] | None = None
    output: str = ""
    cases: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TestRun:
    """All tests of a policy set, in the order of their files and lines, and what they covered.

    Attributes:
        coverage: OPA's coverage report, or None when it was not asked for or a test did not pass.
    """

    __test__ = False

    results: tuple[TestResult, ...]
    coverage: Mapping[str, Any] | None = None

    @property
    def passed(self) -> bool:
        """Whether at least one test ran and none failed."""
        ran = [result for result in self.results if result.status != "skipped"]
        return bool(ran) and all(result.status == "passed" for result in ran)


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What a query came to.

    Attributes:
        value: its value, an object; a number that no float holds exactly is `int` or `Decimal`. None when it is
            undefined.
        trace: OPA's trace, one step on each line; empty when it was not asked for.
        printed: what the rules printed.
    """

    value: dict[str, Any] | None
    trace: str = ""
    printed: str = ""


def test_results(report: Sequence[Mapping[str, Any]]) -> tuple[TestResult, ...]:
    """From the report of `opa test --format json`.

    Raises:
        KeyError, TypeError, AttributeError: it is not of that form.
    """
    found = [_result(entry) for entry in report or ()]
    return tuple(sorted(found, key=lambda result: (result.file, result.line, result.name)))


def _result(entry: Mapping[str, Any]) -> TestResult:
    status = "passed"
    if entry.get("skip"):
        status = "skipped"
    elif entry.get("error"):
        status = "error"
    elif entry.get("fail"):
        status = "failed"
    error = entry.get("error") or ""
    cases: dict[str, str] = {}
    _cases(entry.get("sub_results") or {}, "", cases)
    return TestResult(
        file=entry["location"]["file"],
        line=entry["location"]["row"],
        package=entry["package"],
        name=entry["name"],
        status=status,
        seconds=entry["duration"] / 1e9,
        error=str(error.get("message", error)) if isinstance(error, Mapping) else str(error),
        failed_at=_failed_at(entry.get("trace") or ()) if status == "failed" else None,
        output=base64.b64decode(entry.get("output") or "").decode(errors="replace"),
        cases=cases,
    )


def _failed_at(trace: Sequence[Mapping[str, Any]]) -> tuple[str, int] | None:
    # As `opa test --var-values` finds it: the last expression that failed, and not the `every` around it.
    for event in reversed(trace):
        node, place = event.get("Node"), event.get("Location")
        if (
            event["Op"] == "Fail"
            and event.get("QueryID")
            and place
            and isinstance(node, Mapping)
            and "terms" in node
        ):
            terms = node["terms"]
            if not (isinstance(terms, Mapping) and "domain" in terms):
                return place["file"], place["row"]
    return None


def _cases(entries: Mapping[str, Any], above: str, into: dict[str, str]) -> None:
    for name, entry in sorted(entries.items()):
        if inner := entry.get("sub_results"):
            _cases(inner, f"{above}{name}/", into)
        else:
            into[f"{above}{name}"] = "failed" if entry.get("fail") else "passed"
