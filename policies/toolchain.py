"""OPA's compiler, test runner and evaluator, behind one interface: for whoever writes policies, not for asking them.

There are two of them, and they give the same results:

- the toolchain: OPA's library in the pinned version as one WebAssembly file, for every platform, which releases of
  Licet carry (`licet.policies.carried`);
- the `opa` program (`licet.policies.opa_program`).

The program that LICET_OPA names is taken first, for whoever names one means it; then the toolchain, if it is there;
then an `opa` on the PATH, which may be of another version.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, Protocol

import orjson

from licet.policies import opa_program
from licet.policies.bundle import ANOTHER_ENTRYPOINT, ENTRYPOINTS, entrypoints, unpacked
from licet.policies.carried import TOOLCHAIN, Carried
from licet.policies.data_keys import differing_lookups
from licet.policies.errors import Fault, PolicyError
from licet.policies.library import CAPABILITIES, INPUT_SCHEMA, Sources, bundle_name
from licet.policies.negations import negated_choices
from licet.policies.verdicts import Evaluation, Problem, Refused, TestRun

Files = Mapping[str, bytes]
"""The files of a policy set by their path in the bundle."""


class Toolchain(Protocol):
    """What OPA's command line does, on files that need lie nowhere."""

    @property
    def name(self) -> str:
        """Which one this is, for a message."""
        ...

    def version(self) -> str:
        """OPA's version, such as `1.22.0`."""
        ...

    def check(
        self, files: Files, *, capabilities: bytes | None, schema: bytes | None, strict: bool
    ) -> tuple[Problem, ...]:
        """What `opa check` says: nothing, when the files compile.

        Args:
            capabilities: what may be called, as OPA's capabilities.json has it; None for all that OPA has.
            schema: a JSON Schema of the input, or None.
            strict: whether unused imports and variables, and the like, are errors too.
        """
        ...

    def build(self, files: Files, *, entrypoints: Sequence[str], capabilities: bytes) -> bytes:
        """The bundle that `opa build --target wasm` makes.

        Raises:
            Refused: the files do not compile.
        """
        ...

    def plan(self, files: Files, *, entrypoints: Sequence[str], capabilities: bytes) -> dict[str, Any]:
        """What `build` compiles, as `opa build --target plan` gives it, prints included.

        Raises:
            Refused: the files do not compile.
        """
        ...

    def test(self, files: Files, *, coverage: bool) -> TestRun:
        """What `opa test` says of the tests among the files, and, when all of them pass, what they covered.

        Raises:
            Refused: the files do not compile.
        """
        ...

    def evaluate(self, files: Files, query: str, input: bytes, *, explain: bool) -> Evaluation:
        """What `opa eval` says of a query whose value is an object, and with `explain` OPA's trace of it.

        Raises:
            Refused: the files do not compile, or the evaluation ended in an error.
        """
        ...

    def parse(self, files: Files) -> dict[str, Any]:
        """The syntax tree of each `.rego` file, as `opa parse` gives it, with locations and annotations.

        Raises:
            Refused: a file does not parse.
        """
        ...


def find() -> Toolchain:
    """The toolchain to work with.

    Raises:
        OpaMissing: there is none; the message says how to get one.
    """
    if not os.environ.get("LICET_OPA") and TOOLCHAIN.is_file():
        return _carried()
    return opa_program.Program(opa_program.find())


@cache
def _carried() -> Carried:
    return Carried()


def build(sources: Sources) -> bytes:
    """The bundle of these sources, compiled to WebAssembly: the same bytes wherever the files came from.

    `check` looks first, strictly and with the schema of the input, because it says more than `build`.

    Raises:
        OpaMissing: there is no toolchain.
        PolicyError: the policy does not compile, calls a builtin that is not in capabilities.json, makes an entry
            point of a rule of its own, or has a place where a compiled policy may answer otherwise than OPA.
    """
    toolchain = find()
    capabilities = CAPABILITIES.read_bytes()
    found = toolchain.check(
        sources.files, capabilities=capabilities, schema=INPUT_SCHEMA.read_bytes(), strict=True
    )
    if found:
        raise PolicyError(faults(found, sources))
    try:
        raw = toolchain.build(sources.files, entrypoints=ENTRYPOINTS, capabilities=capabilities)
        files = unpacked(raw)
        if entrypoints(files) != set(ENTRYPOINTS):
            raise Refused(_other_entrypoints(toolchain.parse(sources.files)))
        if sources.origins:
            plan = toolchain.plan(sources.files, entrypoints=ENTRYPOINTS, capabilities=capabilities)
            differing = negated_choices(plan) + differing_lookups(plan, orjson.loads(files["data.json"]))
            if differing:
                raise Refused(differing)
    except Refused as refused:
        raise PolicyError(faults(refused.problems, sources)) from None
    return raw


def _other_entrypoints(trees: Mapping[str, Any]) -> list[Problem]:
    found = []
    for tree in trees.values():
        for annotation in tree.get("annotations") or ():
            if annotation.get("entrypoint"):
                place = annotation["location"]
                lines = base64.b64decode(place["text"]).decode(errors="replace").splitlines()
                down = next((at for at, line in enumerate(lines) if "entrypoint" in line), 0)
                found.append(Problem(ANOTHER_ENTRYPOINT, file=place["file"], line=place["row"] + down))
    return found or [Problem(ANOTHER_ENTRYPOINT)]


def faults(problems: Sequence[Problem], sources: Sources) -> list[Fault]:
    """What OPA found, with the files as the user knows them and the lines that are meant."""
    return [_fault(problem, sources) for problem in problems]


def place(name: str, line: int | None, sources: Sources) -> tuple[str, str | None]:
    """The user's name of a file of the bundle, and the text of one of its lines."""
    content = sources.files.get(name)
    text = content.decode(errors="replace").splitlines() if content is not None else []
    return str(sources.origins.get(name, name)), text[line - 1] if line and line <= len(text) else None


def _fault(problem: Problem, sources: Sources) -> Fault:
    reason = f"{problem.code}: {problem.message}" if problem.code else problem.message
    if not problem.file:
        return Fault(reason)
    file, source = place(bundle_name(problem.file), problem.line, sources)
    return Fault(reason, file, problem.line, source, problem.column)
