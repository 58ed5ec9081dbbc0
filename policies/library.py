"""The Rego that makes up a policy set: Licet's own library, and a folder of the user's that adds to it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import orjson

from licet.policies.data_numbers import beyond_float, place_of
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
    """Licet's library and what the user's folder adds. See `with_paths`."""
    return with_paths([folder])


def with_paths(paths: Sequence[Path], data: Sequence[Path] = (), *, tests: bool = False) -> Sources:
    """Licet's library and what the user's folders and files add.

    Args:
        paths: folders, or `.rego` files. Of a folder that is its `.rego` files and the data in files called
            `data.json`, `data.yaml` or `data.yml`, whose folder says where in `data` they go, as in any OPA bundle.
        data: more data: folders of such files, or one JSON or YAML file that is the root of `data`.
        tests: whether tests (`*_test.rego`) count too.

    Raises:
        PolicyError: a file would touch what is Licet's, two files would be one in the bundle, or there is no Rego.
    """
    gathered = _Gathered(tests)
    for path in paths:
        found = gathered.rego
        if path.is_dir():
            for file in _files_of(path):
                gathered.add(file, file.relative_to(path), path)
        elif path.suffix == ".rego" and path.is_file():
            gathered.add(path, Path(path.name), path)
        else:
            gathered.faults.append(Fault("give a folder of Rego or a .rego file", str(path)))
            continue
        if gathered.rego == found:
            gathered.faults.append(Fault("there is no .rego file in this folder", str(path)))
    for path in data:
        if path.is_dir():
            for file in _files_of(path):
                if file.name in _DATA:
                    gathered.add(file, file.relative_to(path), path)
        elif path.is_file() and path.suffix in (".json", ".yaml", ".yml"):
            gathered.add(path, Path(f"data{path.suffix}"), path)
        else:
            gathered.faults.append(Fault("give a folder, or a JSON or YAML file, of data", str(path)))
    if gathered.faults:
        raise PolicyError(gathered.faults)
    return gathered.sources


_DATA = ("data.json", "data.yaml", "data.yml")


class _Gathered:
    """A policy set that is being put together."""

    def __init__(self, tests: bool) -> None:
        self.sources = shipped()
        self.faults: list[Fault] = []
        self.rego = 0
        self._tests = tests

    def add(self, file: Path, relative: Path, given: Path) -> None:
        if file.suffix == ".rego":
            is_test = file.name.endswith("_test.rego")
            self.rego += not is_test or self._tests or file == given
            if is_test and not self._tests:
                return
            name, content = f"user/{relative.as_posix()}", _text(file)
            fault = package_fault(content, str(file))
        elif relative.name in _DATA:
            name, content = relative.as_posix(), _text(file)
            fault = _data_fault(relative, content, str(file))
        else:
            return
        if fault is None and name in self.sources.origins:
            fault = Fault(
                f"in the bundle this would be {name}, as {self.sources.origins[name]} is", str(file)
            )
        if fault is not None:
            self.faults.append(fault)
        self.sources.files[name] = content
        self.sources.origins[name] = file


def _files_of(folder: Path) -> list[Path]:
    return [
        path
        for path in sorted(folder.rglob("*"))
        if not any(part.startswith(".") for part in path.relative_to(folder).parts) and path.is_file()
    ]


def documents(sources: Sources) -> dict[str, Any]:
    """The data of a policy set that compiles, as it is under `data`."""
    found: dict[str, Any] = {}
    for name in sorted(sources.files):
        path = PurePosixPath(name)
        if path.name in _DATA:
            document = _document(path.suffix, sources.files[name])
            for part in reversed(path.parts[:-1]):
                document = {part: document}
            _merge(found, document)
    return found


def _merge(into: dict[str, Any], more: dict[str, Any]) -> None:
    for key, value in more.items():
        there = into.get(key)
        if isinstance(there, dict) and isinstance(value, dict):
            _merge(there, value)
        else:
            into[key] = value


def _document(suffix: str, content: bytes) -> Any:
    if suffix == ".json":
        return orjson.loads(content)
    import yaml

    return yaml.safe_load(content)


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
    if relative.suffix == ".json" and (place := place_of(content, beyond_float)) is not None:
        return Fault(f"{place} is a number beyond what a 64-bit float can be; write it as text", file)
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
