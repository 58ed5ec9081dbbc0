"""Who answers when a call waits for a person."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal

from licet.approvals import Shown
from licet.audit.canonical import canonical
from licet.tools import Tool

Kind = Literal["exact", "none", "all"]
"""`exact` knows which calls the user's task needs, and grants each once. `none`: nobody answers.

`all` approves whatever comes: without it nobody could tell whether the attacks do anything.
"""

Answer = Callable[[Shown], bool]
"""Says yes or no to what a reviewer is shown."""


def approver(kind: Kind, needed: Iterable[tuple[Tool, Mapping[str, Any]]]) -> Answer | None:
    """One run's approver; None where nobody answers.

    Args:
        needed: the calls that the user's task needs.
    """
    if kind == "none":
        return None
    if kind == "all":
        return lambda shown: True
    grants = Counter((tool.name, tool.parse(arguments).canonical) for tool, arguments in needed)

    def answer(shown: Shown) -> bool:
        call = (shown.tool, canonical(shown.args))
        if not grants[call]:
            return False
        grants[call] -= 1
        return True

    return answer
