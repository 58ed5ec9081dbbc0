"""The rooms: real folders at the root, linked into `licet/`, and known to every tool that must know them."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest
from house import ROOMS, ROOT


@pytest.fixture(scope="module")
def settings() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


def test_each_room_is_a_relative_link_to_the_folder_of_its_name() -> None:
    links = {entry.name: str(entry.readlink()) for entry in (ROOT / "licet").iterdir() if entry.is_symlink()}
    assert links == {room: f"../{room}" for room in ROOMS}
    for room in ROOMS:
        assert (ROOT / room / "__init__.py").is_file()
        assert not (ROOT / room).is_symlink()


def test_the_package_says_that_it_is_typed() -> None:
    assert (ROOT / "licet" / "py.typed").is_file()


def test_the_order_of_imports_places_every_room(settings: dict[str, Any]) -> None:
    (contract,) = settings["tool"]["importlinter"]["contracts"]
    placed = {name.strip() for layer in contract["layers"] for name in layer.split("|")}
    assert placed >= set(ROOMS)
    assert contract["exhaustive"] is True


def test_bare_imports_are_banned_for_every_room(settings: dict[str, Any]) -> None:
    banned = settings["tool"]["ruff"]["lint"]["flake8-tidy-imports"]["banned-api"]
    assert set(banned) == set(ROOMS)


def test_pyright_is_told_of_every_room_by_its_link(settings: dict[str, Any]) -> None:
    assert set(settings["tool"]["pyright"]["include"]) == {"licet", *(f"licet/{room}" for room in ROOMS)}


def test_coverage_measures_every_room(settings: dict[str, Any]) -> None:
    assert set(settings["tool"]["coverage"]["run"]["source"]) == {"licet", *ROOMS}
