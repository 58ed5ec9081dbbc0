"""Whether what a package of the user's gives the decision is of the form that policies/rego/extensions.rego takes.

What is not denies every call when it is asked; here it is seen before, as far as it shows in the rule as written.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from licet.policies.decision import LONGEST_EXPIRY
from licet.policies.syntax import Node, Rule

_DENY = {"rule": "string", "message": "string"}
_APPROVAL = {"rule": "string", "reason": "string", "expires_in": "number", "requires": "array or set"}
_MAY = {
    "deny": {"visible_to_model": "boolean"},
    "hide": {"visible_to_model": "boolean"},
    "approval": {"escalate_to": "string or null"},
}
_CONSTANT = ("string", "number", "boolean", "null", "array", "set", "object")


def malformed(rule: Rule) -> Iterator[tuple[Node, str]]:
    """What is wrong with a definition of one of the sets, and the node to blame."""
    name = rule.path[3]
    if rule.kind != "set":
        yield rule.node, f"`{name}` is a set: write `{name} contains ... if {{ ... }}`"
        return
    element = rule.head["key"]
    if name == "grant":
        yield from _typed(element, "a grant is a rule id, which", "string")
    elif element["type"] in _CONSTANT and element["type"] != "object":
        yield element, f"an element of `{name}` is an object"
    elif element["type"] == "object" and name in ("deny", "hide", "approval"):
        yield from _object(name, element)


def _object(name: str, element: Node) -> Iterator[tuple[Node, str]]:
    must = _APPROVAL if name == "approval" else _DENY
    may = _MAY[name]
    given: dict[str, Node] = {}
    for key, value in element["value"]:
        if key["type"] != "string":
            return  # which keys there are shows when it runs
        given[key["value"]] = value
        if key["value"] not in must and key["value"] not in may:
            known = ", ".join((*must, *may))
            yield key, f"an element of `{name}` has no `{key['value']}`; it may have {known}"
    if lacking := [key for key in must if key not in given]:
        yield element, f"an element of `{name}` needs `{'`, `'.join(lacking)}`"
    for key, value in given.items():
        if key in must or key in may:
            yield from _typed(value, f"`{key}`", (must | may)[key])
    expires = given.get("expires_in")
    if expires is not None and expires["type"] == "number":
        seconds = expires["value"]
        if not 1 <= seconds <= LONGEST_EXPIRY or seconds != int(seconds):
            yield expires, f"`expires_in` is a whole number of seconds from 1 to {LONGEST_EXPIRY}"
    yield from _requires(given.get("requires"))


def _requires(requires: Node | None) -> Iterator[tuple[Node, str]]:
    if requires is None or requires["type"] not in ("array", "set"):
        return
    if not requires["value"]:
        yield requires, "`requires` names at least one group"
    for entry in requires["value"]:
        if entry["type"] != "object":
            yield from _typed(entry, "an entry of `requires`", "object")
            continue
        given: Mapping[str, Node] = {
            key["value"]: value for key, value in entry["value"] if key["type"] == "string"
        }
        if set(given) != {"group", "count"} and len(given) == len(entry["value"]):
            yield entry, 'an entry of `requires` is {"group": ..., "count": ...}'
            continue
        for key, kind in (("group", "string"), ("count", "number")):
            if key in given:
                yield from _typed(given[key], f"`{key}`", kind)


def _typed(value: Node, what: str, kind: str) -> Iterator[tuple[Node, str]]:
    if value["type"] in _CONSTANT and value["type"] not in kind.split(" or "):
        yield value, f"{what} is a {kind}, and not a {value['type']}"
