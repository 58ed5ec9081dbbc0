"""A typed function becomes a tool and stays what it was; what cannot be one is refused helpfully."""

from __future__ import annotations

import enum
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any, Literal, assert_type
from uuid import UUID

import pytest
from pydantic import BaseModel, Field, SecretBytes, SecretStr
from typing_extensions import TypedDict

from licet.tools import (
    Amount,
    Content,
    FieldRole,
    Injected,
    Injector,
    Key,
    Label,
    NotSecret,
    ResultMarks,
    Sensitive,
    StringCoded,
    Target,
    Tool,
    ToolContext,
    ToolError,
    Trust,
    declare,
    index,
    tool,
    tool_of,
)


class Shop:
    """Stands for a client that is injected."""


class Colour(enum.Enum):
    """A choice."""

    red = "red"
    blue = "blue"


@dataclass
class Box:
    """A dataclass argument."""

    width: int
    note: str = ""


class Line(BaseModel):
    """A model argument."""

    sku: Annotated[str, Target("sku")]
    price: Annotated[Decimal, Amount("EUR")]


class Options(TypedDict):
    """A TypedDict argument."""

    fast: bool


class Note(BaseModel):
    """A record in a result."""

    id: Annotated[str, Key("note_id")]
    title: Annotated[str, Label]
    text: Annotated[str, Trust("external"), Sensitive]


@tool(effect="write", tags=["money"], owner="payments@acme.example", timeout=5)
async def order(
    line: Line,
    boxes: list[Box],
    options: Options,
    colour: Colour,
    speed: Literal["slow", "fast"],
    when: date | None = None,
    *,
    at: datetime | None = None,
    key: UUID | None = None,
    amount: Annotated[Decimal, Amount("EUR")] = Decimal("1.50"),
    serial: Annotated[int, StringCoded] = 1,
    copy: str = "a name that a pydantic model uses itself",
    context: ToolContext,
    shop: Annotated[Shop, Injected],
) -> dict[str, Any]:
    """Order something.

    It goes out at once.

    Args:
        line: What to order.
        amount: How much to pay,
            in all.
    """
    return {"line": line}


def test_the_function_is_the_same_object_and_is_called_alone() -> None:
    def add(a: int, b: int) -> int:
        return a + b

    decorated = tool(effect="read")(add)
    assert decorated is add
    assert decorated(1, b=2) == 3
    assert tool_of(decorated).function is add


def test_type_checkers_see_the_same_function() -> None:
    @tool(effect="read")
    def length(text: str) -> int:
        return len(text)

    assert_type(length("abc"), int)
    if TYPE_CHECKING:
        length(1)  # type: ignore[arg-type]  # the parameters are still those of the function
    assert length("abc") == 3


def test_everything_an_annotation_and_a_docstring_say_is_read() -> None:
    it = tool_of(order)
    assert (it.name, it.version, it.effect, it.source) == ("order", "1", "write", "python")
    assert (it.tags, it.owner, it.timeout) == (("money",), "payments@acme.example", 5.0)
    assert it.description == "Order something.\n\nIt goes out at once."
    assert it.json_schema["properties"]["amount"]["description"] == "How much to pay, in all."
    assert it.json_schema["properties"]["amount"]["default"] == "1.5"
    assert it.json_schema["required"] == ["line", "boxes", "options", "colour", "speed"]
    assert it.json_schema["additionalProperties"] is False
    assert it.json_schema["$defs"]["Line"]["additionalProperties"] is False


def test_what_is_injected_is_never_shown_to_the_model() -> None:
    it = tool_of(order)
    assert not {"context", "shop"} & (it.parameters.keys() | it.json_schema["properties"].keys())
    assert Injector().missing(it.injected_types) == [Shop]
    assert Injector({Shop: Shop()}).missing(it.injected_types) == []


def test_roles_kinds_and_coding_are_read_and_an_undeclared_role_is_target() -> None:
    parameters = tool_of(order).parameters
    assert (parameters["amount"].role, parameters["amount"].currency) == ("amount", "EUR")
    assert (parameters["colour"].role, parameters["colour"].kind) == ("target", None)
    assert parameters["serial"].string_coded
    assert not parameters["amount"].string_coded
    assert parameters["line"].nested == {
        "sku": FieldRole("target", "sku"),
        "price": FieldRole("amount", None, "EUR"),
    }


