"""A real OPA server that a test starts, stops and kills."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Self

from licet.policies import opa_program


def free_port() -> int:
    """A port on loopback that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


class OpaProcess:
    """`opa run --server` with these arguments, on a port that stays the same when it is started again."""

    def __init__(self, folder: Path, *arguments: str, level: str = "error") -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = folder / f"opa-{self.port}.log"
        self._command = [
            str(opa_program.find()), "run", "--server", "--addr", f"127.0.0.1:{self.port}", "--skip-version-check",
            "--log-level", level, *arguments,
        ]  # fmt: skip
        self.signalled = 0
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log)

    def kill(self) -> None:
        """As `kill -9`, and gone when this returns."""
        self.send(signal.SIGKILL)
        self.wait()

    def wait(self) -> None:
        assert self._process is not None
        self._process.wait()

    def send(self, number: int) -> None:
        assert self._process is not None
        os.kill(self._process.pid, number)
        self.signalled += 1
        if number == signal.SIGSTOP:
            os.waitpid(self._process.pid, os.WUNTRACED)  # each of its threads has stopped

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None and self._process.poll() is None:
            self.kill()
