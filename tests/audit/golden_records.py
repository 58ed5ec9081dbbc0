"""One record of every kind of event, as version 1 writes it.

`python tests/audit/golden_records.py` adds to golden/v1.json the records of kinds that have none there yet.
What
stands there is never rewritten: it is what journals in the world hold.
"""

from __future__ import annotations

import json
import types
import typing
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from licet.audit.codec import encode_unit
from licet.audit.events import Actor, Event
from licet.audit.records import GENESIS, Draft, Payload, Unit

FILE = Path(__file__).parent / "golden" / "v1.json"
MOMENT = datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC)


def kinds() -> dict[str, type[BaseModel]]:
    """Every event class, by type."""
    members = get_args(get_args(Event)[0])
    return {member.model_fields["type"].default: member for member in members}


def sample(annotation: Any, name: str) -> Any:
    """A value of this type that is not its default: every field shall be seen."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return sample(arguments[0], name)
    if origin in (typing.Union, types.UnionType):
        return sample(next(member for member in arguments if member is not type(None)), name)
    if origin is Literal:
        return arguments[-1]
    if origin is tuple:
        return (sample(arguments[0], name),)
    if origin is dict:
        value = {"é": 1, "a": [0.5, None, "\u2028"]} if arguments[1] is Any else sample(arguments[1], name)
        return {"key": value}
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return example(annotation)
    return {str: f"{name} é\n", int: 7, float: 0.25, bool: True}[annotation]


def example(model: type[BaseModel]) -> Any:
    """An instance with a value in every field."""
    fields = {
        name: field.default
        if name in ("type", "v") and field.default is not PydanticUndefined
        else sample(field.annotation, name)
        for name, field in model.model_fields.items()
    }
    return model(**fields)


def text_of(kind: str) -> str:
    """The record's text, as it is written now."""
    drafted = Draft(
        example(kinds()[kind]), Actor(kind="runtime", id="w-1"), {"args": Payload(b"{}", bytes(16))}
    )
    [encoded] = encode_unit(Unit("run-1", "acme", (drafted,)), MOMENT)
    return encoded.text(GENESIS, 1).decode()


def golden() -> dict[str, str]:
    """The texts that stand, by type."""
    texts: dict[str, str] = json.loads(FILE.read_text()) if FILE.exists() else {}
    return texts


if __name__ == "__main__":
    standing = golden()
    added = {kind: text_of(kind) for kind in kinds() if kind not in standing}
    FILE.write_text(json.dumps({**standing, **added}, indent=1, ensure_ascii=False) + "\n")
