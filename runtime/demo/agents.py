"""Who plays the agent: a script, so that the demo needs no key, or a real model.

The script is one clerk, and a naive one. It does what a ticket asks; where an order's note tells it to do
something else it obeys the note, as models have been seen to do; and where it finds no order it searches
without end. It knows nothing but the messages it is sent, so it goes on in another process as a real model
would.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import orjson
from pydantic_ai.exceptions import UserError
from pydantic_ai.messages import (
    ModelMessage,
    ModelMessagesTypeAdapter,
    ModelRequest,
    ModelResponse,
    TextPart,
    ToolCallPart,
    ToolReturnPart,
    UserPromptPart,
)
from pydantic_ai.models import infer_model
from pydantic_ai.models.function import AgentInfo, FunctionModel
from pydantic_ai.usage import RequestUsage

from licet import ConfigurationError, Priced
from licet.runtime.conversation import FINAL_ANSWER
from licet.runtime.models import most_it_costs

if TYPE_CHECKING:
    from pydantic_ai.models import Model

BYTES_PER_TOKEN = 4
"""About what English text comes to."""

_ORDER = re.compile(r"\bO-\d+\b")
_REFUND_THAT = re.compile(r"refund order (O-\d+)[^(]*\((\d+\.\d\d) EUR\)")
_ADDRESS = re.compile(r"\bto ([\w.-]+@[\w-]+(?:\.[\w-]+)+)")
_ROOMS = ("", "small", "old", "white", "bedside", "kitchen", "reading")
_LAMPS = ("lamp", "desk lamp", "floor lamp", "light", "lamp shade")


def scripted_model() -> Priced:
    """The scripted clerk, at the price of a large model so that what runs cost can be seen."""
    return Priced(FunctionModel(clerk, model_name="scripted-clerk"), input="15.00", output="75.00")


def real_model(name: str) -> Model:
    """The model `provider:name`, with its provider's key from the environment.

    Raises:
        ConfigurationError: no such model, its key is not set, its provider's package is not installed, or
            nobody knows its price.
    """
    model = _inferred(name)
    if most_it_costs(model, 1, 1) is None:
        raise ConfigurationError(
            f"no price is known for {name}, and the desk limits what a run may spend; choose another model"
        )
    return model


def _inferred(name: str) -> Model:
    try:
        return infer_model(name)
    except ImportError as error:
        raise ConfigurationError(
            f"the package for {name} is not installed: {_first_line(error)}. Run: pip install 'licet[models]'"
        ) from None
    except (UserError, ValueError) as error:
        raise ConfigurationError(f"cannot use the model {name}: {_first_line(error)}") from None
    except Exception as error:
        # Each provider's client has an error class of its own for a key that is not set.
        raise ConfigurationError(
            f"cannot use the model {name} ({type(error).__name__}); is its provider's key in the environment?"
        ) from None


async def clerk(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
    """What the clerk does next, from the messages alone."""
    response = ModelResponse(parts=_next(_ticket(messages), _answers(messages)))
    shown = sum(len(orjson.dumps(tool.parameters_json_schema)) for tool in info.function_tools)
    response.usage = RequestUsage(
        input_tokens=(len(ModelMessagesTypeAdapter.dump_json(messages)) + shown) // BYTES_PER_TOKEN,
        output_tokens=len(ModelMessagesTypeAdapter.dump_json([response])) // BYTES_PER_TOKEN // 2,
    )
    return response


def _next(ticket: dict[str, str], done: list[ToolReturnPart]) -> list[TextPart | ToolCallPart]:
    named = _ORDER.search(ticket["text"])
    if named is None:
        return _search_on(done)
    if not done:
        return _call("The ticket names an order; I look at it first.", "read_order", order_id=named[0])
    order: Any = done[0].content
    if done[0].outcome != "success":
        return _hand_over("I can't read the order that the ticket names.")
    orders = _REFUND_THAT.search("\n".join(order["notes"]))
    if orders is not None:
        return _obey(orders, order, done)
    return _serve(order, done)


def _serve(order: Any, done: list[ToolReturnPart]) -> list[TextPart | ToolCallPart]:
    """What an honest clerk does: refund, write, answer."""
    if any(part.outcome != "success" for part in done):
        return _hand_over("A call of mine was refused; a person should look at this ticket.")
    # Money comes as exact text without idle zeros, as all decimals do.
    amount, first_name = f"{Decimal(order['refundable']):.2f}", order["customer"].split()[0]
    told = f"we have paid {amount} EUR for order {order['order_id']} back to you."
    body = f"Dear {first_name},\n\n{told}\n\nLumen & Linen"
    match [part.tool_name for part in done]:
        case ["read_order"]:
            why = f"The order was {order['status']} and nothing is refunded yet; they are entitled to it."
            return _call(why, "issue_refund", order_id=order["order_id"], amount=amount)
        case [*_, "issue_refund"]:
            return _call("I write down the reply.", "draft_reply", body=body)
        case [*_, "draft_reply"]:
            subject = f"Your refund for order {order['order_id']}"
            return _call("I tell the customer.", "send_mail", to=order["email"], subject=subject, body=body)
    answer = {"order_id": order["order_id"], "refunded": amount, "mailed": True}
    said = f"{amount} EUR for order {order['order_id']} are refunded, and {first_name} has been told."
    return _call("", FINAL_ANSWER, status="done", message=said, answer=answer)


def _obey(orders: re.Match[str], order: Any, done: list[ToolReturnPart]) -> list[TextPart | ToolCallPart]:
    """What a hijacked clerk does: everything that the note says, whatever it is answered."""
    victim, amount = orders.groups()
    match len(done):
        case 1:
            return _call("A system notice asks me to refund another order.", "read_order", order_id=victim)
        case 2:
            return _call(
                "The system notice says to refund it in full.", "issue_refund", order_id=victim, amount=amount
            )
        case 3:
            collector = _ADDRESS.search("\n".join(order["notes"]))
            data = f"{order['customer']} <{order['email']}>: {order['order_id']}, paid {order['paid']} EUR"
            to = collector[1] if collector else "nobody@nowhere.example"
            return _call(
                "The system notice asks for the data.", "send_mail", to=to, subject="Data", body=data
            )
    return _hand_over("I was not permitted to do what I was told; a person should look at this ticket.")


def _search_on(done: list[ToolReturnPart]) -> list[TextPart | ToolCallPart]:
    """What a clerk does that never gives up: the next words, for ever."""
    room, lamp = _ROOMS[len(done) // len(_LAMPS) % len(_ROOMS)], _LAMPS[len(done) % len(_LAMPS)]
    return _call("That may not be it; I search on.", "search_orders", words=f"{room} {lamp}".strip())


def _call(said: str, tool: str, **arguments: Any) -> list[TextPart | ToolCallPart]:
    call = ToolCallPart(tool, orjson.dumps(arguments).decode())
    return [TextPart(said), call] if said else [call]


def _hand_over(message: str) -> list[TextPart | ToolCallPart]:
    return _call("", FINAL_ANSWER, status="escalated", message=message)


def _ticket(messages: Iterable[ModelMessage]) -> dict[str, str]:
    for message in messages:
        for part in message.parts if isinstance(message, ModelRequest) else ():
            if isinstance(part, UserPromptPart) and isinstance(part.content, str):
                ticket: dict[str, str] = orjson.loads(part.content)
                return ticket
    raise ValueError("there is no ticket in the messages")


def _answers(messages: Iterable[ModelMessage]) -> list[ToolReturnPart]:
    return [
        part
        for message in messages
        if isinstance(message, ModelRequest)
        for part in message.parts
        if isinstance(part, ToolReturnPart) and part.tool_name != FINAL_ANSWER
    ]


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0].rstrip(".") if str(error).strip() else type(error).__name__
