"""The `opa` program as a toolchain for policies. Nothing here is needed to evaluate one."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson

from licet.audit.errors import ConfigurationError
from licet.policies.answer import parse
from licet.policies.bundle import unpacked
from licet.policies.errors import Fault, PolicyError
from licet.policies.verdicts import Evaluation, Problem, Refused, TestRun, test_results

PINNED = "1.22.0"
"""The version of OPA that the shipped bundle is built with, and that Licet's toolchain is."""

_TIMEOUT = 60.0
_PLACED = re.compile(
    r"^(?:\d+ errors? occurred(?: during loading)?:\s*)?(?P<file>[^\s:]+):(?P<line>\d+): (?P<reason>.+)$"
)


class OpaMissing(ConfigurationError):
    """Policies of your own are compiled by OPA, and there is none here.

    The message says how to get it.
    """

    def __init__(self, looked: str) -> None:
        super().__init__(
            f"policies of your own are compiled by OPA, and {looked}. Releases of Licet carry what it takes; in a "
            "checkout `make toolchain` builds it, with Go. Or "
            f"install opa {PINNED} so that it is on the PATH, or name it in LICET_OPA: "
            "https://www.openpolicyagent.org/docs#1-download-opa, or `brew install opa`, or "
            f"`go install github.com/open-policy-agent/opa@v{PINNED}`. "
            "The shipped policies need none, and neither does a bundle that was built elsewhere."
        )


def find() -> Path:
    """The `opa` program: the one LICET_OPA names, or the one on the PATH.

    Raises:
        OpaMissing: there is none.
    """
    named = os.environ.get("LICET_OPA")
    found = shutil.which(named or "opa")
    if found is None:
        raise OpaMissing(
            f"LICET_OPA names {named}, which is no program"
            if named
            else "this installation carries no toolchain of OPA's, and there is no opa on the PATH"
        )
    return Path(found).resolve()


