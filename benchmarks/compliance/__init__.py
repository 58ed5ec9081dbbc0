"""OPA's own compliance cases, asked of the in-process engine: the same answer, or refused when built.

The Go program beside this file compiles the cases under our capabilities and has OPA answer them; here the compiled
policy answers, and the two are compared. `python -m benchmarks.compliance` writes the counts to docs/compliance.md.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from licet.audit.errors import ConfigurationError
from licet.policies.data_keys import differing_lookups
from licet.policies.errors import PolicyError
from licet.policies.library import CAPABILITIES
from licet.policies.wasm import EvaluationFailed, PolicyInstance, prepare

HOME = Path(__file__).resolve().parent
_PROGRAM = HOME.parents[1] / ".tools" / "compliance"
_DEADLINE = 30.0


class GoMissing(ConfigurationError):
    """The compliance cases are compiled by a Go program, and there is no Go here. https://go.dev/dl/ has it."""


class Outcome(Enum):
    """What became of a case. The value is the heading of its column."""

    SAME = "OPA's answer"
    REFUSED = "refused when built"
    STOPPED = "stopped"
    OTHER = "another answer"
    UNASKED = "cannot be asked"


@dataclass(frozen=True, slots=True)
class Case:
    """One case and what became of it.

    Attributes:
        category: the folder in OPA's sources that it lies in.
        note: its name there.
        detail: why it was refused or stopped, or the two answers.
    """

    category: str
    note: str
    outcome: Outcome
    detail: str = ""


