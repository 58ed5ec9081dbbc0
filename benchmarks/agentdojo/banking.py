"""The tools of AgentDojo's banking suite: what each does to the world, and what its values are for."""

from __future__ import annotations

from benchmarks.agentdojo.importing import Declaration
from licet import Amount, Content, Flag, NotSecret, Target, Trust, When


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


PAYMENT = {
    "recipient": (Target("iban"),),
    "amount": (Amount(kind="money"),),
    "subject": (Content("payment_subject"),),
    "date": (When(),),
}

BANKING = {
    "get_iban": Declaration("read", Trust("system")),
    "get_balance": Declaration("read", Trust("system")),
    "get_user_info": Declaration("read", Trust("own")),
    # Whoever sends the user money writes a subject of their choice; files come from anybody.
    "get_most_recent_transactions": Declaration("read", Trust("external"), {"n": (Flag(),)}),
    "get_scheduled_transactions": Declaration("read", Trust("external")),
    "read_file": Declaration("read", Trust("external"), {"file_path": (Target("file"),)}),
    "send_money": Declaration("irreversible", Trust("system"), PAYMENT, preview=show_payment),
    # No tool cancels a payment that is scheduled, and its date may be today or past: it is as good as sent.
    "schedule_transaction": Declaration(
        "irreversible", Trust("system"), {**PAYMENT, "recurring": (Flag(),)}, preview=show_order
    ),
    # The next two set what a read tool shows, so the same tool puts the old values back; twice is as once.
    "update_scheduled_transaction": Declaration(
        "write",
        Trust("system"),
        {"id": (Target("scheduled_transaction"),), **PAYMENT, "recurring": (Flag(),)},
        idempotent=True,
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
    ),
    # AgentDojo's tasks give the password in the text of the task, so it is no secret here.
    "update_password": Declaration(
        "irreversible",
        Trust("system"),
        {"password": (Content("password"), NotSecret())},
        preview=show_password_change,
    ),
}
