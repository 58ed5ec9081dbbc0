"""`make`: what it would do, seen without doing it, in a copy whose environment is only pretended."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from house import ROOT

from licet.policies.opa_program import PINNED


@pytest.fixture
def house(tmp_path: Path) -> Path:
    if shutil.which("make") is None:
        if os.environ.get("LICET_CI") == "1":
            pytest.fail("make is missing, and the checks need it")
        pytest.skip("make is not installed")
    for file in ("Makefile", "pyproject.toml"):
        shutil.copy(ROOT / file, tmp_path / file)
    shutil.copytree(ROOT / "locks", tmp_path / "locks")
    shutil.copytree(
        ROOT / "policies" / "opa", tmp_path / "policies" / "opa", ignore=shutil.ignore_patterns("*.xz")
    )
    return tmp_path


def installed(house: Path, *locks: str) -> None:
    (house / ".venv" / "bin").mkdir(parents=True)
    (house / ".venv" / "bin" / "python").touch()
    for lock in locks:
        (house / ".venv" / f".{lock}").touch()


def touch_later(file: Path) -> None:
    """Makes `file` newer than anything that was written so far, however coarse the clock of the disk."""
    later = time.time() + 3600
    os.utime(file, (later, later))


def make(house: Path, *arguments: str, path: str | None = None) -> str:
    surroundings = {"PATH": path or os.environ["PATH"], "HOME": str(house)}
    ran = subprocess.run(
        ["make", "--dry-run", *arguments],
        cwd=house,
        env=surroundings,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def without_uv(folder: Path) -> str:
    """A PATH on which nothing is but what is named here."""
    folder.mkdir()
    (folder / "python3").symlink_to(Path(sys.executable).resolve())
    for name in ("sh", "make"):
        found = shutil.which(name)
        assert found is not None
        (folder / name).symlink_to(found)
    return str(folder)


@pytest.mark.parametrize(
    ("target", "lock"), [("demo", "run"), ("test", "dev"), ("lint", "dev"), ("bench", "bench")]
)
def test_a_target_installs_its_own_lock(house: Path, target: str, lock: str) -> None:
    assert re.findall(r"--require-hashes -r locks/(\w+)\.txt", make(house, target)) == [lock]


@pytest.mark.parametrize(("target", "locks"), [("demo", ["run"]), ("test", ["run", "dev"])])
def test_nothing_is_installed_twice(house: Path, target: str, locks: list[str]) -> None:
    installed(house, *locks)
    assert "install" not in make(house, target)


@pytest.mark.parametrize("file", ["locks/dev.txt", "pyproject.toml"])
def test_a_changed_lock_or_project_is_installed_again(house: Path, file: str) -> None:
    installed(house, "run", "dev")
    touch_later(house / file)
    assert "-r locks/dev.txt" in make(house, "test")


def test_without_uv_it_takes_venv_and_pip(house: Path, tmp_path: Path) -> None:
    said = make(house, "test", path=without_uv(tmp_path / "bare"))
    assert "python3 -m venv .venv" in said
    assert ".venv/bin/python -m pip install" in said
    assert "uv pip" not in said


def test_with_uv_it_takes_uv(house: Path, tmp_path: Path) -> None:
    bare = without_uv(tmp_path / "bare")
    (tmp_path / "bare" / "uv").symlink_to("/bin/true")
    said = make(house, "test", path=bare)
    assert "uv venv" in said
    assert "uv pip install" in said
    assert "-m pip" not in said


def test_the_documents_name_no_target_that_is_not_there(house: Path) -> None:
    documents = (ROOT / "README.md").read_text() + (ROOT / "CONTRIBUTING.md").read_text()
    named = set(re.findall(r"(?:^|`)make ([a-z]+)\b", documents, re.MULTILINE))
    assert {"demo", "test"} <= named
    assert named <= set(re.findall(r"^([a-z]+):", (house / "Makefile").read_text(), re.MULTILINE))


def test_the_opa_that_go_builds_is_the_one_that_the_bundle_is_built_with(house: Path) -> None:
    (version,) = re.findall(r"^OPA_VERSION := v(\S+)$", (house / "Makefile").read_text(), re.MULTILINE)
    assert version == PINNED


def test_the_toolchain_is_built_by_go_for_every_platform_and_compressed(house: Path) -> None:
    installed(house)
    said = make(house, "toolchain")
    assert "GOOS=wasip1 GOARCH=wasm" in said
    assert "lzma" in said
    assert re.search(r"^mv \S+ policies/opa/opa\.wasm\.xz$", said, re.MULTILINE)