def build() -> Path:
    """The compiled `main.go`; Go itself sees whether anything has changed.

    Raises:
        GoMissing: there is no Go.
        ConfigurationError: it does not compile.
    """
    go = shutil.which("go")
    if go is None:
        raise GoMissing("there is no go on the PATH; it compiles OPA's compliance cases: https://go.dev/dl/")
    _PROGRAM.parent.mkdir(exist_ok=True)
    done = subprocess.run(
        [go, "build", "-o", str(_PROGRAM), "."],
        cwd=HOME,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise ConfigurationError(f"benchmarks/compliance does not compile: {done.stderr.strip()}")
    return _PROGRAM


def run() -> list[Case]:
    """Every case of OPA's, asked.

    Raises:
        GoMissing: there is no Go.
        ConfigurationError: the Go program failed; with what it said.
    """
    with _answers(build()) as lines:
        return [case for module, cases in _modules(lines) for case in _of_module(module, cases)]


def _modules(lines: Iterator[bytes]) -> Iterator[tuple[dict[str, Any], list[dict[str, Any]]]]:
    """Each compiled module, with the cases that it is for; those that come to none have an empty one."""
    module: dict[str, Any] = {}
    cases: list[dict[str, Any]] = []
    for text in lines:
        if text.startswith(b'{"wasm"'):
            yield module, cases
            module, cases = json.loads(text), []
        else:
            cases.append(_loads(text))
    yield module, cases


def _of_module(module: dict[str, Any], cases: list[dict[str, Any]]) -> Iterator[Case]:
    wasm = base64.b64decode(module.get("wasm", ""))
    data = {case["place"]: json.loads(case["data"]) for case in cases if "place" in case}
    refused: dict[str, str] = {}
    for lookup in differing_lookups(module["plan"], data) if data else ():
        place = lookup.file.partition("/")[0]
        refused.setdefault(place, f"{lookup.file}:{lookup.line}: {lookup.reason}")
    for case in cases:
        yield _asked({**case, "refused": why} if (why := refused.get(case.get("place", ""))) else case, wasm)


@contextmanager
def _answers(program: Path) -> Iterator[Iterator[bytes]]:
    environment = {**os.environ, "TZ": "UTC"}
    zones = find_spec("tzdata")
    if zones is not None and zones.origin is not None:
        environment["ZONEINFO"] = str(Path(zones.origin).parent / "zoneinfo")
    with subprocess.Popen(
        [str(program), str(CAPABILITIES)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        yield iter(process.stdout)
        said = process.stderr.read().decode(errors="replace").strip()
        if process.wait():
            raise ConfigurationError(f"benchmarks/compliance ended with {process.returncode}: {said}")


def _loads(text: str | bytes) -> Any:
    return json.loads(text, parse_float=Decimal, parse_int=Decimal)


def _asked(case: dict[str, Any], wasm: bytes) -> Case:
    name = (case["category"], case["note"])
    if "refused" in case:
        return Case(*name, Outcome.REFUSED, case["refused"])
    if "inherent" in case:
        return Case(*name, Outcome.UNASKED, case["inherent"])
    data = f'{{"{case["place"]}": {case["data"]}}}' if "place" in case else case["data"]
    try:
        policy = prepare(wasm, data.encode(), case["entry"], _DEADLINE)
    except PolicyError as error:
        return Case(*name, Outcome.REFUSED, str(error))
    try:
        found = PolicyInstance(policy).evaluate(case.get("input", "").encode())
    except EvaluationFailed as failure:
        if "error" in case:
            return Case(*name, Outcome.SAME)
        return Case(*name, Outcome.STOPPED, str(failure))
    if "error" in case:
        return Case(*name, Outcome.OTHER, f"OPA ends with {case['error']}, and here it is {found.decode()}")
    if _same_rows(case["result"], _rows(case, _loads(found)), sort=case.get("sorted", False)):
        return Case(*name, Outcome.SAME)
    return Case(
        *name,
        Outcome.OTHER,
        f"OPA says {json.dumps(case['result'], default=str)}, and here it is {found.decode()}",
    )


def _rows(case: dict[str, Any], found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The bindings of a query, which for `data.a.b = x` are the answer of the entry point `a/b` under that name."""
    if variable := case.get("variable"):
        return [{variable: row["result"]} for row in found]
    return [{key: value for key, value in row.items() if not key.startswith("__localq")} for row in found]


def _same_rows(wanted: list[Any], rows: list[Any], *, sort: bool) -> bool:
    """Whether both are the same set of bindings."""

    def same(want: Any, row: Any) -> bool:
        names = dict(want["object"] or [])
        return names.keys() == row.keys() and all(_same(names[key], row[key], sort=sort) for key in names)

    return all(any(same(want, row) for row in rows) for want in wanted) and all(
        any(same(want, row) for want in wanted) for row in rows
    )


def _same(want: Any, found: Any, *, sort: bool = False) -> bool:
    """Whether a value of main.go's `typed` and one of JSON are the same; a set comes in any order."""
    if not isinstance(want, dict):
        return type(want) is type(found) and bool(want == found)
    ((kind, items),) = want.items()
    items = items or []
    if kind == "object":
        return (
            isinstance(found, dict)
            and len(items) == len(found)
            and all(name in found and _same(item, found[name]) for name, item in items)
        )
    if not isinstance(found, list) or len(items) != len(found):
        return False
    if kind == "array" and not sort:
        return all(map(_same, items, found))
    left = list(found)
    for item in items:
        place = next((at for at, other in enumerate(left) if _same(item, other)), None)
        if place is None:
            return False
        del left[place]
    return True


def page(cases: list[Case]) -> str:
    """docs/compliance.md."""
    counts = {outcome: sum(case.outcome is outcome for case in cases) for outcome in Outcome}
    lines = [
        _HEAD,
        _row("", "cases", *(outcome.value for outcome in Outcome)),
        "|---|" + "---:|" * (len(Outcome) + 1),
    ]
    lines.append(_row("**all**", len(cases), *counts.values()))
    for category in sorted({case.category for case in cases}):
        of = [case for case in cases if case.category == category]
        lines.append(
            _row(
                category, len(of), *(sum(case.outcome is outcome for case in of) or "" for outcome in Outcome)
            )
        )
    for outcome in (Outcome.OTHER, Outcome.STOPPED, Outcome.UNASKED):
        lines += ["", f"## {outcome.value.capitalize()}", "", _MEANING[outcome], ""]
        named = sorted(f"- `{case.category}`: {case.note}" for case in cases if case.outcome is outcome)
        lines += named or ["None."]
    return "\n".join(lines) + "\n"


def _row(*cells: object) -> str:
    return "| " + " | ".join(str(cell) for cell in cells) + " |"


_HEAD = """# Compliance

OPA carries its own compliance cases (`v1/test/cases/testdata/v1` of its Go module, here of OPA 1.22.0). Each of them is
compiled as a policy of Licet's is, under the same list of builtins, and asked of the in-process engine; OPA answers it
too. A case counts as *OPA's answer* when both have the same result, or when both have none because of an error. A case
that asks for strict errors is held against what OPA answers without them, as Licet and `opa run` work. Fifty cases at a
time are compiled together, each under a name of its own in `data`.

`python -m benchmarks.compliance` writes this page; a test counts again and fails when it differs. It needs Go.

- *refused when built*: it calls a builtin that is not given here ([builtins](builtins.md) says which and why), it is no
  policy that compiles to WebAssembly, or it looks something up in its data by a key that the two take differently.
  Each comes with file and line.
- *stopped*: the evaluation ends without a result, so the call is denied, with the cause.
- *another answer*: what must not be.
- *cannot be asked*: its input is no JSON document.
"""

_MEANING = {
    Outcome.OTHER: "The in-process engine answers, and not as OPA does.",
    Outcome.STOPPED: "OPA has an answer and the in-process engine ends without one, which denies the call.",
    Outcome.UNASKED: "The input holds a set, which no caller of Licet or of OPA's server can send.",
}
