"""The same without `from __future__ import annotations`: annotations are objects, some of them text."""

from decimal import Decimal
from typing import Annotated

from pydantic import BaseModel

from licet.tools import Amount, Injected, ToolContext, tool, tool_of


class Shop:
    """Stands for a client that is injected."""


class Line(BaseModel):
    """A model argument."""

    sku: str
    price: Decimal


@tool(effect="write")
def pay(
    amount: Annotated[Decimal, Amount("EUR")],
    line: "Line",
    more: "list[Line] | None" = None,
    *,
    context: ToolContext,
    shop: Annotated["Shop", Injected],
) -> "Line":
    """Pay for a line.

    :param amount: how much
    """
    return line


def test_annotations_are_read_as_objects_and_as_text() -> None:
    it = tool_of(pay)
    assert list(it.parameters) == ["amount", "line", "more"]
    assert it.parameters["amount"].description == "how much"
    assert it.injected_types == (Shop,)
    assert it.needs.context == ("context",)
    found = it.parse('{"amount": 1.5, "line": {"sku": "a", "price": 2}}')
    assert found.values == {"amount": Decimal("1.5"), "line": Line(sku="a", price=Decimal(2)), "more": None}
