"""The command line: `licet`.

Exit codes: 0 fine; 1 the answer is no; 2 wrong usage or configuration; 3 a needed service is down, or the output
cannot be written; 141 the reader of the output has gone.
"""

from __future__ import annotations

import sys
from contextlib import suppress

import typer

from licet.audit.errors import LicetError
from licet.runtime.cli import approvals, audit, demo, policy, run, runs, switches
from licet.runtime.cli.output import OutputFailed, PipeClosed, drop_output, guard_output
from licet.runtime.cli.terminal import complain

app = typer.Typer(
    name="licet",
    help="Govern what an AI agent may do.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
app.command("demo")(demo.demo)
app.command("run")(run.run)
app.add_typer(runs.app, name="runs")
app.add_typer(approvals.app, name="approvals")
app.add_typer(audit.app, name="audit")
app.add_typer(policy.app, name="policy")
app.command("kill")(switches.kill)
app.command("unkill")(switches.unkill)


def main() -> None:
    """Run the command line; the process ends with the exit code."""
    guard_output()
    try:
        try:
            app()
        finally:
            sys.stdout.flush()
    except OutputFailed as error:
        drop_output()
        if not isinstance(error, PipeClosed):
            # stderr often goes the same way.
            with suppress(OSError):
                complain(str(error))
        sys.exit(error.exit_code)
    except LicetError as error:
        complain(str(error))
        sys.exit(error.exit_code)
