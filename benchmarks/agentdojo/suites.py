"""The suites that are replayed. One more is one more table of its tools, and an entry here."""

from __future__ import annotations

from collections.abc import Mapping

from benchmarks.agentdojo.importing import Declaration
from benchmarks.agentdojo.tools.banking import BANKING
from benchmarks.agentdojo.tools.slack import SLACK
from benchmarks.agentdojo.tools.travel import TRAVEL
from benchmarks.agentdojo.tools.workspace import WORKSPACE

VERSION = "v1.2.2"
"""The newest version of AgentDojo's tasks in the package's 0.1.35."""

SUITES: Mapping[str, Mapping[str, Declaration]] = {
    "banking": BANKING,
    "slack": SLACK,
    "travel": TRAVEL,
    "workspace": WORKSPACE,
}
"""By the suite's name, how each of its tools is declared."""
