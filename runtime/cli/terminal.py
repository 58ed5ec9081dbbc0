"""What goes to the terminal. Text from elsewhere is data: nothing in it is markup or a control code."""

from __future__ import annotations

import os
import sys
import unicodedata
from collections.abc import Mapping, Sequence
from typing import IO, Any

import orjson
from rich.console import Console
from rich.table import Table
from rich.text import Text

LONGEST = 400
"""Characters of one foreign value that are shown; `--json` has all of it."""

_PIPE_WIDTH = 100_000
"""Without a terminal no line is wrapped and no cell cut: who reads is a program, or a file."""

_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})


def safe(text: str) -> str:
    """`text` with whatever could act on a terminal, or look like something else, written as an escape.

    Those are control characters (ANSI sequences begin with one), bidirectional overrides and invisible format
    characters, lone surrogates, private characters and line ends, by their category in Unicode.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        _escape(character) if unicodedata.category(character) in _UNSEEN else character for character in text
    )


def _escape(character: str) -> str:
    named = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}.get(character)
    if named is not None:
        return named
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def cut(text: str, most: int = LONGEST) -> str:
    """At most so many characters of `text`, with a note of how many there were more."""
    return text if len(text) <= most else f"{text[:most]}… ({len(text) - most:,} more characters)"


def data(value: Any) -> str:
    """JSON data on one line, cut and safe; text as it is."""
    text = value if isinstance(value, str) else orjson.dumps(value).decode()
    return safe(cut(text))


def console(stream: IO[str] | None = None) -> Console:
    """The console for `stream`, stdout if None. Plain and unwrapped where that is no terminal."""
    target = stream or sys.stdout
    width = None if target.isatty() or "COLUMNS" in os.environ else _PIPE_WIDTH
    return Console(file=target, width=width, markup=False, highlight=False, emoji=False, soft_wrap=False)


def say(text: str = "", style: str = "", *, indent: int = 0) -> None:
    """Print a line; what is foreign in it must have passed `safe` or `data`."""
    out = console()
    if indent and out.is_terminal:
        # So that a wrapped line stays under its first.
        from rich.padding import Padding

        out.print(Padding(Text(text, style=style), (0, 0, 0, indent)))
    else:
        out.print(Text(" " * indent + text, style=style), soft_wrap=not out.is_terminal)


def complain(message: str) -> None:
    """An error, in red, on stderr."""
    lines = [safe(line) for line in message.splitlines()] or ["it failed"]
    out = console(sys.stderr)
    for line in lines:
        out.print(Text(line, style="red"), soft_wrap=True)


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table of foreign text."""
    out = console()
    made = Table(box=None, pad_edge=False, header_style="bold", show_edge=False)
    for column in columns:
        made.add_column(column, overflow="fold")
    for row in rows:
        made.add_row(*(Text(safe(cut(cell))) for cell in row))
    # Rich fills lines up with blanks, which a pipe does not want.
    if out.is_terminal:
        out.print(made)
        return
    with out.capture() as captured:
        out.print(made)
    for line in captured.get().splitlines():
        out.print(Text(line.rstrip()), soft_wrap=True)


def as_json(document: Mapping[str, Any] | Sequence[Any]) -> None:
    """Print a document as JSON on stdout: indented, and in ASCII, so that nothing acts on a terminal."""
    import json

    sys.stdout.write(json.dumps(document, indent=2) + "\n")
