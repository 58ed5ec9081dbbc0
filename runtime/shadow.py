"""A candidate policy, asked beside the one in force. What it says is recorded, and decides nothing.

It is asked in a thread of its own, with an event loop of its own, a moment after the call was decided: the call does
not wait for it, and a candidate that hangs holds nobody up. What may wait for it is bounded; what finds no room is
counted, and not asked.
"""

from __future__ import annotations

import asyncio
import logging
import queue
import threading
import time
from collections import defaultdict
from datetime import datetime
from typing import NamedTuple

from licet.audit.canonical import canonical
from licet.audit.clock import timestamp
from licet.audit.errors import LicetError
from licet.audit.events import Decided, ShadowDisagreed
from licet.audit.journal import Journal
from licet.audit.records import Draft, Unit, shadow_stream
from licet.policies import ManagedEngine, PolicyEngine
from licet.runtime.active import RUNTIME
from licet.runtime.call import Call
from licet.runtime.policy_changes import difference
from licet.runtime.shadow_counts import Counts, Kind
from licet.tools import Effect

log = logging.getLogger("licet.runtime")

LINGER = 0.02
"""Seconds that a decided call waits for others before the candidate is asked: by then most have their permit."""

MOST_WAITING = 16 << 20
OVERHEAD = 1 << 10
"""So many bytes of inputs may wait for the candidate, and each counts for so many more."""

MOST_BATCHES = 64
"""So many batches of them wait for the thread; later ones are one."""

DEADLINE = 5.0
"""Seconds after which a candidate that has not answered, or not started, has failed."""

FLUSH = 60.0
"""Seconds after which what was counted is recorded. Disagreements are recorded at once, and the counts with them."""

DRAIN = 5.0
"""Seconds that the candidate has for what still waits when a runtime ends; the rest is counted as not asked."""

MOST_UNRECORDED = 1000
"""So many disagreements are kept while the journal does not answer."""


class _Asked(NamedTuple):
    """A call that was decided."""

    kind: Kind
    input: bytes
    decision: Decided
    at: datetime
    run_id: str
    call_id: str
    effect: Effect


class _Batch(NamedTuple):
    """What the loop hands to the thread."""

    asked: list[_Asked]
    dropped: Counts


class _Disagreed(NamedTuple):
    """A disagreement that is not on record yet."""

    kind: Kind
    at: datetime
    event: ShadowDisagreed


