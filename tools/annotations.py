"""Walking an annotation: every place a value can stand at, with its type and its markers."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, NewType, TypeVar, Union, get_args, get_origin, get_type_hints

import typing_extensions
from pydantic import AliasChoices, BaseModel, RootModel

ANY = "*"
"""The step of a path that stands for each item of a list and each value of a mapping."""

Steps = tuple[str, ...]

_MARKERS_ONLY = (
    typing.Required,
    typing.NotRequired,
    typing_extensions.Required,
    typing_extensions.NotRequired,
    typing_extensions.ReadOnly,
    typing.Final,
    typing.ClassVar,
)


@dataclass(frozen=True, slots=True)
class Place:
    """One place in a value: its path, the type there, what `Annotated` says of it, and a union's members."""

    path: Steps
    type: Any
    marks: tuple[Any, ...]
    members: tuple[Any, ...] = ()


def places(annotation: Any, path: Steps = ()) -> Iterator[Place]:
    """Every place of `annotation`, the whole first. A type that contains itself is entered once.

    A union gives a place of its own and one for each member, all with the same path.
    """
    return _places(annotation, path, ())


def split(annotation: Any) -> tuple[Any, tuple[Any, ...]]:
    """The bare type and its markers, `Annotated`, aliases and `NotRequired` taken off."""
    marks: tuple[Any, ...] = ()
    while True:
        origin = get_origin(annotation)
        if origin is typing.Annotated:
            marks += annotation.__metadata__
            annotation = annotation.__origin__
        elif origin in _MARKERS_ONLY:
            annotation = get_args(annotation)[0]
        elif isinstance(annotation, typing_extensions.TypeAliasType):
            annotation = annotation.__value__
        elif isinstance(origin, typing_extensions.TypeAliasType):
            annotation = origin.__value__[get_args(annotation)]
        elif isinstance(annotation, NewType):
            annotation = annotation.__supertype__
        elif isinstance(annotation, TypeVar) and annotation.__bound__ is not None:
            annotation = annotation.__bound__
        else:
            return annotation, marks


def fields_of(kind: Any) -> dict[str, tuple[Any, tuple[Any, ...]]]:
    """The fields of a model, dataclass or TypedDict: annotation and further markers by the name read from
    JSON.
    """
    bare = get_origin(kind) or kind
    if not isinstance(bare, type):
        return {}
    if issubclass(bare, BaseModel):
        return {
            _wire_name(name, f): (f.annotation, tuple(f.metadata)) for name, f in bare.model_fields.items()
        }
    if dataclasses.is_dataclass(bare):
        hints = get_type_hints(bare, include_extras=True)
        return {f.name: (hints[f.name], ()) for f in dataclasses.fields(bare) if f.init}
    if typing_extensions.is_typeddict(bare):
        return {name: (hint, ()) for name, hint in get_type_hints(bare, include_extras=True).items()}
    return {}


def _wire_name(name: str, field: Any) -> str:
    alias = field.validation_alias or field.alias
    if isinstance(alias, AliasChoices):
        alias = next((choice for choice in alias.choices if isinstance(choice, str)), None)
    return alias if isinstance(alias, str) else name


def _places(
    annotation: Any, path: Steps, inside: tuple[Any, ...], more: tuple[Any, ...] = ()
) -> Iterator[Place]:
    kind, marks = split(annotation)
    marks += more
    origin = get_origin(kind)
    if origin in (Union, types.UnionType):
        members = get_args(kind)
        yield Place(path, kind, marks, tuple(split(member)[0] for member in members))
        for member in members:
            yield from _places(member, path, inside)
        return
    yield Place(path, kind, marks)
    if origin is Literal or kind in inside:
        return
    if isinstance(kind, type) and issubclass(kind, RootModel):
        root = kind.model_fields["root"]
        yield from _places(root.annotation, path, (*inside, kind), tuple(root.metadata))
        return
    if fields := fields_of(kind):
        for name, (hint, further) in fields.items():
            yield from _places(hint, (*path, name), (*inside, kind), further)
        return
    if origin is None:
        return
    arguments = [item for item in get_args(kind) if item is not Ellipsis]
    if isinstance(origin, type) and issubclass(origin, Mapping):
        arguments = arguments[1:]
    for item in arguments:
        if not isinstance(item, list):
            yield from _places(item, (*path, ANY), inside)
