"""The clock by which evaluations are stopped: a thread that advances wasmtime's epoch."""

from __future__ import annotations

import math
import os
import threading
import time

from wasmtime import Engine

TICK = 0.01
"""Seconds between two epochs, which is how exact a deadline is."""

_REST_AFTER = 1.0
"""Seconds without an evaluation, beyond the longest deadline, after which the thread rests."""


class Ticker:
    """Advances the epoch of one engine every `TICK`, while evaluations come in.

    To wake a thread for each evaluation would cost as much as the evaluation. So it goes on ticking for a
    while after each one, at least until the longest deadline has passed, and then rests until the next. It
    is never freed.
    """

    def __init__(self, engine: Engine) -> None:
        """Serve `engine`. The thread starts with the first evaluation."""
        self._engine = engine
        self._asked = False
        self.resting = True
        self._rest_after = math.ceil(_REST_AFTER / TICK)
        self._wake = threading.Event()
        self._start = threading.Lock()
        self._thread: threading.Thread | None = None
        os.register_at_fork(after_in_child=self._forget)

    def ticks(self, seconds: float) -> int:
        """How many epochs from now a deadline of `seconds` lies: never too early, two `TICK` late at most."""
        ticks = math.ceil(seconds / TICK) + 1
        self._rest_after = max(self._rest_after, ticks + math.ceil(_REST_AFTER / TICK))
        return ticks

    def evaluation(self) -> None:
        """An evaluation is about to start."""
        self._asked = True
        if self.resting:
            self._rouse()

    def _rouse(self) -> None:
        with self._start:
            if self._thread is None:
                self.resting = False
                self._thread = threading.Thread(target=self._run, name="licet-policy-ticker", daemon=True)
                self._thread.start()
        self._wake.set()

    def _run(self) -> None:
        idle = 0
        while True:
            time.sleep(TICK)
            self._engine.increment_epoch()
            if self._asked:
                self._asked = False
                idle = 0
            elif idle < self._rest_after:
                idle += 1
            else:
                # Announced before looking again: an evaluation that came in between either is seen here, or
                # sees that it has to wake us.
                self._wake.clear()
                self.resting = True
                if not self._asked:
                    self._wake.wait()
                self.resting = False
                idle = 0

    def _forget(self) -> None:
        # Threads do not live on in a forked child; the next evaluation starts a new one.
        self._start = threading.Lock()
        self._wake = threading.Event()
        self._thread = None
        self.resting = True