class Shadow:
    """A candidate that is asked about each decided call. `ask` is for the runtime's loop, and so is `close`.

    Attributes:
        engine: the candidate.
    """

    def __init__(self, engine: PolicyEngine, journal: Journal) -> None:
        """From now on it can be asked.

        Args:
            engine: the candidate. One with a life of its own is started and closed here, in the thread.
            journal: takes its disagreements, and the counts.
        """
        self.engine = engine
        self._journal = journal
        self._batch = _Batch([], Counts())
        self._taken = 0  # bytes that ever waited, counted by the loop
        self._done = 0  # of these, those that wait no more, counted by the thread
        self._inbox: queue.SimpleQueue[_Batch | None] = queue.SimpleQueue()
        self._ends: float | None = None
        self._started = False
        self._counts = Counts()
        self._disagreed: list[_Disagreed] = []
        self._thread = threading.Thread(target=self._work, name="licet-shadow", daemon=True)
        self._thread.start()

    def ask(self, call: Call, decision: Decided, at: datetime) -> None:
        """Let the candidate be asked what was decided of `call` at `at`. It costs the call a note in a list."""
        document = call.policy_input
        if document is None or decision.cause is not None:
            return  # the engine in force failed: there is no answer to compare with
        batch, run = self._batch, call.run
        if not batch.asked and not batch.dropped:
            asyncio.get_running_loop().call_later(LINGER, self._hand_over)
        kind = Kind(
            run.state.tenant, decision.revision, run.workflow.name, run.workflow.version, call.tool_name
        )
        size = len(document) + OVERHEAD
        if self._taken - self._done + size > MOST_WAITING:
            batch.dropped.add(kind, "dropped", at)
            return
        self._taken += size
        batch.asked.append(_Asked(kind, document, decision, at, run.id, call.call_id, call.tool.effect))

    async def close(self) -> None:
        """Wait until what still waits was asked about, for `DRAIN` seconds at most, and all is recorded."""
        self._ends = time.monotonic() + DRAIN
        self._hand_over()
        self._inbox.put(None)
        await asyncio.to_thread(self._thread.join, 2 * DRAIN)
        if self._thread.is_alive():
            log.error("the shadow policy hangs; what it was asked last is not on record")

    def _hand_over(self) -> None:
        if not self._batch.asked and not self._batch.dropped:
            return
        if self._ends is None and self._inbox.qsize() >= MOST_BATCHES:
            # The candidate is slow, or hangs: what comes now goes with this batch, later.
            asyncio.get_running_loop().call_later(DEADLINE, self._hand_over)
            return
        self._inbox.put(self._batch)
        self._batch = _Batch([], Counts())

    # In the thread

    def _work(self) -> None:
        flush = time.monotonic() + FLUSH
        with asyncio.Runner() as runner:
            while True:
                try:
                    batch = self._inbox.get(timeout=max(flush - time.monotonic(), 0))
                except queue.Empty:
                    batch = _Batch([], Counts())
                if batch is None:
                    break
                self._counts.merge(batch.dropped)
                runner.run(self._ask_all(batch.asked))
                if self._disagreed or time.monotonic() >= flush:
                    self._record()
                    flush = time.monotonic() + FLUSH
            self._record()
            runner.run(self._stop())

    async def _ask_all(self, asked: list[_Asked]) -> None:
        for item in asked:
            if self._ends is not None and time.monotonic() > self._ends:
                self._counts.add(item.kind, "dropped", item.at)
            else:
                await self._ask(item)
            self._done += len(item.input) + OVERHEAD

    async def _ask(self, item: _Asked) -> None:
        try:
            async with asyncio.timeout(DEADLINE):
                if not self._started and isinstance(self.engine, ManagedEngine):
                    await self.engine.start()
                self._started = True
                candidate = await self.engine.decide(item.input, item.decision.decision_id)
            if candidate.cause is not None:
                self._failed(item, candidate.cause)
                return
            event = None
            if difference(item.decision, candidate, item.effect) is not None:
                event = _event(item, candidate)
                canonical(event.model_dump(mode="json"))  # what cannot be recorded is no answer
        except TimeoutError:
            self._failed(item, f"it did not answer within {DEADLINE:g} seconds")
        except BaseException as error:  # whatever a candidate raises, SystemExit among it
            self._failed(item, str(error) if isinstance(error, LicetError) else type(error).__name__)
        else:
            if event is None:
                self._counts.add(item.kind, "agreed", item.at)
            else:
                self._disagreed.append(_Disagreed(item.kind, item.at, event))

    def _failed(self, item: _Asked, why: str) -> None:
        self._counts.add(item.kind, "failed", item.at, failure=why)

    async def _stop(self) -> None:
        if self._started and isinstance(self.engine, ManagedEngine):
            try:
                async with asyncio.timeout(DEADLINE):
                    await self.engine.close()
            except Exception:
                log.exception("the shadow policy's engine did not close")

    def _record(self) -> None:
        """Append what is known, for each tenant in one unit. What cannot be appended now is kept for the next time."""
        by_tenant: dict[str, list[_Disagreed]] = defaultdict(list)
        for one in self._disagreed:
            by_tenant[one.kind.tenant].append(one)
        self._disagreed = []
        for tenant in sorted(by_tenant.keys() | self._counts.tenants()):
            try:
                drafts = [Draft(one.event, RUNTIME) for one in by_tenant[tenant]]
                drafts += [
                    Draft(event, RUNTIME) for event in self._counts.events(tenant, self.engine.revision)
                ]
                self._journal.append_now(Unit(shadow_stream(tenant), tenant, tuple(drafts)))
            except Exception as error:  # the next time may do better, and the thread goes on
                self._disagreed += by_tenant[tenant]
                log.error("what the shadow policy said could not be recorded: %s", error)
            else:
                self._counts.forget(tenant)
        for lost in self._disagreed[:-MOST_UNRECORDED]:
            self._counts.add(lost.kind, "dropped", lost.at)
        self._disagreed = self._disagreed[-MOST_UNRECORDED:]


def _event(item: _Asked, candidate: Decided) -> ShadowDisagreed:
    kind = item.kind
    return ShadowDisagreed(
        run_id=item.run_id,
        call_id=item.call_id,
        workflow=kind.workflow,
        version=kind.version,
        tool=kind.tool,
        effect=item.effect,
        asked_at=timestamp(item.at),
        decision=item.decision,
        candidate=candidate,
    )