class Program:
    """An `opa` program. The files it works on are laid out in a folder of their own, from which it is run.

    They have there the names they get in the bundle, because OPA writes the names of its files into what it compiles.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.name = str(path)

    def version(self) -> str:
        """OPA's version, such as `1.22.0`."""
        with tempfile.TemporaryDirectory() as folder:
            said = self._run(["version"], Path(folder)).stdout
        return said.partition("Version: ")[2].partition("\n")[0].strip()

    def check(
        self, files: Mapping[str, bytes], *, capabilities: bytes | None, schema: bytes | None, strict: bool
    ) -> tuple[Problem, ...]:
        """What `opa check` says: nothing, when the files compile."""
        with _laid_out(files, capabilities=capabilities, schema=schema) as (stage, options):
            command = [
                "check",
                "--bundle",
                "--format",
                "json",
                *(["--strict"] if strict else []),
                *options,
                ".",
            ]
            done = self._run(command, stage)
        return _problems(done) if done.returncode else ()

    def build(self, files: Mapping[str, bytes], *, entrypoints: Sequence[str], capabilities: bytes) -> bytes:
        """The bundle that `opa build --target wasm` makes."""
        return self._built("wasm", files, entrypoints, capabilities)

    def plan(
        self, files: Mapping[str, bytes], *, entrypoints: Sequence[str], capabilities: bytes
    ) -> dict[str, Any]:
        """The plan that `opa build --target plan` makes."""
        plan: dict[str, Any] = orjson.loads(
            unpacked(self._built("plan", files, entrypoints, capabilities))["plan.json"]
        )
        return plan

    def _built(
        self, target: str, files: Mapping[str, bytes], entrypoints: Sequence[str], capabilities: bytes
    ) -> bytes:
        with _laid_out(files, capabilities=capabilities) as (stage, options):
            output = stage.with_name("bundle.tar.gz")
            asked = [word for entrypoint in entrypoints for word in ("--entrypoint", entrypoint)]
            named = ["--target", target, *asked, "--output", str(output)]
            done = self._run(["build", "--bundle", *named, *options, "."], stage)
            if done.returncode:
                raise Refused(_printed(done))
            return output.read_bytes()

    def test(self, files: Mapping[str, bytes], *, coverage: bool) -> TestRun:
        """What `opa test` says, and what the tests covered when all passed."""
        with _laid_out(files) as (stage, _):
            done = self._run(["test", "--bundle", "--verbose", "--format", "json", "."], stage)
            try:
                run = TestRun(test_results(orjson.loads(done.stdout)))
            except (ValueError, KeyError, TypeError, AttributeError):
                raise Refused(_problems(done)) from None
            if not coverage or not run.passed:
                return run
            covered = self._run(["test", "--bundle", "--coverage", "--exit-zero-on-skipped", "."], stage)
            if covered.returncode:
                raise Refused(_problems(covered))
            return TestRun(run.results, orjson.loads(covered.stdout))

    def evaluate(self, files: Mapping[str, bytes], query: str, input: bytes, *, explain: bool) -> Evaluation:
        """What `opa eval` says of a query."""
        with _laid_out(files) as (stage, _):
            asked = stage.with_name("input.json")
            asked.write_bytes(input)
            command = ["eval", "--bundle", ".", "--input", str(asked), query]
            done = self._run([*command, "--format", "json"], stage)
            said = _document(done.stdout)
            if done.returncode or "errors" in said:
                raise Refused(_problems(done))
            result = said.get("result")
            value = result[0]["expressions"][0]["value"] if result else None
            trace = ""
            if explain:
                shown = self._run([*command, "--format", "pretty", "--explain", "full"], stage).stdout
                # What follows the trace is the value: an object that begins on a line of its own, or a word.
                trace = shown.rpartition("\nundefined\n" if value is None else "\n{\n")[0] + "\n"
        return Evaluation(value, trace, done.stderr)

    def parse(self, files: Mapping[str, bytes]) -> dict[str, Any]:
        """The syntax tree of each `.rego` file."""
        trees = {}
        with _laid_out(files) as (stage, _):
            for name in files:
                if name.endswith(".rego"):
                    command = ["parse", "--format", "json", "--json-include", "locations,-comments", name]
                    done = self._run(command, stage)
                    if done.returncode:
                        raise Refused(_problems(done))
                    trees[name] = orjson.loads(done.stdout)
        return trees

    def _run(self, arguments: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
        try:
            done = subprocess.run(
                [str(self._path), *arguments], cwd=folder, capture_output=True, timeout=_TIMEOUT, check=False
            )
        except subprocess.TimeoutExpired:
            raise PolicyError(Fault(f"opa {arguments[0]} took more than {_TIMEOUT:.0f} seconds")) from None
        except OSError as error:
            raise OpaMissing(f"{self._path} cannot be run: {error.strerror}") from None
        # Not in text mode, which would change line ends in what a policy prints.
        said, complained = (part.decode(errors="replace") for part in (done.stdout, done.stderr))
        return subprocess.CompletedProcess(done.args, done.returncode, said, complained)


@contextmanager
def _laid_out(files: Mapping[str, bytes], **beside: bytes | None) -> Iterator[tuple[Path, list[str]]]:
    """The files in a folder, and the options that name what lies beside it."""
    with tempfile.TemporaryDirectory(prefix="licet-policy-") as folder:
        stage = Path(folder, "stage")
        stage.mkdir()
        for name, content in files.items():
            file = stage / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
        options: list[str] = []
        for option, document in beside.items():
            if document is not None:
                place = Path(folder, f"{option}.json")
                place.write_bytes(document)
                options += [f"--{option}", str(place)]
        yield stage, options


def _document(text: str) -> dict[str, Any]:
    try:
        found = parse(text.encode())
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _problems(done: subprocess.CompletedProcess[str]) -> tuple[Problem, ...]:
    said = _document(done.stderr) or _document(done.stdout)
    try:
        return tuple(Problem.of(error) for error in said["errors"]) or _printed(done)
    except (KeyError, TypeError, AttributeError):
        return _printed(done)


def _printed(done: subprocess.CompletedProcess[str]) -> tuple[Problem, ...]:
    lines = [line.strip().removeprefix("error: ") for line in (done.stderr or done.stdout).splitlines()]
    found = tuple(
        Problem(match["reason"], "", match["file"], int(match["line"]))
        for line in lines
        if (match := _PLACED.match(line))
    )
    return found or (
        Problem(" ".join(line for line in lines if line) or f"opa ended with {done.returncode}"),
    )
