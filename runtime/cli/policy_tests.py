"""`licet policy test`: the tests that a policy's author wrote."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from licet.runtime.cli.options import AsJson
from licet.runtime.cli.terminal import as_json, complain, safe, say, table

if TYPE_CHECKING:
    from licet.policies.trying import Tried
    from licet.policies.verdicts import TestResult


def run_tests(
    paths: Annotated[
        list[Path],
        typer.Argument(
            metavar="PATH...", exists=True, help="Folders of Rego with tests (*_test.rego), or .rego files."
        ),
    ],
    data: Annotated[
        list[Path] | None,
        typer.Option(
            "--data", exists=True, metavar="PATH", show_default=False, help="More data, as for build."
        ),
    ] = None,
    coverage: Annotated[
        bool, typer.Option("--coverage", help="When all pass, also show what they cover of each rule.")
    ] = False,
    json: AsJson = False,
) -> None:
    """Run the tests of a policy, together with the shipped library, as `opa test` does.

    Exits 1 when a test fails, when the policy does not compile, or when there is no test.
    """
    from licet.policies import PolicyError
    from licet.policies.trying import run_tests as tried

    try:
        found = tried(paths, data or (), coverage=coverage)
    except PolicyError as error:
        complain(str(error))
        raise typer.Exit(1) from None
    if json:
        _as_json(found)
    else:
        _show(found, coverage)
    raise typer.Exit(0 if found.passed else 1)


def _as_json(found: Tried) -> None:
    rules = [asdict(rule) | {"percent": rule.percent} for rule in found.rules]
    as_json(
        {
            "passed": found.passed,
            "tests": [asdict(result) for result in found.results],
            "coverage": None if found.coverage is None else {"rules": rules, "report": found.coverage},
        }
    )


_STYLES = {"passed": "green", "failed": "red", "error": "red", "skipped": "yellow"}


def _show(found: Tried, coverage: bool) -> None:
    for result in found.results:
        _show_result(result)
    counts = {
        status: sum(result.status == status for result in found.results)
        for status in ("passed", "failed", "error", "skipped")
    }
    words = {"error": "ended in an error"}
    summary = ", ".join(f"{count} {words.get(status, status)}" for status, count in counts.items() if count)
    say(summary or "There is no test: a test is a rule called test_... in a file called ..._test.rego.",
        "bold green" if found.passed else "bold red")  # fmt: skip
    if not coverage:
        return
    if found.coverage is None:
        say("What they cover is told when all of them pass.", "yellow")
        return
    table(
        ["rule", "at", "covered", "lines that no test came to"],
        [
            [
                rule.rule,
                f"{rule.file}:{rule.line}",
                f"{rule.percent:.0f} %",
                ", ".join(str(line) for line in rule.missed),
            ]
            for rule in found.rules
        ],
    )


def _show_result(result: TestResult) -> None:
    say(f"{result.status:<7} {safe(result.package)}.{safe(result.name)} ({result.seconds * 1000:.1f} ms)",
        _STYLES[result.status])  # fmt: skip
    if result.failed_at is not None:
        say(f"{safe(result.failed_at[0])}:{result.failed_at[1]} does not hold", indent=2)
    if result.error:
        say(safe(result.error), indent=2)
    for name, status in result.cases.items():
        say(f"{status} {safe(name)}", _STYLES[status], indent=2)
    if result.status != "passed":
        for line in result.output.splitlines():
            say(f"printed: {safe(line)}", indent=2)
