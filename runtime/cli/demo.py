"""`licet demo`."""

from __future__ import annotations

from typing import Annotated

import typer


def demo(
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            help="A real model in place of the scripted one; its key comes from the environment.",
            metavar="PROVIDER:NAME",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Watch an agent do real work under control."""
    from licet.runtime.demo import main

    raise typer.Exit(main(model))
