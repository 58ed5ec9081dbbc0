"""Imports point downwards and give the full name. Each rule is seen to catch its own violation."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from house import BIN, ROOMS, ROOT, copy_house


@pytest.fixture
def house(tmp_path: Path) -> Path:
    return copy_house(tmp_path / "house")


def lint_imports(house: Path) -> subprocess.CompletedProcess[str]:
    # From the copy's root, so that the copy is what `licet` means.
    return subprocess.run(
        [BIN / "lint-imports", "--no-cache"], cwd=house, capture_output=True, text=True, check=False
    )


def ruff_rules(house: Path, file: Path) -> list[str]:
    ran = subprocess.run(
        [BIN / "ruff", "check", "--no-cache", "--output-format=json", "--select=TID", file],
        cwd=house,
        capture_output=True,
        text=True,
        check=False,
    )
    return [found["code"] for found in json.loads(ran.stdout)]


def test_imports_point_downwards() -> None:
    ran = lint_imports(ROOT)
    assert ran.returncode == 0, ran.stdout


@pytest.mark.parametrize(
    ("room", "imported"),
    [
        ("audit", "tools"),
        ("audit", "policies"),
        ("tools", "policies"),
        ("policies", "tools"),
        ("tools", "approvals"),
        ("approvals", "runtime"),
    ],
)
def test_an_import_upwards_is_caught(house: Path, room: str, imported: str) -> None:
    (house / room / "planted.py").write_text(f"import licet.{imported}.target\n")
    (house / imported / "target.py").write_text("")
    ran = lint_imports(house)
    assert ran.returncode == 1
    assert f"licet.{room}.planted -> licet.{imported}.target" in ran.stdout


def test_a_new_room_must_be_given_its_place(house: Path) -> None:
    (house / "cellar").mkdir()
    (house / "cellar" / "__init__.py").write_text("")
    (house / "licet" / "cellar").symlink_to("../cellar")
    ran = lint_imports(house)
    assert ran.returncode != 0
    assert "cellar" in ran.stdout + ran.stderr


@pytest.mark.parametrize("room", ROOMS)
@pytest.mark.parametrize("line", ["import {}", "from {} import Tool", "import {}.canonical as c"])
def test_a_bare_import_of_a_room_is_caught(house: Path, room: str, line: str) -> None:
    planted = house / "runtime" / "planted.py"
    planted.write_text(line.format(room) + "\n")
    assert ruff_rules(house, planted) == ["TID251"]


def test_a_relative_import_is_caught(house: Path) -> None:
    planted = house / "runtime" / "planted.py"
    planted.write_text("from . import outcomes\n")
    assert "TID252" in ruff_rules(house, planted)
