"""A refund desk: the tools that refund_desk.yaml names, and a runtime over both."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from licet import Amount, Injected, NotExecuted, Priced, Refused, Runtime, Target, ToolContext, Workflow, tool

if TYPE_CHECKING:
    from pydantic_ai.models import Model

WORKFLOW = Path(__file__).with_name("refund_desk.yaml")


class Shop:
    """The shop's own database; stands for whatever your tools work on."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.write("CREATE TABLE IF NOT EXISTS orders (id TEXT PRIMARY KEY, customer TEXT, paid TEXT)")
        self.write("CREATE TABLE IF NOT EXISTS refunds (key TEXT PRIMARY KEY, order_id TEXT, amount TEXT)")

    def read(self, sql: str, *values: str) -> list[tuple[str, ...]]:
        with closing(sqlite3.connect(self._path)) as connection:
            return connection.execute(sql, values).fetchall()

    def write(self, sql: str, *values: str) -> None:
        with closing(sqlite3.connect(self._path)) as connection, connection:
            connection.execute(sql, values)


def own_order(order_id: str, context: ToolContext, shop: Annotated[Shop, Injected]) -> bool | Refused:
    """Customers get at their own orders. Who the customer is, the principal says and not the model."""
    found = shop.read("SELECT customer FROM orders WHERE id = ?", order_id)
    return found == [(context.principal.subject,)] or Refused(
        "This customer has no such order.", visible=True
    )


def describe(order_id: str, amount: Decimal) -> str:
    """What a reviewer is shown."""
    return f"Pay back {amount} EUR of order {order_id}"


@tool(effect="read", authorize=own_order)
def read_order(order_id: Annotated[str, Target("order")], shop: Annotated[Shop, Injected]) -> dict[str, str]:
    """Read an order."""
    (paid,) = shop.read("SELECT paid FROM orders WHERE id = ?", order_id)[0]
    return {"order_id": order_id, "paid": paid}


@tool(effect="irreversible", preview=describe, authorize=own_order)
def issue_refund(
    order_id: Annotated[str, Target("order")],
    amount: Annotated[Decimal, Amount("EUR")],
    context: ToolContext,
    shop: Annotated[Shop, Injected],
) -> str:
    """Pay back part or all of an order."""
    (paid,) = shop.read("SELECT paid FROM orders WHERE id = ?", order_id)[0]
    if amount > Decimal(paid):
        raise NotExecuted("The order cost less than that.")
    key = str(context.idempotency_key)  # The same for every attempt at this call, and in its permit.
    shop.write("INSERT INTO refunds VALUES (?, ?, ?)", key, order_id, f"{amount:.2f}")
    return f"{amount} EUR paid back for {order_id}"


def open_desk(model: Model | Priced, folder: Path) -> Runtime:
    """The desk over its journal and its shop, both in `folder`."""
    return Runtime(
        f"sqlite:///{folder}/licet.db",
        workflows=[Workflow.from_yaml(WORKFLOW)],
        tools=[read_order, issue_refund],
        models={"main": model},
        inject={Shop: Shop(folder / "shop.db")},
    )
