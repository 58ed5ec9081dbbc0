"""An application as a user would write one; the tests of the command line copy it into an empty folder."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Annotated

from pydantic_ai.messages import ModelMessage, ModelRequest, UserPromptPart

from licet import Amount, Limits, Priced, Runtime, Target, Workflow, allow, at_most, tool
from licet.testing import ScriptedModel, Step, answer, calls

HOSTILE = "\x1b[2J[bold red]owned[/] \u202eevil"


@tool(effect="read")
async def read_order(order_id: Annotated[str, Target("order")]) -> dict[str, str]:
    """Read an order."""
    return {"order_id": order_id, "note": HOSTILE}


def describe(order_id: str, amount: Decimal) -> str:
    return f"pay back {amount} EUR of order {order_id}"


@tool(effect="irreversible", preview=describe)
async def refund(order_id: Annotated[str, Target("order")], amount: Annotated[Decimal, Amount("EUR")]) -> str:
    """Pay back part of an order."""
    with Path("ledger.txt").open("a") as ledger:
        ledger.write(f"{order_id} {amount}\n")
    return f"{amount} EUR paid back"


@tool(effect="write", permit_lifetime=0.2)
async def mark(text: str) -> str:
    """Mark the ticket; nobody knows whether it worked."""
    raise RuntimeError("secret-token-4711")


desk = Workflow(
    name="desk",
    version="1",
    owner="payments@acme.example",
    purpose="Answer refund requests",
    tools=[
        allow(read_order),
        allow(refund, amount=at_most("200.00"), unattended={"amount": at_most("50.00")}),
        allow(mark, unattended=True),
    ],
    model="main",
    limits=Limits(steps=8, calls=8, spend="1.00"),
)


def play(messages: list[ModelMessage]) -> Step:
    """What the model does first is what the input asks for."""
    first = messages[0]
    assert isinstance(first, ModelRequest) and isinstance(first.parts[0], UserPromptPart)
    match str(first.parts[0].content).split():
        case ["refund", order, amount]:
            return calls("refund", {"order_id": order, "amount": amount}, says="[red]they asked[/] for it")
        case ["mark", text]:
            return calls("mark", {"text": text})
        case ["read", order]:
            return calls("read_order", {"order_id": order})
        case _:
            return answer("Nothing to do.")


def finish(messages: list[ModelMessage]) -> Step:
    return answer("All is done.")


model = ScriptedModel([play, finish])
runtime = Runtime(workflows=[desk], models={"main": Priced(model, input="1.00", output="2.00")})