def test_marks_of_a_result_are_read_by_path() -> None:
    @tool(effect="read")
    def notes() -> Annotated[dict[str, list[Note]], Trust("peer")]:
        return {}

    assert tool_of(notes).result_marks == {
        "": ResultMarks(trust="peer"),
        "*/*/id": ResultMarks(key=True, kind="note_id"),
        "*/*/title": ResultMarks(label=True),
        "*/*/text": ResultMarks(trust="external", sensitive=True),
    }


def test_names_around_the_function_are_found_in_text_annotations() -> None:
    class Local(BaseModel):
        n: int

    def make() -> Any:
        @tool(effect="read")
        def read(local: Local) -> Local:
            assert isinstance(local, Local)
            return local

        return read

    assert tool_of(make()).parse('{"local":{"n":1}}').values["local"] == Local(n=1)


def test_a_name_that_is_not_known_names_the_parameter() -> None:
    def read(x: Nowhere) -> str:  # type: ignore[name-defined]  # noqa: F821
        return ""

    with pytest.raises(ToolError, match=r"read: parameter x: its annotation names Nowhere.*TYPE_CHECKING"):
        tool(effect="read")(read)


def untyped(x) -> str:  # type: ignore[no-untyped-def]
    return ""


def no_result(x: int):  # type: ignore[no-untyped-def]
    return ""


def any_typed(x: Any) -> str:
    return ""


def any_result(x: int) -> object:
    return ""


def positional(x: int, /) -> str:
    return ""


def starred(*x: int) -> str:
    return ""


def double_starred(**x: int) -> str:
    return ""


def unserialisable(x: Shop) -> str:
    return ""


def unserialisable_inside(x: list[Shop]) -> str:
    return ""


def unserialisable_result(x: int) -> Shop:
    return Shop()


def streaming(x: int) -> Iterator[int]:
    yield x


def secret(x: SecretStr) -> str:
    return ""


def secret_bytes(x: list[SecretBytes] | None) -> str:
    return ""


class Login(BaseModel):
    """Has a secret in it."""

    user: str
    pin: SecretStr


class Settings(BaseModel):
    """Has a field that is named like a secret."""

    apiKey: str


def secret_inside(x: list[Login]) -> str:
    return ""


def password(password: str) -> str:
    return ""


def api_key(stripe_api_key: str | None = None) -> str:
    return ""


def secret_name_inside(x: Settings) -> str:
    return ""


def tokens(access_tokens: list[str]) -> str:
    return ""


def injected_anything(x: Annotated[Any, Injected]) -> str:
    return ""


def injected_inside(x: list[Annotated[Shop, Injected]]) -> str:
    return ""


def wrong_default(x: int = None) -> str:  # type: ignore[assignment]  # noqa: RUF013
    return ""


def unwritable_default(x: int = Shop()) -> str:  # type: ignore[assignment]
    return ""


def two_roles(x: Annotated[str, Target("email"), Content]) -> str:
    return ""


def decimal_or_text(x: Decimal | str) -> str:
    return ""


def date_or_datetime(x: date | datetime) -> str:
    return ""


