"""Standard output that says in the command line's own terms when it cannot be written."""

from __future__ import annotations

import io
import os
import sys
from typing import NoReturn

from licet.audit.errors import ServiceDown


class OutputFailed(ServiceDown):
    """What the command had to say could not be written, on a full disk for instance."""


class PipeClosed(OutputFailed):
    """Whoever read the output has gone, as `head` does. It is no answer, and nobody is there to be told."""

    exit_code = 141
    """What a shell says of a program that a closed pipe ended: 128 and the number of SIGPIPE, as POSIX has it."""


class _Output(io.TextIOWrapper):
    # Errors of this stream alone are turned into ours here. Further up they could be anybody's, and Rich and
    # Typer end the process with 1 for a closed pipe, which means here that the answer is no.
    def write(self, text: str, /) -> int:
        try:
            return super().write(text)
        except OSError as error:
            _fail(error)

    def flush(self) -> None:
        try:
            super().flush()
        except OSError as error:
            _fail(error)


def _fail(error: OSError) -> NoReturn:
    if isinstance(error, BrokenPipeError):
        raise PipeClosed("the reader of the output has gone") from error
    raise OutputFailed(f"the output cannot be written: {error.strerror or type(error).__name__}") from error


def guard_output() -> None:
    """From now on whatever writes to standard output raises `OutputFailed` when that fails."""
    stream = sys.stdout
    if type(stream) is io.TextIOWrapper:
        settings = {
            name: getattr(stream, name) for name in ("encoding", "errors", "line_buffering", "write_through")
        }
        sys.stdout = _Output(stream.detach(), **settings)


def drop_output() -> None:
    """Let what is not yet written of standard output go nowhere, so that the interpreter ends quietly."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
