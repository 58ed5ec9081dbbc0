"""Changing one byte of one amount in a copy of the journal, behind the database's back."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Change:
    """One byte that was changed.

    Attributes:
        offset: where in the file, from 0.
        before, after: the amount as it was and as it stands there now.
    """

    offset: int
    before: str
    after: str


def copy_journal(journal: Path, copy: Path) -> None:
    """A whole and clean copy, while others may be using the journal."""
    with closing(sqlite3.connect(f"{journal.resolve().as_uri()}?mode=ro", uri=True)) as database:
        database.execute("VACUUM INTO ?", (str(copy),))


def change_amount(copy: Path, stream: str, seq: int, name: str) -> Change:
    """Change the first digit of the amount in this payload, in the file itself, which no trigger sees.

    Raises:
        LookupError: the payload holds no amount, or the file does not hold it in one piece.
    """
    content = _payload(copy, stream, seq, name)
    found = re.search(rb'"amount":"?(\d)[\d.]*', content)
    if found is None:
        raise LookupError(f"payload {name} of record {seq} holds no amount")
    whole = bytearray(copy.read_bytes())
    digit = b"9" if found[1] != b"9" else b"1"
    before, at = found[0], found.start(1) - found.start()
    start = whole.find(before)
    while start >= 0:
        # The same words stand in other payloads too; only this one is to change.
        offset = start + at
        _write(copy, offset, digit)
        changed = _payload(copy, stream, seq, name)
        if changed != content:
            after = before[:at] + digit + before[at + 1 :]
            return Change(offset, before.decode(), after.decode())
        _write(copy, offset, bytes(whole[offset : offset + 1]))
        start = whole.find(before, start + 1)
    raise LookupError(f"the file does not hold the amount of record {seq} in one piece")


def _write(path: Path, offset: int, byte: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(byte)


def _payload(path: Path, stream: str, seq: int, name: str) -> bytes:
    with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as database:
        row = database.execute(
            "SELECT content FROM payloads JOIN events ON events.id = payloads.id / 16"
            " WHERE stream = ? AND seq = ? AND name = ?",
            (stream, seq, name),
        ).fetchone()
    if row is None:
        raise LookupError(f"there is no payload {name} of record {seq}")
    return bytes(row[0])
