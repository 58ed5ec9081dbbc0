"""Edited arguments: what can be said against them without the tool at hand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from licet.approvals.errors import EditRefused
from licet.approvals.shown import Shown
from licet.audit.canonical import canonical


def edited_arguments(shown: Shown, args: Mapping[str, Any]) -> bytes:
    """The edited arguments in canonical JSON, all of them, not only what has changed.

    An edit changes arguments, never the tool: it binds to the contract hash of the tool that was asked for.
    Whether the tool takes them is found out when the call would run, where they are validated and decided on
    again.

    Raises:
        EditRefused: no JSON object, nothing changed, or a number where an exact decimal stands as text.
    """
    if not isinstance(args, Mapping):
        raise EditRefused("edited arguments are a JSON object with every argument of the call")
    edited = dict(args)
    try:
        text = canonical(edited)
    except (ValueError, RecursionError):
        raise EditRefused("the edited arguments are not JSON that can be kept exactly") from None
    if text == canonical(shown.args):
        raise EditRefused("the edit changes nothing; approve the request instead")
    for name, value in shown.args.items():
        replaced = edited.get(name)
        if isinstance(value, str) and isinstance(replaced, int | float) and not isinstance(replaced, bool):
            # Canonical arguments hold exact decimals as text; a number would bind to other bytes than those
            # that run.
            raise EditRefused(f"`{name}` is shown as text; write its new value as text too, in quotes")
    return text
