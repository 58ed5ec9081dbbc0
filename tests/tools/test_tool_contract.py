"""The contract hash moves when the contract does, and with nothing else. The literal hashes hold it still for
ever.
"""

from __future__ import annotations

import json
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, Field

from licet.tools import Amount, Content, Injected, StringCoded, Target, Tool, ToolContext, Trust, declare
from licet.tools.contract_hash import contract_hash, normal_schema


class Kind(Enum):
    """A choice."""

    b = "b"
    a = "a"


class Part(BaseModel):
    """A model that holds itself."""

    name: str
    price: Decimal = Field(ge=0)
    parts: list[Part] = []
    kind: Kind | None = None


class Shop:
    """Stands for a client that is injected."""


def read(order_id: Annotated[str, Target("order_id")]) -> Annotated[str, Trust("own")]:
    """Read an order."""
    return order_id


def refund(
    order_id: Annotated[str, Target("order_id")],
    amount: Annotated[Decimal, Amount("EUR"), Field(gt=0, le=500)],
    note: Annotated[str | None, Content] = None,
    serial: Annotated[int, StringCoded] = 2**60,
    speed: Literal["slow", "fast"] = "slow",
) -> dict[str, Decimal]:
    """Pay back."""
    return {}


def assemble(part: Part, more: dict[str, tuple[Part, float]]) -> Part | None:
    """Assemble."""
    return part


@pytest.mark.parametrize(
    ("function", "effect", "expected"),
    [
        (read, "read", "2081aff34c9b00403f34063cecdd167b59c48191afc1176b021eeb5bcdec95b2"),
        (refund, "irreversible", "55de935fd118e4ebac2ea89cfaf32fcc3248fc3a5fb3fafeb76d3274b0efa062"),
        (assemble, "write", "b9fa14ebd025e51cfa490b66dd74b53b4678264585730e514c53b2104aa37a32"),
    ],
)
def test_golden_hashes(function: Any, effect: Any, expected: str) -> None:
    it = declare(function, effect=effect)
    assert it.contract_hash == expected, json.dumps(dict(it.contract), indent=1)


def hash_of(function: Any, **settings: Any) -> str:
    chosen: dict[str, Any] = {"effect": "write", "name": "it", **settings}
    return declare(function, **chosen).contract_hash


def base(x: int, y: Annotated[str, Target("email")] = "a") -> str:
    """Say something."""
    return ""


def other_words(
    y: Annotated[str, Target("email"), Field(description="d", title="T")] = "a", *, x: int
) -> str:
    """Say something else.

    Args:
        x: described
    """
    return ""


def injected(
    x: int, context: ToolContext, shop: Annotated[Shop, Injected], y: Annotated[str, Target("email")] = "a"
) -> str:
    """Take what the model does not see."""
    return ""


def test_words_order_and_what_is_injected_do_not_move_it() -> None:
    assert hash_of(base) == hash_of(other_words) == hash_of(injected)
    settings: dict[str, Any] = {
        "timeout": 1,
        "owner": "a",
        "tags": ["b"],
        "price": "1",
        "preview": lambda x: "",
        "permit_lifetime": 5,
    }
    assert hash_of(base, **settings) == hash_of(base)


def other_type(x: float, y: Annotated[str, Target("email")] = "a") -> str:
    return ""


def exact_type(x: Decimal, y: Annotated[str, Target("email")] = "a") -> str:
    return ""


def other_default(x: int, y: Annotated[str, Target("email")] = "b") -> str:
    return ""


def no_default(x: int, y: Annotated[str, Target("email")]) -> str:
    return ""


def other_kind(x: int, y: Annotated[str, Target("url")] = "a") -> str:
    return ""


def other_role(x: int, y: Annotated[str, Content("email")] = "a") -> str:
    return ""


def other_limit(x: Annotated[int, Field(le=5)], y: Annotated[str, Target("email")] = "a") -> str:
    return ""


def coded(x: Annotated[int, StringCoded], y: Annotated[str, Target("email")] = "a") -> str:
    return ""


def other_result(x: int, y: Annotated[str, Target("email")] = "a") -> int:
    return 1


def other_trust(x: int, y: Annotated[str, Target("email")] = "a") -> Annotated[str, Trust("peer")]:
    return ""


def test_each_part_of_the_contract_moves_it() -> None:
    functions = (
        base,
        other_type,
        exact_type,
        other_default,
        no_default,
        other_kind,
        other_role,
        other_limit,
        coded,
        other_result,
        other_trust,
    )
    hashes = [hash_of(function) for function in functions]
    hashes += [
        hash_of(base, name="other"),
        hash_of(base, version="2"),
        hash_of(base, effect="irreversible"),
        hash_of(base, idempotent=True),
    ]
    assert len(set(hashes)) == len(hashes)


def models(prefix: str) -> Tool:
    """The same structure under other names."""
    inner = type(f"{prefix}Inner", (BaseModel,), {"__annotations__": {"n": int}, "__module__": __name__})
    outer = type(
        f"{prefix}Outer",
        (BaseModel,),
        {"__annotations__": {"a": inner, "b": list[inner]}, "__module__": __name__},  # type: ignore[valid-type]
    )
    return declare(base, effect="read", annotations={"x": outer, "return": outer})


def test_names_of_models_do_not_move_it() -> None:
    assert models("Left").contract_hash == models("Right").contract_hash


def test_a_definition_counts_the_same_as_its_content_in_place() -> None:
    item = {
        "type": "object",
        "title": "Item",
        "properties": {"title": {"type": "string", "title": "T"}},
        "required": ["title"],
    }
    by_name = {
        "$defs": {"Item": item},
        "properties": {"a": {"$ref": "#/$defs/Item"}, "b": {"$ref": "#/$defs/Item"}},
    }
    in_place = {"properties": {"b": item, "a": {**item, "description": "said otherwise"}}}
    assert normal_schema(by_name) == normal_schema(in_place)
    normal: Any = normal_schema(by_name)
    assert normal["properties"]["a"]["properties"] == {"title": {"type": "string"}}, (
        "a field may be called title"
    )


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"const": "a"}, {"enum": ["a"]}),
        ({"enum": ["b", "a"]}, {"enum": ["a", "b"]}),
        (
            {"anyOf": [{"type": "null"}, {"type": "string"}]},
            {"anyOf": [{"type": "string"}, {"type": "null"}]},
        ),
        ({"minimum": 1.0}, {"minimum": 1}),
        ({"type": "object", "additionalProperties": True}, {"type": "object"}),
        ({"type": "object", "required": []}, {"type": "object"}),
    ],
)
def test_two_ways_to_say_one_thing_are_one(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert contract_hash({"it": normal_schema(one)}) == contract_hash({"it": normal_schema(other)})


def test_the_order_of_keys_does_not_move_it() -> None:
    contract = dict(declare(refund, effect="write").contract)
    shuffled = json.loads(json.dumps(contract, sort_keys=True))
    assert contract_hash(dict(reversed(shuffled.items()))) == contract_hash(contract)
