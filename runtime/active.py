"""A run in the hands of a worker: its state, and the one way to add to its stream."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping
from functools import cached_property, partial
from types import MappingProxyType

from licet.approvals import principal_digest
from licet.audit.events import Actor, Event, RunDelegated
from licet.audit.journal import Journal
from licet.audit.records import Appended, Charge, Draft, Opening, Payload, Unit
from licet.runtime.outcomes import Outcome
from licet.runtime.provenance import Provenance, Unmarked, provenance_of
from licet.runtime.state import RunState
from licet.runtime.workflow import Workflow
from licet.tools import Agent, Principal, Tool

NOTHING: Mapping[str, bytes] = MappingProxyType({})


class ActiveRun:
    """A run that this process advances, under the claim it took with `run.started` or `run.resumed`.

    Attributes:
        user: for whom it acts, with all their roles.
        acting: the agent.
        principal: the user with those roles only that the agent may use too. This is who calls.
        admission: held while a call is decided, so that calls are admitted in the order proposed and each sees
            what the ones before it have taken.
        reading: free reads that are under way and have no record yet, by tool; they count against the limits.
        reading_same: the same, by the digest of the call.
        under_way: what will come of each call that this process is carrying out, so that nobody starts it twice.
        offered_by: the policy revision that has said which tools the run is offered.
        repeatable: calls that the worker before this one had begun, and that may be done once more.
        scopes: the kill-switch scopes of the workflow and of the run.
    """

    def __init__(
        self, journal: Journal, workflow: Workflow, user: Principal, acting: Agent, state: RunState
    ) -> None:
        self.journal = journal
        self.workflow = workflow
        self.user = user
        self.acting = acting
        self.principal = acting.narrow(user)
        self.state = state
        self._claim: int | None = None
        self.admission = asyncio.Lock()
        self.reading: Counter[str] = Counter()
        self.reading_same: Counter[str] = Counter()
        self.under_way: dict[str, asyncio.Future[Outcome]] = {}
        self.repeatable: set[str] = set()
        self.policy_prefix: bytes | None = None
        self.offered_by: str | None = None
        self.scopes = (f"workflow:{workflow.name}", f"run:{state.run_id}")
        self._provenance: Provenance | Unmarked | None = None

    @property
    def id(self) -> str:
        """The run's id, a UUIDv7, which is its stream's name too."""
        return self.state.run_id

    @cached_property
    def principal_digest(self) -> str:
        """What the digests of its calls bind of its principal."""
        return principal_digest(self.principal)

    @cached_property
    def agent(self) -> Actor:
        """The agent as an actor in records."""
        return Actor(kind="agent", id=self.acting.id)

    def provenance(self, tools: Mapping[str, Tool]) -> Provenance | Unmarked:
        """What it knows of where values come from; worked out from its state once something asks."""
        if self._provenance is None:
            self._provenance = provenance_of(self.state, self.workflow, tools)
        return self._provenance

    def draft(
        self, event: Event, payloads: Mapping[str, bytes] = NOTHING, *, by: Actor | None = None
    ) -> Draft:
        """An event of this run, by the runtime unless somebody else is named."""
        salted = {name: Payload(content) for name, content in payloads.items()}
        return Draft(event, by or RUNTIME, salted)

    def submit(
        self,
        *drafts: Draft,
        fenced: bool = True,
        expect: int | None = None,
        takes_claim: bool = False,
        status: str | None = None,
        scopes: tuple[str, ...] = (),
        charges: tuple[Charge, ...] = (),
        linger: float = 0.0,
        opens: Opening | None = None,
        needs: Opening | None = None,
    ) -> asyncio.Future[Appended]:
        """Queue the drafts as one unit, in order, and fold them in when they are durable.

        `fenced=False` is for facts that must be recorded whoever holds the run by now: the outcome of a call.
        """
        unit = Unit(
            stream=self.state.run_id,
            tenant=self.state.tenant,
            drafts=drafts,
            claim=self._claim if fenced else None,
            expect=expect,
            takes_claim=takes_claim,
            status=status,
            scopes=scopes,
            charges=charges,
            linger=linger,
            opens=opens,
            needs=needs,
        )
        return self.journal.submit(unit, partial(self._fold, drafts))

    async def append(
        self,
        *drafts: Draft,
        fenced: bool = True,
        expect: int | None = None,
        takes_claim: bool = False,
        status: str | None = None,
        scopes: tuple[str, ...] = (),
        charges: tuple[Charge, ...] = (),
        needs: Opening | None = None,
    ) -> Appended:
        """`submit`, and wait until it is durable and folded in.

        Raises:
            AppendRefused: another worker has the run, a switch is off, a shared budget is exhausted.
        """
        return await self.submit(
            *drafts,
            fenced=fenced,
            expect=expect,
            takes_claim=takes_claim,
            status=status,
            scopes=scopes,
            charges=charges,
            needs=needs,
        )

    async def take(self, draft: Draft) -> None:
        """Become the run's worker by appending `draft`, if nobody has appended since its state was read.

        The agent's own rights go with it where they are not on record yet. What this worker appends stands only as
        long as nobody else does the same; the claim is kept apart from the state, in which the claims of others show
        up too.

        Raises:
            HeadMoved: somebody has.
        """
        drafts, roles = [draft], self.acting.roles
        if roles is not None and roles != self.state.agent_roles:
            delegated = RunDelegated(agent=self.acting.id, roles=tuple(sorted(roles)))
            drafts.append(self.draft(delegated))
        appended = await self.append(
            *drafts, fenced=False, expect=self.state.seq, takes_claim=True, status="running"
        )
        self._claim = appended.first

    async def settled(self) -> None:
        """Wait until nothing that this process began is under way."""
        while self.under_way:
            await asyncio.wait(list(self.under_way.values()))

    def catch_up(self, upto: int | None = None) -> None:
        """Fold in what others appended, such as reviews, up to and without `upto`."""
        records = self.journal.read(self.id, after=self.state.seq)
        # After the records, so that none of them comes without its payloads.
        contents = self.journal.payloads(self.id, after=self.state.seq)
        for record in records:
            if upto is not None and record.seq >= upto:
                break
            payloads = {
                name: contents[record.seq, name] for name in record.payloads if (record.seq, name) in contents
            }
            self.state.apply(record.seq, record.time, record.event, payloads)

    def _fold(self, drafts: tuple[Draft, ...], appended: Appended) -> None:
        if appended.first != self.state.seq + 1:
            self.catch_up(upto=appended.first)
        if appended.first != self.state.seq + 1:
            return
        for offset, draft in enumerate(drafts):
            payloads = {name: payload.content for name, payload in draft.payloads.items()}
            self.state.apply(appended.first + offset, appended.time, draft.event, payloads)


RUNTIME = Actor(kind="runtime", id="licet")
"""Licet itself, as an actor in records."""
