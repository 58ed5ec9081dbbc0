"""The desk's outgoing mail: a local maildir, in which a person can look at it."""

from __future__ import annotations

import mailbox
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path

SENDER = "Lumen & Linen <help@lumen-linen.example>"
_KEY_DOMAIN = "lumen-linen.example"


class Unwritable(Exception):
    """This is no mail that could be written: a line break in a header, for one. Nothing was sent."""


@dataclass(frozen=True)
class Mail:
    """A mail that was sent."""

    to: str
    subject: str
    body: str


class Outbox:
    """Mail in the maildir at `path`, which is made with the first one."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def send(self, mail: Mail, *, idempotency_key: str) -> None:
        """Send a mail, once for each key.

        Raises:
            Unwritable: before anything is written.
        """
        if self.was_sent(idempotency_key):
            return
        try:
            message = EmailMessage()
            message["From"], message["To"], message["Subject"] = SENDER, mail.to, mail.subject
            message["Message-ID"] = _message_id(idempotency_key)
            message.set_content(mail.body)
            message.as_bytes()
        except (ValueError, UnicodeError):
            raise Unwritable("a mail has one line of subject and valid text") from None
        self._maildir().add(message)

    def was_sent(self, idempotency_key: str) -> bool:
        """Whether a mail went out under this key."""
        wanted = _message_id(idempotency_key)
        return any(message["Message-ID"] == wanted for message in self._maildir())

    def sent(self) -> list[Mail]:
        """Every mail."""
        found = []
        for message in self._maildir():
            content = message.get_payload(decode=True)
            body = content.decode(errors="replace") if isinstance(content, bytes) else ""
            found.append(Mail(str(message["To"]), str(message["Subject"]), body))
        return found

    def _maildir(self) -> mailbox.Maildir:
        return mailbox.Maildir(self._path, create=True)


def _message_id(idempotency_key: str) -> str:
    return f"<{idempotency_key}@{_KEY_DOMAIN}>"
