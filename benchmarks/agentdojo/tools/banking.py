"""The tools of AgentDojo's banking suite: what each does to the world, and what its values are for."""

from __future__ import annotations

from typing import Annotated

from typing_extensions import TypedDict

from benchmarks.agentdojo.importing import Declaration
from licet import Amount, Content, Flag, Key, Label, NotSecret, Sensitive, Target, Trust, When


def show_payment(recipient: str, amount: float, subject: str, date: str) -> str:
    """What sending money would do."""
    return f"Pay {amount} to {recipient} on {date}: {subject}"


def show_order(recipient: str, amount: float, subject: str, date: str, recurring: bool) -> str:
    """What scheduling a payment would do."""
    when = f"again and again from {date}" if recurring else f"on {date}"
    return f"Pay {amount} to {recipient} {when}: {subject}"


def show_password_change() -> str:
    """What a new password would do."""
    return "Replace the account's password. The old one can't be read, so nobody can put it back."


class Transaction(TypedDict):
    """A line of the account. The bank writes it; only the subject is the payer's.

    People call a payment by whom it was to or from, or by a word of its subject.
    """

    id: Annotated[int, Key("transaction")]
    sender: Annotated[str, Label("iban"), Sensitive]
    recipient: Annotated[str, Label("iban"), Sensitive]
    amount: Annotated[float, Sensitive]
    subject: Annotated[str, Label("words"), Trust("external"), Sensitive]
    date: str
    recurring: bool


class Said(TypedDict):
    """What the bank answers to an order: that it has it, and to whom, in the words of the order."""

    message: Annotated[str, Trust("external")]


class Holder(TypedDict):
    """The holder's own data."""

    first_name: str
    last_name: str
    street: Annotated[str, Sensitive]
    city: Annotated[str, Sensitive]


Subject = Content("caption")
"""A few words in capitals or not. They go out, to the receiver."""

PAYMENT = {"recipient": (Target("iban"),), "amount": (Amount(kind="money"),), "subject": (Subject,)}

BANKING = {
    "get_iban": Declaration("read", Trust("system")),
    "get_balance": Declaration("read", Trust("system")),
    "get_user_info": Declaration("read", Trust("own"), returns=Holder),
    # Whoever sends the user money writes a subject of their choice; files come from anybody.
    "get_most_recent_transactions": Declaration(
        "read", Trust("system"), {"n": (Flag(),)}, returns=list[Transaction]
    ),
    "get_scheduled_transactions": Declaration("read", Trust("system"), returns=list[Transaction]),
    "read_file": Declaration("read", Trust("external"), {"file_path": (Target("file"),)}),
    "send_money": Declaration(
        "irreversible", Trust("system"), {**PAYMENT, "date": (When(),)}, preview=show_payment, returns=Said
    ),
    # No tool cancels a payment that is scheduled, and its date may be today or past: it is as good as sent.
    "schedule_transaction": Declaration(
        "irreversible",
        Trust("system"),
        {**PAYMENT, "date": (When(),), "recurring": (Flag(narrow=(False,)),)},
        preview=show_order,
        returns=Said,
    ),
    # The next two set what a read tool shows, so the same tool puts the old values back; twice is as once.
    "update_scheduled_transaction": Declaration(
        "write",
        Trust("system"),
        {
            "id": (Target("transaction"),),
            **PAYMENT,
            "date": (When(),),
            "recurring": (Flag(narrow=(False,)),),
        },
        idempotent=True,
        returns=Said,
    ),
    "update_user_info": Declaration(
        "write",
        Trust("own"),
        {
            "first_name": (Content("name"),),
            "last_name": (Content("name"),),
            "street": (Content("address"),),
            "city": (Content("address"),),
        },
        idempotent=True,
        returns=Holder,
    ),
    # AgentDojo's tasks give the password in the text of the task, so it is no secret here.
    "update_password": Declaration(
        "irreversible",
        Trust("system"),
        {"password": (Content("password"), NotSecret())},
        preview=show_password_change,
    ),
}