def decimal_or_float(x: list[Decimal | float]) -> str:
    return ""


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (untyped, "untyped: parameter x has no annotation; write"),
        (no_result, "no_result has no return annotation; write -> None"),
        (any_typed, "any_typed: parameter x is .*Any, which says nothing"),
        (any_result, "any_result: the result is .*object.*, which says nothing"),
        (positional, "parameter x is positional-only"),
        (starred, r"\*x takes what no schema can say; write x: list"),
        (double_starred, r"\*\*x takes what no schema can say"),
        (unserialisable, "unserialisable: parameter x cannot be read from JSON: .*Shop"),
        (unserialisable_inside, "parameter x cannot be read from JSON: .*Shop"),
        (unserialisable_result, "the result cannot be written as JSON: .*Shop"),
        (streaming, "streaming yields; .*return a list"),
        (secret, "secret: x is a secret, .*Injected"),
        (secret_bytes, r"x/\* is a secret"),
        (secret_inside, r"x/\*/pin is a secret"),
        (password, "password is named like a secret, .*NotSecret"),
        (api_key, "stripe_api_key is named like a secret"),
        (secret_name_inside, "x/apiKey is named like a secret"),
        (tokens, "access_tokens is named like a secret"),
        (injected_anything, "x is Injected but of no one type"),
        (injected_inside, "Injected stands inside a type"),
        (wrong_default, "the default of parameter x should be a valid integer"),
        (unwritable_default, "the default of parameter x is a Shop"),
        (two_roles, "x has two roles"),
        (decimal_or_text, "x is Decimal or str, which one JSON text can all mean"),
        (date_or_datetime, "x is date or datetime, which one JSON text can all mean"),
        (decimal_or_float, "Decimal takes every number"),
    ],
)
def test_a_function_that_cannot_be_a_tool_is_refused(function: Any, words: str) -> None:
    with pytest.raises(ToolError, match=words):
        tool(effect="read")(function)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"effect": "delete"}, "effect is"),
        ({"name": "has space"}, "a tool's name"),
        ({"name": ""}, "a tool's name"),
        ({"version": " "}, "version is"),
        ({"timeout": 0}, "timeout is"),
        ({"timeout": float("nan")}, "timeout is"),
        ({"timeout": True}, "timeout is"),
        ({"permit_lifetime": -1}, "permit_lifetime is"),
        ({"tags": "money"}, "tags is a list"),
        ({"owner": ""}, "owner is"),
        ({"price": 0.01}, "price is in USD"),
        ({"price": "-1"}, "price is in USD"),
        ({"preview": "text"}, "preview must be a function"),
    ],
)
def test_wrong_settings_are_refused(settings: dict[str, Any], words: str) -> None:
    def read(x: int) -> int:
        return x

    decorate: Any = tool
    with pytest.raises(ToolError, match=words):
        decorate(**{"effect": "read", **settings})(read)


@pytest.mark.parametrize("thing", [int, Shop().__class__, "text"])
def test_what_is_no_function_is_refused(thing: Any) -> None:
    with pytest.raises(ToolError, match="is no function"):
        declare(thing, effect="read")


def test_a_function_is_declared_once() -> None:
    with pytest.raises(ToolError, match="is a tool already"):
        tool(effect="read")(order)


def test_a_name_like_a_secret_passes_when_it_is_marked() -> None:
    @tool(effect="write")
    def page(next_token: Annotated[str | None, NotSecret] = None, max_tokens: int = 5) -> str:
        return ""

    assert set(tool_of(page).parameters) == {"next_token", "max_tokens"}


def test_somebody_elses_function_is_declared_with_annotations_of_ones_own() -> None:
    def update_password(account: Annotated[Shop, "found by a framework"], password: str) -> dict[str, str]:
        """Update the user password.

        :param password: New password for the user
        """
        return {}

    with pytest.raises(ToolError, match="password is named like a secret"):
        declare(update_password, effect="write")
    it = declare(
        update_password,
        effect="write",
        annotations={
            "account": Annotated[Shop, Injected],
            "password": Annotated[str, NotSecret, Content],
        },
    )
    assert set(it.parameters) == {"password"}
    assert it.parameters["password"].role == "content"
    assert it.description == "Update the user password."
    with pytest.raises(ToolError, match="is not a tool"):
        tool_of(update_password)


def test_annotations_of_ones_own_must_name_parameters() -> None:
    with pytest.raises(ToolError, match="has no parameter nope"):
        declare(untyped, effect="read", annotations={"nope": int})


def test_an_index_refuses_two_tools_of_one_name() -> None:
    def read(x: int) -> int:
        return x

    one = declare(read, effect="read")
    assert index([one, order, one]) == {"read": one, "order": tool_of(order)}
    with pytest.raises(ToolError, match="both the tool read, version 1"):
        index([one, declare(read, effect="read")])
    with pytest.raises(ToolError, match="versions 1 and 2 of read"):
        index([one, declare(read, effect="read", version="2")])


def test_a_tool_is_found_only_on_functions_that_are_tools() -> None:
    assert isinstance(tool_of(order), Tool)
    assert tool_of(tool_of(order)) is tool_of(order)
    with pytest.raises(ToolError, match="untyped is not a tool; put @tool"):
        tool_of(untyped)


def test_constraints_of_a_field_are_kept() -> None:
    @tool(effect="read")
    def read(n: Annotated[int, Field(ge=1, le=5)]) -> int:
        return n

    assert tool_of(read).json_schema["properties"]["n"] == {"type": "integer", "minimum": 1, "maximum": 5}
