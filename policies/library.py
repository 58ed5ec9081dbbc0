"""The Rego that makes up a policy set: Licet's own library, and a folder of the user's that adds to it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import orjson

from licet.policies.errors import Fault, PolicyError

HOME = Path(__file__).parent
LIBRARY = HOME / "rego"
CAPABILITIES = HOME / "capabilities.json"
INPUT_SCHEMA = HOME / "schema" / "input.json"

_TOKEN = r"(?:\s|#[^\n]*\n)"
_PACKAGE = re.compile(
    rf"""\A\ufeff?{_TOKEN}*package{_TOKEN}+(?P<path>[A-Za-z_]\w*(?:\.[A-Za-z_]\w*|\["[^"\\\n]*"\])*)(?=\s|;|\#|\Z)"""
)
_PART = re.compile(r'\.?([A-Za-z_]\w*)|\["([^"\\\n]*)"\]')


@dataclass(frozen=True, slots=True)
class Sources:
    """The files of a policy set, under the names they have in the bundle.

    Attributes:
        files: content by name: Licet's Rego under `licet/`, the user's under `user/`, data at its path.
        origins: the user's file behind a name, for errors.
    """

    files: dict[str, bytes]
    origins: dict[str, Path]


def shipped() -> Sources:
    """Licet's own library, without its tests."""
    files = {
        f"licet/{path.relative_to(LIBRARY).as_posix()}": _text(path)
        for path in sorted(LIBRARY.rglob("*.rego"))
        if not path.name.endswith("_test.rego")
    }
    return Sources(files, {})


def with_folder(folder: Path) -> Sources:
    """Licet's library and what the user's folder adds.

    That is `.rego` files, except tests (`*_test.rego`), and data in files called `data.json`, `data.yaml` or
    `data.yml`, whose folder says where in `data` they go, as in any OPA bundle.

    Raises:
        PolicyError: a file would touch what is Licet's, or there is no Rego.
    """
    sources = shipped()
    faults: list[Fault] = []
    found = False
    for path in sorted(folder.rglob("*")):
        relative = path.relative_to(folder)
        if any(part.startswith(".") for part in relative.parts) or not path.is_file():
            continue
        if path.suffix == ".rego" and not path.name.endswith("_test.rego"):
            found = True
            name, content = f"user/{relative.as_posix()}", _text(path)
            fault = package_fault(content, str(path))
        elif path.name in ("data.json", "data.yaml", "data.yml"):
            name, content = relative.as_posix(), _text(path)
            fault = _data_fault(relative, content, str(path))
        else:
            continue
        if fault:
            faults.append(fault)
        sources.files[name] = content
        sources.origins[name] = path
    if not found:
        faults.append(Fault("there is no .rego file in this folder", str(folder)))
    if faults:
        raise PolicyError(faults)
    return sources


def package_fault(content: bytes, file: str) -> Fault | None:
    """What is wrong with the package that a user's Rego file declares, if anything.

    A file may declare `licet.user.NAME`, which the decision composes, or a package outside `licet`, for
    what rules share. Everything else under `licet` is Licet's own.
    """
    text = content.decode(errors="replace")
    match = _PACKAGE.match(text)
    if match is None:
        first = text.partition("\n")[0]
        return Fault("a Rego file begins with its package, such as `package licet.user.shop`", file, 1, first)
    parts = [plain or quoted for plain, quoted in _PART.findall(match["path"])]
    line = text.count("\n", 0, match.start("path")) + 1
    source = text.splitlines()[line - 1]
    if parts[0] != "licet" or (len(parts) == 3 and parts[1] == "user"):
        return None
    reason = f"the package {match['path']} is Licet's own; rules of yours go into a package licet.user.NAME"
    if parts[:2] == ["licet", "user"] and len(parts) > 3:
        reason = (
            f"the package {match['path']} is too deep; the decision composes packages licet.user.NAME only"
        )
    return Fault(reason, file, line, source)


def _data_fault(relative: Path, content: bytes, file: str) -> Fault | None:
    fault = Fault("data under `licet` is Licet's own; put yours under another name", file)
    if len(relative.parts) > 1:
        return fault if relative.parts[0] == "licet" else None
    if relative.suffix == ".json":
        try:
            document = orjson.loads(content)
        except orjson.JSONDecodeError as error:
            return Fault(f"not JSON: {error.msg}", file, error.lineno)
    else:
        import yaml

        try:
            document = yaml.safe_load(content)
        except yaml.YAMLError as error:
            return Fault(f"not YAML: {error}", file)
    if not isinstance(document, dict):
        return Fault("data at the top of the folder is an object", file)
    return fault if "licet" in document else None


def _text(path: Path) -> bytes:
    # Line ends as they are checked out must not change the revision.
    return path.read_bytes().replace(b"\r\n", b"\n")


def bundle_name(reported: str) -> str:
    """A file's name in `Sources`, from how OPA names it in an error."""
    return str(PurePosixPath("/") / reported).lstrip("/")
