"""Options that several commands take."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

DEFAULT_DATABASE: Final = "sqlite:///licet.db"

Database = Annotated[
    str | None,
    typer.Option(
        "--database",
        envvar="LICET_DATABASE_URL",
        help=f"Where the journal is, such as {DEFAULT_DATABASE}, the default.",
        metavar="URL",
        show_default=False,
    ),
]
Policies = Annotated[
    Path | None,
    typer.Option(
        "--policies",
        envvar="LICET_POLICIES",
        help="A bundle, or a folder of Rego to add to the shipped library; by default that alone.",
        metavar="PATH",
        show_default=False,
    ),
]
App = Annotated[
    str,
    typer.Option("--app", help="Where your Runtime is, such as desk:runtime.", metavar="MODULE:ATTRIBUTE"),
]
OptionalApp = Annotated[
    str | None,
    typer.Option(
        "--app",
        help="With --resume: where your Runtime is, such as desk:runtime.",
        metavar="MODULE:ATTRIBUTE",
        show_default=False,
    ),
]
Resume = Annotated[bool, typer.Option("--resume", help="Go on with the run afterwards; takes --app.")]
Tenant = Annotated[
    str | None, typer.Option("--tenant", help="Only this tenant's.", metavar="NAME", show_default=False)
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Run = Annotated[str, typer.Argument(metavar="RUN", help="The run's id, or its first characters, at least 8.")]
Reason = Annotated[str, typer.Option("--reason", help="Why; it is recorded.", metavar="TEXT")]


def database_url(given: str | None) -> str:
    """The journal that a command addresses."""
    return given or DEFAULT_DATABASE
