"""What the tests of the house share: where it stands, and a copy of it that a test may spoil."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
ROOMS = ("approvals", "audit", "policies", "runtime", "tools")


def copy_house(to: Path) -> Path:
    """The package as this tree has it, links kept as links, without what was built or run before."""
    spare = shutil.ignore_patterns("__pycache__", "*.egg-info")
    to.mkdir()
    for folder in ("licet", *ROOMS):
        shutil.copytree(ROOT / folder, to / folder, symlinks=True, ignore=spare)
    for file in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / file, to / file)
    return to
