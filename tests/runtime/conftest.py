"""Every test has its own approval key: none touches the home folder."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from licet.policies import opa_program


@pytest.fixture(autouse=True)
def own_approval_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LICET_APPROVAL_KEY", str(tmp_path / "keys" / "approval.key"))
    monkeypatch.delenv("LICET_REVIEWERS", raising=False)


@pytest.fixture
def real_opa() -> Path:
    """The opa program. Without one a test is skipped on a laptop, and fails where all must be there."""
    try:
        return opa_program.find()
    except opa_program.OpaMissing as missing:
        if os.environ.get("LICET_CI") == "1":
            pytest.fail(str(missing))
        pytest.skip("there is no opa here")


@pytest.fixture
def rules(real_opa: Path, tmp_path: Path) -> Callable[[str], Path]:
    """Writes a folder of Rego, one file with this content, in the package `licet.user.desk`; again replaces it."""

    def write(rego: str) -> Path:
        folder = tmp_path / "rules"
        folder.mkdir(exist_ok=True)
        (folder / "desk.rego").write_text(f"package licet.user.desk\n\n{rego}")
        return folder

    return write
