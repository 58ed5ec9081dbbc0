"""What `pip install` gives: all five rooms under `licet`, with their data, and nothing beside it.

Nothing here goes to the network: setuptools is the one of this environment, and so are the dependencies.
"""

from __future__ import annotations

import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest
from house import ROOMS, copy_house


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_house(tmp_path_factory.mktemp("package") / "house")


@pytest.fixture(scope="module")
def shipped(house: Path) -> set[str]:
    """Every file of the package, as `licet/...`, read from the rooms themselves."""
    files = {f"licet/{path.name}" for path in (house / "licet").iterdir() if path.is_file()}
    for room in ROOMS:
        files |= {f"licet/{path.relative_to(house)}" for path in (house / room).rglob("*") if path.is_file()}
    return files


@pytest.fixture(scope="module")
def built(house: Path) -> Path:
    """A folder with the source distribution, and the wheel made from that and not from the tree."""
    python("-m", "build", "--no-isolation", ".", cwd=house)
    return house / "dist"


def python(*arguments: str | Path, cwd: Path, interpreter: Path | None = None) -> str:
    ran = subprocess.run(
        [interpreter or sys.executable, *arguments], cwd=cwd, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


def environment(folder: Path, *install: str | Path) -> Path:
    """A fresh environment with Licet installed; it sees this one's dependencies, but not its Licet.

    A folder named in a .pth file is searched for packages, while the .pth files in that folder, by which an
    editable Licet is found, are not read.
    """
    venv.create(folder)
    (packages,) = folder.glob("lib/python*/site-packages")
    this = next(path for path in sys.path if path.endswith("site-packages"))
    (packages / "dependencies.pth").write_text(this + "\n")
    interpreter = folder / "bin" / "python"
    offline = ["--no-deps", "--no-index", "--no-build-isolation", "--quiet", "--disable-pip-version-check"]
    python("-m", "pip", "--python", interpreter, "install", *offline, *install, cwd=folder)
    return interpreter


@pytest.fixture(scope="module", params=["wheel", "install", "editable"])
def interpreter(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp(request.param) / "environment"
    if request.param == "wheel":
        (wheel,) = request.getfixturevalue("built").glob("*.whl")
        return environment(folder, wheel)
    house = copy_house(folder.parent / "house")
    return (
        environment(folder, "--editable", house)
        if request.param == "editable"
        else environment(folder, house)
    )


def test_the_source_distribution_holds_every_file_and_no_link(built: Path, shipped: set[str]) -> None:
    (archive,) = built.glob("*.tar.gz")
    with tarfile.open(archive) as sdist:
        members = sdist.getmembers()
    assert not [member.name for member in members if member.issym() or member.islnk()]
    held = {member.name.partition("/")[2] for member in members if member.isfile()}
    assert {name for name in held if name.startswith("licet/")} == shipped
    assert {"LICENSE", "README.md", "pyproject.toml"} <= held
    assert not {name.split("/")[0] for name in held} & set(ROOMS)


def test_the_wheel_holds_every_file_of_every_room_and_nothing_beside_licet(
    built: Path, shipped: set[str]
) -> None:
    (archive,) = built.glob("*.whl")
    with zipfile.ZipFile(archive) as wheel:
        held = {name for name in wheel.namelist() if not name.endswith("/")}
    assert {name for name in held if ".dist-info/" not in name} == shipped
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in held)


def test_no_room_is_importable_by_its_bare_name(interpreter: Path, tmp_path: Path) -> None:
    script = f"""
import importlib.util
print([room for room in {ROOMS!r} if importlib.util.find_spec(room) is not None])
"""
    assert python("-c", script, cwd=tmp_path, interpreter=interpreter).strip() == "[]"


def test_every_room_imports_from_the_installed_package(interpreter: Path, tmp_path: Path) -> None:
    script = f"""
import importlib, pathlib, sys
import licet
for room in {ROOMS!r}:
    module = importlib.import_module("licet." + room)
    assert pathlib.Path(module.__file__).parent == pathlib.Path(licet.__file__).parent / room
print(pathlib.Path(licet.__file__).resolve())
"""
    where = Path(python("-c", script, cwd=tmp_path, interpreter=interpreter).strip())
    # The copy or the environment of this test, and not the tree that the tests run in.
    assert where.is_relative_to(interpreter.parents[2].resolve())


def test_the_command_is_there(interpreter: Path, tmp_path: Path) -> None:
    command = interpreter.parent / "licet"
    ran = subprocess.run([command, "--help"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    for name in ("demo", "approvals", "audit", "runs"):
        assert name in ran.stdout


def test_the_shipped_policies_and_migrations_are_found(interpreter: Path, tmp_path: Path) -> None:
    script = """
from licet.audit.journal import Journal
from licet.audit.verify import verify
from licet.policies import load
print(load().revision)
Journal.open("sqlite:///made.db", create=True).close()
assert not verify("sqlite:///made.db").problems
"""
    assert python("-c", script, cwd=tmp_path, interpreter=interpreter).strip()
