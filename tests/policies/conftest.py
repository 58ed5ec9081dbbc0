"""What the tests of policies are given. What they import stands in files whose names no other folder has."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from licet.policies import PolicyEngine, load, opa_program
from licet.policies.carried import TOOLCHAIN, Carried


@pytest.fixture(scope="session")
def shipped() -> PolicyEngine:
    return load()


@pytest.fixture(scope="session")
def real_opa() -> Path:
    """The opa program. Without one a test is skipped on a laptop, and fails where all must be there."""
    try:
        return opa_program.find()
    except opa_program.OpaMissing as missing:
        if os.environ.get("LICET_CI") == "1":
            pytest.fail(str(missing))
        pytest.skip("there is no opa here")


@pytest.fixture(scope="session")
def carried() -> Carried:
    """The toolchain that Licet carries. Without it a test is skipped on a laptop, and fails where all must be there."""
    if not TOOLCHAIN.is_file():
        if os.environ.get("LICET_CI") == "1":
            pytest.fail("the toolchain is missing: make toolchain")
        pytest.skip("the toolchain is not built here: make toolchain")
    return Carried()


@pytest.fixture
def folder(tmp_path: Path) -> Callable[..., Path]:
    """Makes a folder of policies from file names and contents."""

    def make(**files: str) -> Path:
        place = tmp_path / "policies"
        for name, content in files.items():
            file = place / name.replace("__", "/").replace("_dot_", ".")
            if "_dot_" not in name:
                file = file.with_name(file.name + ".rego")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(content)
        return place

    return make
