"""The locks: pinned by version and hash, from no named host, each a superset of the one before it."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from typing import Any

import pytest
from house import ROOT
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

LOCKS = ("run", "dev", "bench")
SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text())


def text(lock: str) -> str:
    return (ROOT / "locks" / f"{lock}.txt").read_text()


def entries(lock: str) -> Iterator[str]:
    lines = "\n".join(line for line in text(lock).splitlines() if not line.startswith("#"))
    return (entry.replace("\\\n", " ") for entry in re.split(r"\n(?=\S)", lines) if entry.strip())


def pins(lock: str) -> dict[str, list[Requirement]]:
    found: dict[str, list[Requirement]] = {}
    for entry in entries(lock):
        requirement = Requirement(entry.split(" --hash=")[0].strip())
        found.setdefault(canonicalize_name(requirement.name), []).append(requirement)
    return found


def group(name: str) -> list[str]:
    members: list[Any] = SETTINGS["dependency-groups"][name]
    return [
        entry
        for member in members
        for entry in ([member] if isinstance(member, str) else group(member["include-group"]))
    ]


def asked(lock: str) -> list[str]:
    """What pyproject.toml asks of a lock."""
    project = SETTINGS["project"]
    extras = project["optional-dependencies"]
    asked = [*project["dependencies"], *extras["models"], *group("build")]
    if lock != "run":
        asked += [*extras["web"], *extras["auth"], *group("dev")]
    if lock == "bench":
        asked += group("bench")
    return asked


@pytest.mark.parametrize("lock", LOCKS)
def test_everything_is_pinned_to_one_version_by_hash(lock: str) -> None:
    assert pins(lock)
    for entry in entries(lock):
        assert re.search(r"^\S+==\S+", entry), entry
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", entry), entry


@pytest.mark.parametrize("lock", LOCKS)
def test_no_registry_or_path_is_named(lock: str) -> None:
    assert not re.search(
        r"://|^--?(index|extra-index|find-links|i |f |e )|file:|@ ", text(lock), re.MULTILINE
    )


@pytest.mark.parametrize("lock", LOCKS)
def test_what_pyproject_asks_for_is_pinned_in_its_range(lock: str) -> None:
    pinned = pins(lock)
    for line in asked(lock):
        wanted = Requirement(line)
        for pin in pinned[canonicalize_name(wanted.name)]:
            (specifier,) = pin.specifier
            assert wanted.specifier.contains(specifier.version), f"{pin} is not {wanted}; run make lock"


@pytest.mark.parametrize(("smaller", "larger"), [("run", "dev"), ("dev", "bench")])
def test_a_lock_holds_what_the_one_before_it_holds(smaller: str, larger: str) -> None:
    small, large = pins(smaller), pins(larger)
    for name, requirements in small.items():
        assert {str(pin.specifier) for pin in requirements} == {str(pin.specifier) for pin in large[name]}
