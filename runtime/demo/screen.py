"""What the demo shows, on a terminal or as plain text. Foreign text never reaches the terminal unescaped."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterable, Sequence
from typing import Any

import orjson
from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from licet.audit.story import Answered, CallStory, Content, Denied, Executed, Failed, Permitted, RunStory
from licet.runtime.cli.terminal import safe

WIDEST = 112
"""Columns; longer lines are hard to read."""

PLAIN = 100
"""Columns without a terminal."""

INDENT = 3
"""Columns in front of what belongs to a scene."""

LONGEST_VALUE = 44
"""Characters of an argument that a line of the trace shows."""

MARKS = {"executed": ("✓", "green"), "denied": ("✗", "red"), "waiting": ("…", "yellow")}


class Screen:
    """Writes the demo's scenes to standard output."""

    def __init__(self) -> None:
        if isinstance(sys.stdout, io.TextIOWrapper):
            # A terminal that lacks a character shows a question mark; the demo does not end for it.
            sys.stdout.reconfigure(errors="replace")
        self.console = Console(highlight=False, markup=False, emoji=False, soft_wrap=False)
        self.console.width = min(self.console.width, WIDEST) if self.console.is_terminal else PLAIN

    def title(self, text: str, under: str) -> None:
        """The head of it all."""
        self._print(Text(text, style="bold"), above=1, indent=0)
        self._print(Text(under, style="dim"), indent=0)

    def scene(self, number: int, title: str) -> None:
        """The head of a scene."""
        head = Text.assemble((f" {number} ", "bold reverse"), (f" {title} ", "bold"))
        self._print(Rule(head, align="left", style="dim"), above=1, indent=0)

    def say(self, text: str, style: str = "") -> None:
        """A line of the demo's own."""
        self._print(Text(text, style=style))

    def quote(self, who: str, text: str) -> None:
        """What somebody wrote."""
        self._print(Text.assemble((f"{who}: ", "bold"), (safe(text), "italic")))

    def trace(self, story: RunStory) -> None:
        """The calls of a run, what the agent said of each, and what came of it."""
        table = Table(box=None, show_header=False, padding=(0, 1), pad_edge=False, expand=True)
        table.add_column(width=1, no_wrap=True)
        table.add_column(ratio=5)
        table.add_column(ratio=4)
        for call in story.calls:
            mark, style = MARKS.get(call.status, ("!", "red"))
            table.add_row(Text(mark, style=f"bold {style}"), _proposal(call), _outcome(call, style))
        self._print(table, above=1, below=1)

    def command(self, words: Sequence[str], output: str, lines: int | None = None) -> None:
        """A command as a person would type it, and what it said (its first `lines` lines)."""
        self._print(Text("$ " + " ".join(words), style="bold cyan"), above=1)
        said = output.rstrip().splitlines()
        for line in said[:lines]:
            text = line.lstrip(" ")
            # A line that is wrapped stays under its first words.
            self._print(Text(safe(text)), indent=INDENT + len(line) - len(text))
        if lines is not None and len(said) > lines:
            self.say(f"... and {len(said) - lines} more lines", "dim")
        self.console.print()

    def passed(self, text: str) -> None:
        """The scene ended as it should."""
        self._print(Text.assemble(("✓ ", "bold green"), (safe(text), "green")))

    def failed(self, text: str) -> None:
        """The scene did not."""
        self._print(Text.assemble(("✗ ", "bold red"), (safe(text), "red")))

    def list(self, head: str, lines: Iterable[tuple[str, str]]) -> None:
        """Names with what stands beside them."""
        table = Table(box=None, show_header=False, padding=(0, 2), pad_edge=False)
        for name, value in lines:
            table.add_row(Text(name, style="bold"), Text(value))
        self._print(Text(head, style="bold"), above=1, indent=0)
        self._print(table, below=1)

    def _print(self, what: RenderableType, *, above: int = 0, below: int = 0, indent: int = INDENT) -> None:
        padded = Padding(what, (above, 0, below, indent), expand=isinstance(what, Rule))
        if self.console.is_terminal:
            self.console.print(padded)
            return
        # Rich fills lines up with blanks, which a file does not want.
        with self.console.capture() as captured:
            self.console.print(padded)
        for line in captured.get().splitlines():
            self.console.print(Text(line.rstrip()), soft_wrap=True)


def _proposal(call: CallStory) -> Text:
    line = Text.assemble((safe(call.tool), "bold"), "(", _arguments(call.proposed), ")")
    if call.reason is not None and call.reason.value:
        line.append(f'\n"{safe(str(call.reason.value))}"', style="dim italic")
    return line


def _arguments(proposed: Content | None) -> str:
    try:
        given = orjson.loads(proposed.value) if proposed is not None else None
    except (orjson.JSONDecodeError, TypeError):
        given = None
    if not isinstance(given, dict):
        return "?"
    return ", ".join(f"{safe(str(name))}={_short(value)}" for name, value in given.items())


def _short(value: Any) -> str:
    text = safe(value if isinstance(value, str) else orjson.dumps(value).decode())
    return text if len(text) <= LONGEST_VALUE else text[: LONGEST_VALUE - 3] + "..."


def _outcome(call: CallStory, style: str) -> Text:
    if call.status == "waiting":
        return Text("waits for a person; nothing has happened", style=style)
    match call.moments[-1] if call.moments else None:
        case Denied(stage=stage, reasons=reasons):
            said = " ".join(safe(reason.message) for reason in reasons)
            rules = ", ".join(safe(reason.rule) for reason in reasons)
            return Text.assemble((f"stopped at {stage}: {said}", style), (f"\n{rules}", "dim"))
        case Failed(message=message):
            return Text(f"failed: {safe(message)}", style=style)
        case Executed(decision=decision):
            permits = [moment for moment in call.moments if isinstance(moment, Permitted)]
            by = _reviewers(call, permits[-1].request_ids) if permits else []
            told = "executed" + (f", approved by {', '.join(by)}" if by else "")
            granted = permits[-1].decision if permits else decision
            rules = ", ".join(safe(rule) for rule in sorted(granted.grants)) if granted is not None else ""
            return Text.assemble((told, style), (f"\n{rules}", "dim"))
        case _:
            return Text(call.status, style=style)


def _reviewers(call: CallStory, request_ids: tuple[str, ...]) -> list[str]:
    return [
        safe(moment.reviewer)
        for moment in call.moments
        if isinstance(moment, Answered) and moment.request_id in request_ids and moment.verdict != "reject"
    ]
