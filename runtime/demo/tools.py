"""The refund desk's tools, and what each asks of the shop before it may run.

Nothing here is special to the demo: tools of your own would look like this.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from pydantic import BaseModel

from licet import (
    Amount,
    Content,
    Headline,
    Injected,
    Key,
    Label,
    NotExecuted,
    Refused,
    Sensitive,
    Target,
    ToolContext,
    Trust,
    tool,
)
from licet.runtime.demo.outbox import Mail, Outbox, Unwritable
from licet.runtime.demo.shop import OrderRecord, RefundRefused, Shop, to_cents

OWNER = "payments@lumen-linen.example"
TheShop = Annotated[Shop, Injected]


class Item(BaseModel):
    """One line of an order. `price` is for one piece, in EUR."""

    product: str
    quantity: int
    price: Decimal


class OrderSummary(BaseModel):
    """An order as a search finds it."""

    order_id: Annotated[str, Key("order_id")]
    placed: str
    products: list[str]


class Order(BaseModel):
    """An order, what was paid for it, and what its customer wrote beside it. Amounts are EUR."""

    order_id: Annotated[str, Key("order_id")]
    customer: Annotated[str, Label, Sensitive]
    email: Annotated[str, Sensitive]
    placed: str
    status: str
    items: list[Item]
    paid: Decimal
    refundable: Decimal
    notes: list[Annotated[str, Trust("external")]]


class Refunded(BaseModel):
    """A refund that was made. `amount` is EUR."""

    refund_id: str
    order_id: str
    amount: Decimal


NO_SUCH_ORDER = Refused("The ticket's customer has no such order.", visible=True)
"""The same for an order of somebody else: who asks learns nothing about it."""


def is_of_this_customer(order_id: str, shop: TheShop, context: ToolContext) -> bool | Refused:
    """A ticket opens the orders of its own customer, and of nobody else."""
    order = shop.order(order_id)
    return True if order is not None and _is_theirs(order, context) else NO_SUCH_ORDER


def may_refund(order_id: str, amount: Decimal, shop: TheShop, context: ToolContext) -> bool | Refused:
    """The customer's own order, whole cents, and no more than is left of the payment."""
    order = shop.order(order_id)
    if order is None or not _is_theirs(order, context):
        return NO_SUCH_ORDER
    if to_cents(amount) is None:
        return Refused("A refund is a whole number of cents.", visible=True)
    if amount > order.refundable:
        return Refused(f"Only {order.refundable} EUR of the payment are left.", visible=True)
    return True


def describe_refund(order_id: str, amount: Decimal, shop: TheShop) -> str:
    """Whom, what and how much, for the person who is asked."""
    order = shop.order(order_id)
    if order is None:
        return f"There is no order {order_id}."
    what = ", ".join(f"{line.quantity} x {line.product}" for line in order.lines)
    return (
        f"Pay {amount:.2f} EUR back to {order.customer} ({order.customer_id}, {order.email}) by"
        f" {order.method}:"
        f" order {order_id} ({what}), {order.status}. {order.paid} EUR were paid, {order.refunded} EUR"
        " refunded so far."
    )


def was_refunded(shop: TheShop, context: ToolContext) -> bool | None:
    """The shop keeps the key of each refund, so it knows whether one happened."""
    key = context.idempotency_key
    return None if key is None else shop.refund_under(key) is not None


def may_mail(to: str, shop: TheShop, context: ToolContext) -> bool | Refused:
    """Mail goes to the ticket's customer alone, at the address that the shop has."""
    customer = context.principal.attributes.get("customer")
    if isinstance(customer, str) and to == shop.email(customer):
        return True
    return Refused("Mail goes to the ticket's customer only.", visible=True)


def describe_mail(to: str, subject: str, body: str) -> str:
    """The mail as it would go out."""
    return f"To: {to}\nSubject: {subject}\n\n{body}"


def was_mailed(outbox: Annotated[Outbox, Injected], context: ToolContext) -> bool | None:
    """Each mail carries the key in its Message-ID."""
    key = context.idempotency_key
    return None if key is None else outbox.was_sent(key)


@tool(effect="read", owner=OWNER)
def search_orders(
    words: Annotated[str, Target("product")], shop: TheShop, context: ToolContext
) -> list[OrderSummary]:
    """Find orders of the ticket's customer by what was bought.

    Args:
        words: Words that the name of a product must have, such as "desk lamp".
    """
    found = shop.search(_customer(context), words)
    return [
        OrderSummary(
            order_id=order.order_id, placed=order.placed, products=[line.product for line in order.lines]
        )
        for order in found
    ]


@tool(effect="read", authorize=is_of_this_customer, owner=OWNER)
def read_order(order_id: Annotated[str, Target("order_id")], shop: TheShop) -> Order:
    """Read an order of the ticket's customer, with the customer's notes.

    Args:
        order_id: Such as O-12345.
    """
    order = shop.order(order_id)
    if order is None:
        raise NotExecuted("There is no such order.")
    return Order(
        order_id=order.order_id,
        customer=order.customer,
        email=order.email,
        placed=order.placed,
        status=order.status,
        items=[Item(product=line.product, quantity=line.quantity, price=line.price) for line in order.lines],
        paid=order.paid,
        refundable=order.refundable,
        notes=list(order.notes),
    )


@tool(effect="write", idempotent=True, owner=OWNER)
def draft_reply(body: Annotated[str, Content("note")], shop: TheShop, context: ToolContext) -> str:
    """Keep a reply to the ticket for later, in place of an earlier one.

    Args:
        body: The reply, plain text.
    """
    ticket = str(context.principal.attributes["ticket"])
    shop.save_draft(ticket, body)
    return f"The reply to {ticket} is saved."


@tool(
    effect="irreversible",
    preview=describe_refund,
    authorize=may_refund,
    check_outcome=was_refunded,
    owner=OWNER,
)
def issue_refund(
    order_id: Annotated[str, Target("order_id")],
    amount: Annotated[Decimal, Amount("EUR")],
    shop: TheShop,
    context: ToolContext,
) -> Refunded:
    """Pay back part or all of what was paid for an order.

    Args:
        order_id: The order whose payment is paid back.
        amount: EUR, at most what is refundable.
    """
    try:
        made = shop.refund(order_id, amount, idempotency_key=_key(context))
    except RefundRefused as error:
        raise NotExecuted(f"The shop refused the refund: {error}.") from None
    return Refunded(refund_id=made.refund_id, order_id=made.order_id, amount=made.amount)


@tool(
    effect="irreversible",
    preview=describe_mail,
    authorize=may_mail,
    check_outcome=was_mailed,
    owner=OWNER,
)
def send_mail(
    to: Annotated[str, Target("email")],
    subject: Annotated[str, Headline],
    body: Annotated[str, Content],
    outbox: Annotated[Outbox, Injected],
    context: ToolContext,
) -> str:
    """Send a mail to the ticket's customer.

    Args:
        to: The customer's address.
        subject: One line.
        body: Plain text.
    """
    try:
        outbox.send(Mail(to, subject, body), idempotency_key=_key(context))
    except Unwritable as error:
        raise NotExecuted(f"Nothing was sent: {error}.") from None
    return "The mail is sent."


def _is_theirs(order: OrderRecord, context: ToolContext) -> bool:
    return order.customer_id == context.principal.attributes.get("customer")


def _customer(context: ToolContext) -> str:
    return str(context.principal.attributes["customer"])


def _key(context: ToolContext) -> str:
    assert context.idempotency_key is not None, "a call with an effect has a permit, and a permit a key"
    return context.idempotency_key
