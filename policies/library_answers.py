"""How the shipped library answers a denial when what it is asked about is missing.

Its rules say yes or no whatever they are asked, so they are not read themselves. Below `not` they are safe; where a
denial depends on a yes, some say no of what is missing or of another type.
"""

from __future__ import annotations

from licet.policies.syntax import Node, Parts

_PLACE = ("licet", "library")

_NO_OF_WHAT_IS_MISSING = frozenset({
    "arguments.count_at_most", "arguments.at_most", "arguments.at_least", "arguments.one_of", "arguments.matches",
    "arguments.length_at_most", "arguments.email_domain_in", "arguments.url_in", "arguments.path_under",
    "roles.attribute_in", "separation.another_person",
})  # fmt: skip
"""`arguments.given` and `arguments.only` ask themselves whether something is there; roles and budgets always are."""


def of_library(parts: Parts) -> bool:
    """Whether a path under `data` is one of the library's."""
    return parts[:2] == _PLACE and len(parts) > 3


def silent_answer(parts: Parts, arguments: list[Node], offering: bool) -> str | None:
    """Why a rule of the library may say no, or give nothing, although what is asked about is merely missing.

    Args:
        parts: the path of the rule.
        arguments: what it is called with.
        offering: it is asked when tools are offered, and nothing is called.
    """
    name = ".".join(str(part) for part in parts[2:4])
    if offering and parts[2] == "arguments":
        return f"`{name}` asks about the arguments of a call, which is not there when tools are offered"
    if name in _NO_OF_WHAT_IS_MISSING:
        return f"`{name}` says no of what is missing or of another type"
    if name == "arguments.values" and arguments and arguments[0]["type"] in ("string", "array"):
        return "`arguments.values` gives nothing for an argument that is missing"
    return None
