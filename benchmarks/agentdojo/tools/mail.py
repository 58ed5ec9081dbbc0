"""The mail tools, which the suites travel and workspace share."""

from __future__ import annotations

from typing import Annotated, Any, NotRequired

from typing_extensions import TypedDict

from benchmarks.agentdojo.importing import Declaration
from licet import Content, Headline, Key, Label, Sensitive, Target, Trust


class Mail(TypedDict):
    """A mail. The server gives its id, time and state; all the rest is its sender's, the sender's address too."""

    id_: Annotated[str, Key("mail"), Trust("own")]
    sender: str
    recipients: list[str]
    cc: list[str]
    bcc: list[str]
    subject: Annotated[str, Label("subject")]
    body: Annotated[str, Sensitive]
    status: str
    read: bool
    timestamp: str
    attachments: list[Any]


class Attachment(TypedDict):
    """Something that goes with a mail: a file by its id, or a calendar event as it is."""

    type: str
    file_id: NotRequired[str]
    event_details: NotRequired[dict[str, Any]]


class Contact(TypedDict):
    """An entry of the contacts, which the mail program keeps."""

    email: Annotated[str, Key("email")]
    name: Annotated[str, Label("person")]


def show_mail(
    recipients: list[str],
    subject: str,
    body: str,
    attachments: list[dict[str, Any]] | None,
    cc: list[str] | None,
    bcc: list[str] | None,
) -> str:
    """The mail as it would go out."""
    to = ", ".join([*recipients, *(cc or []), *(bcc or [])])
    return f"To {to}, with {len(attachments or [])} attachments. {subject}: {body}"


def show_mail_deletion(email_id: str) -> str:
    """What would be gone."""
    return f"Delete mail {email_id}"


MAILS = list[Mail]

SEND_MAIL = {
    "send_email": Declaration(
        "irreversible",
        Trust("external"),
        {
            "recipients": (Target("email"),),
            "subject": (Headline(),),
            "body": (Content(),),
            "attachments": (Target("file"),),
            "cc": (Target("email"),),
            "bcc": (Target("email"),),
        },
        {"attachments": list[Attachment] | None},
        preview=show_mail,
        returns=Mail,
    )
}
"""What both suites have."""

MAIL = {
    **SEND_MAIL,
    "delete_email": Declaration(
        "irreversible", Trust("system"), {"email_id": (Target("mail"),)}, preview=show_mail_deletion
    ),
    "get_unread_emails": Declaration("read", Trust("external"), returns=MAILS),
    "get_sent_emails": Declaration("read", Trust("external"), returns=MAILS),
    "get_received_emails": Declaration("read", Trust("external"), returns=MAILS),
    "get_draft_emails": Declaration("read", Trust("external"), returns=MAILS),
    "search_emails": Declaration(
        "read", Trust("external"), {"query": (Target("query"),), "sender": (Target("email"),)}, returns=MAILS
    ),
    "search_contacts_by_name": Declaration(
        "read", Trust("system"), {"query": (Target("query"),)}, returns=list[Contact]
    ),
    "search_contacts_by_email": Declaration(
        "read", Trust("system"), {"query": (Target("query"),)}, returns=list[Contact]
    ),
}
