"""The suites that are replayed. One more is one more table of its tools, and an entry here."""

from __future__ import annotations

from collections.abc import Mapping

from benchmarks.agentdojo.banking import BANKING
from benchmarks.agentdojo.importing import Declaration

VERSION = "v1.2.2"
"""The newest version of AgentDojo's tasks in the package's 0.1.35."""

SUITES: Mapping[str, Mapping[str, Declaration]] = {"banking": BANKING}
"""By the suite's name, how each of its tools is declared."""
