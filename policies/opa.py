"""The `opa` program: it checks and compiles policies. Nothing here is needed to evaluate one."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import orjson

from licet.audit.errors import ConfigurationError
from licet.policies.bundle import ENTRYPOINTS
from licet.policies.errors import Fault, PolicyError
from licet.policies.library import CAPABILITIES, INPUT_SCHEMA, Sources, bundle_name

PINNED = "1.22.0"
"""The version of OPA that the shipped bundle is built with."""

_LIMITS = ("--bundle", "--capabilities", str(CAPABILITIES))
_CHECK = ("check", "--strict", "--format", "json", "--schema", str(INPUT_SCHEMA), *_LIMITS)
_ENTRYPOINTS = tuple(word for entrypoint in ENTRYPOINTS for word in ("--entrypoint", entrypoint))
_BUILD = ("build", "--target", "wasm", *_ENTRYPOINTS, *_LIMITS)

_TIMEOUT = 60.0
_PLACED = re.compile(
    r"^(?:\d+ errors? occurred(?: during loading)?:\s*)?(?P<file>[^\s:]+):(?P<line>\d+): (?P<reason>.+)$"
)


class OpaMissing(ConfigurationError):
    """Policies of your own are compiled by OPA, and there is no `opa` here.

    The message says how to get it.
    """

    def __init__(self, looked: str) -> None:
        super().__init__(
            f"policies of your own are compiled by OPA, and {looked}. Install opa {PINNED} so that it is on "
            "the PATH, or name it in LICET_OPA: https://www.openpolicyagent.org/docs#1-download-opa, or "
            f"`brew install opa`, or `go install github.com/open-policy-agent/opa@v{PINNED}`. "
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
            f"LICET_OPA names {named}, which is no program" if named else "there is no opa on the PATH"
        )
    return Path(found).resolve()


def build(sources: Sources) -> bytes:
    """The bundle of these sources, compiled to WebAssembly: the same bytes wherever the files came from.

    They are laid out in a fresh folder under the names they get in the bundle, because OPA writes the names
    of its files into what it compiles. `opa check` looks first, strictly and with the schema of the input,
    because it says more and says it as JSON.

    Raises:
        OpaMissing: there is no `opa`.
        PolicyError: the policy does not compile, or calls a builtin that is not in capabilities.json.
    """
    opa = find()
    with tempfile.TemporaryDirectory(prefix="licet-policy-") as folder:
        stage, output = Path(folder, "stage"), Path(folder, "bundle.tar.gz")
        for name, content in sources.files.items():
            file = stage / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
        checked = _run(opa, [*_CHECK, "."], stage)
        if checked.returncode:
            raise PolicyError(_checked_faults(checked, sources))
        built = _run(opa, [*_BUILD, "--output", str(output), "."], stage)
        if built.returncode:
            raise PolicyError(_printed_faults(built, sources))
        return output.read_bytes()


def version() -> str:
    """The version of the `opa` program.

    Raises:
        OpaMissing: there is none.
    """
    said = _run(find(), ["version"], Path.cwd()).stdout
    return said.partition("Version: ")[2].partition("\n")[0].strip()


def _run(opa: Path, arguments: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            [str(opa), *arguments], cwd=folder, capture_output=True, text=True, timeout=_TIMEOUT, check=False
        )
    except subprocess.TimeoutExpired:
        raise PolicyError(Fault(f"opa {arguments[0]} took more than {_TIMEOUT:.0f} seconds")) from None
    except OSError as error:
        raise OpaMissing(f"{opa} cannot be run: {error.strerror}") from None


def _checked_faults(done: subprocess.CompletedProcess[str], sources: Sources) -> list[Fault]:
    try:
        errors = orjson.loads(done.stderr or done.stdout)["errors"]
        faults = []
        for error in errors:
            place = error.get("location") or {}
            reason = f"{error['code']}: {error['message']}" if error.get("code") else error["message"]
            faults.append(_fault(reason, place.get("file"), place.get("row"), sources))
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError):
        return _printed_faults(done, sources)
    return faults or _printed_faults(done, sources)


def _printed_faults(done: subprocess.CompletedProcess[str], sources: Sources) -> list[Fault]:
    lines = [line.strip().removeprefix("error: ") for line in (done.stderr or done.stdout).splitlines()]
    faults = [
        _fault(match["reason"], match["file"], int(match["line"]), sources)
        for line in lines
        if (match := _PLACED.match(line))
    ]
    return faults or [Fault(" ".join(line for line in lines if line) or f"opa ended with {done.returncode}")]


def _fault(reason: str, file: str | None, line: int | None, sources: Sources) -> Fault:
    if not file:
        return Fault(reason)
    name = bundle_name(file)
    content = sources.files.get(name)
    text = content.decode(errors="replace").splitlines() if content is not None else []
    return Fault(
        reason,
        str(sources.origins.get(name, name)),
        line,
        text[line - 1] if line and line <= len(text) else None,
    )
