"""The runtime: what an application holds. It has an explicit life, and nothing runs outside of it."""

from __future__ import annotations

import asyncio
import os
import platform
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import orjson

from licet.approvals import ApprovalQueue, Directory, ReviewSigner, ReviewVerifier, directory_from_environment
from licet.audit.canonical import Json, canonical
from licet.audit.clock import Clock, SystemClock, new_id
from licet.audit.entropy import random_bytes
from licet.audit.errors import ConfigurationError
from licet.audit.events import Actor, RunStarted
from licet.audit.journal import Journal
from licet.audit.records import SALT_BYTES
from licet.policies import ManagedEngine, PolicyEngine
from licet.runtime.active import ActiveRun
from licet.runtime.errors import AgentRefused, ModelUnpriced, RuntimeClosed, UnknownWorkflow
from licet.runtime.gate import Gate
from licet.runtime.models import Priced, most_it_costs
from licet.runtime.outcomes import RunResult
from licet.runtime.recovery import claim, load, no_such_run
from licet.runtime.registration import register, registered_content
from licet.runtime.reloading import Policies, change, engine_of
from licet.runtime.results import result_of
from licet.runtime.session import Session
from licet.runtime.shadow import Shadow
from licet.runtime.stages import Observer, Services
from licet.runtime.state import RunState
from licet.runtime.tenant_data import TenantData, Tenants
from licet.runtime.workflow import Workflow
from licet.tools import Agent, Injector, Principal, Tool, index, tool_of

if TYPE_CHECKING:
    from pydantic_ai.models import Model


DEFAULT_DATABASE = "sqlite:///licet.db"


class Runtime:
    """Governs runs of the given workflows over one journal.

    Use it as `async with Runtime(...) as runtime:`, or give `runtime.lifespan` to FastAPI.

    Args:
        database: the journal's URL; it is made when it does not exist.
        workflows: the contracts; the tools they were written with come along.
        tools: further tools, for workflows that name them only (from YAML).
        models: pydantic-ai models by the names that workflows use, `Priced` where genai-prices has no price.
        policies: a bundle, or a folder of Rego that is added to the shipped library; None is the library alone. Or an
            engine of its own, such as `OpaServer`, which this runtime then starts and closes.
        shadow: a candidate, given like `policies`, that is asked beside them of every call and decides nothing. Where
            it says something else, that is journalled; `licet policy shadow` tells. It is asked, and if it has a life
            of its own started and closed, in a thread with an event loop of its own.
        inject: what `Annotated[T, Injected]` parameters get, by type: an instance, or a callable that makes one.
        directory: who may review what; by default the file that `LICET_REVIEWERS` names.
        verifier: checks the signatures of reviews; by default by the keys that `LICET_APPROVAL_PUBLIC_KEYS` names, else
            by this user's own.
        environment: facts of the installation that policy may read, such as `{"stage": "production"}`.
        tenant_data: facts of each tenant that policy may read of its own runs: by tenant, such as
            `{"acme": {"refunds_up_to": 200}}`, or an async function of a tenant, asked each time that policy is asked.
        agent: the agent as an actor of its own: its name, or an `Agent` with rights of its own.
        clock: where time comes from.
        observer: told each stage that a call enters.

    Raises:
        ConfigurationError: a workflow, a tool, or what they need of each other is wrong.
    """

    def __init__(
        self,
        database: str = DEFAULT_DATABASE,
        *,
        workflows: Sequence[Workflow],
        tools: Sequence[Any] = (),
        models: Mapping[str, Model | Priced] | None = None,
        policies: Policies = None,
        shadow: Path | str | PolicyEngine | None = None,
        inject: Mapping[Any, Any] | None = None,
        directory: Directory | None = None,
        verifier: ReviewVerifier | None = None,
        environment: Mapping[str, Json] | None = None,
        tenant_data: TenantData | None = None,
        agent: Agent | str = "agent",
        clock: Clock | None = None,
        observer: Observer | None = None,
    ) -> None:
        self.database = database
        self._workflows = {(workflow.name, workflow.version): workflow for workflow in workflows}
        if len(self._workflows) != len(workflows):
            raise ConfigurationError("two workflows have the same name and version")
        declared = [tool_of(tool) for tool in tools]
        for workflow in workflows:
            declared.extend(tool for tool in workflow.declared_tools().values() if tool not in declared)
        self._tools: dict[str, Tool] = index(declared)
        self._models = dict(models or {})
        self._policies = policies
        self._shadow = shadow
        self._injector = Injector(dict(inject or {}))
        for workflow in workflows:
            self._check(workflow)
        self._directory = directory
        self._verifier = verifier
        self._environment = _facts(environment or {})
        self._tenants = Tenants(tenant_data)
        self._agent = Agent(agent) if isinstance(agent, str) else agent
        self._clock = clock or SystemClock()
        self._observer = observer
        self._journal: Journal | None = None
        self._services: Services | None = None
        self._gate: Gate | None = None
        self._reloads = asyncio.Lock()

    async def __aenter__(self) -> Self:
        if self._journal is not None:
            raise RuntimeClosed("this runtime is running already; it has one life at a time")
        for workflow in self._workflows.values():
            self._check_price(workflow)
        engine = engine_of(self._policies)
        candidate = None if self._shadow is None else engine_of(self._shadow)
        if candidate is engine:
            raise ConfigurationError("the engine in force is no shadow of itself; give shadow another one")
        self._reloads = asyncio.Lock()
        journal = Journal.open(self.database, create=True, clock=self._clock)
        try:
            if isinstance(engine, ManagedEngine):
                await engine.start()
            register(journal, self._workflows.values(), engine)
            self._services = Services(
                journal=journal,
                engine=engine,
                tools=self._tools,
                injector=self._injector,
                directory=self._directory or directory_from_environment(),
                verifier=self._verifier or ReviewVerifier.open(),
                environment=self._environment,
                tenants=self._tenants,
                clock=self._clock,
                observer=self._observer,
                shadow=None if candidate is None else Shadow(candidate, journal),
            )
        except BaseException:
            journal.close()
            if isinstance(engine, ManagedEngine):
                await engine.close()
            raise
        self._journal = journal
        self._gate = Gate(self._services)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        async with self._reloads:
            journal, gate, services = self._journal, self._gate, self._services
            self._services = self._gate = None
        if gate is not None:
            await gate.drain()
        if services is not None and services.shadow is not None:
            await services.shadow.close()
        if services is not None and isinstance(services.engine, ManagedEngine):
            await services.engine.close()
        if journal is not None:
            journal.close()
        self._journal = None

    @asynccontextmanager
    async def lifespan(self, app: object) -> AsyncIterator[None]:
        """The runtime's life as a FastAPI (Starlette) lifespan: `FastAPI(lifespan=runtime.lifespan)`."""
        async with self:
            yield

    async def run(
        self, workflow: str, input: Json, principal: Principal, *, agent: Agent | None = None
    ) -> RunResult:
        """Let the workflow's model work on `input` for `principal`, until it has an answer or has to wait.

        Args:
            workflow: its name, or `name@version` where several versions are registered.
            input: text, or JSON data.
            principal: for whom; proved by the caller, never by the model.
            agent: which agent acts, where it is not the runtime's own. What may happen is what both may.

        Raises:
            RuntimeClosed: the runtime is not running.
            UnknownWorkflow: no such workflow.
            ConfigurationError: the workflow has no model.
            AgentRefused: the agent serves another tenant.
            FenceLost: another process has taken the run over.
        """
        services, gate = self._running()
        chosen = self._workflow(workflow)
        model = self._model(chosen)
        run = await self._start(chosen, input, principal, agent, "loop", services)
        return await self._drive(run, model, services, gate)

    @asynccontextmanager
    async def session(
        self,
        workflow: str | None = None,
        principal: Principal | None = None,
        *,
        input: Json = None,
        run_id: str | None = None,
        agent: Agent | None = None,
    ) -> AsyncIterator[Session]:
        """A governed run for an agent of the caller's own: a new one, or (by `run_id`) one that waits.

        With `run_id` and a principal, the run must be that principal's. It keeps the agent that it was started for.

        When the block ends the run is finished, unless a call of it waits for a person, or the block ends by an
        exception; then it is suspended, and can be taken up again.

        Raises:
            RuntimeClosed: the runtime is not running.
            UnknownWorkflow: no such workflow.
            UnknownRun: no such run, or it is not the principal's.
            AgentRefused: the agent serves another tenant.
        """
        services, gate = self._running()
        if run_id is not None:
            if agent is not None:
                raise ConfigurationError("a run keeps the agent that it was started for; leave out agent")
            run = await self._take_over(run_id, principal, services)
        elif workflow is None or principal is None:
            raise ConfigurationError("a new session needs a workflow and a principal; to go on, give run_id")
        else:
            run = await self._start(self._workflow(workflow), input, principal, agent, "session", services)
        session = Session(run, gate, services)
        try:
            yield session
        except BaseException:
            await session.close(leave_open="the session's block ended by an exception")
            raise
        await session.close()

    async def resume(self, run_id: str, *, principal: Principal | None = None) -> RunResult:
        """Go on with a run that waits, or whose process died. A run that has ended gives its result again.

        The exact calls that were approved run, once. A run of a session is taken as far as its calls go; its agent
        goes on with `session(run_id=...)`.

        Args:
            run_id: the run's id.
            principal: who asks. The run must be theirs: its subject, in its tenant. None: the application asks itself,
                such as a worker, and any run will do.

        Raises:
            RuntimeClosed: the runtime is not running.
            UnknownRun: no such run, or it is not the principal's.
            RunBusy: a call of it may still be under way elsewhere.
            HeadMoved, FenceLost: another process was faster.
        """
        services, gate = self._running()
        state = _owned(load(services.journal, run_id), principal)
        over = state.finished is not None and not state.open_permits()
        if over or (state.status == "suspended" and state.in_doubt()):
            return result_of(state, self._workflow_of(state, services))
        run = await self._take_over(run_id, principal, services)
        assert run.state.started is not None
        if run.state.status != "running":
            return result_of(run.state, run.workflow)
        if run.state.started.driver == "loop":
            return await self._drive(run, self._model(run.workflow), services, gate)
        session = Session(run, gate, services)
        settled = await session.advance()
        await session.close(leave_open=f"{settled}; the session's own agent goes on with it")
        return result_of(run.state, run.workflow)

    async def reload_policies(self, policies: Policies = None) -> str:
        """Bring other policies into force while runs go on, whole or not at all.

        Each decision is made by one revision: one that is under way ends under the old one, every later one is made
        by the new one. Calls that wait for a person are decided again, by the revision then in force, before they
        run. When the new policies cannot be used the old ones stay, and the journal (`policy.rejected`) and the log
        say so. A caller that is cancelled only lets go of it.

        Args:
            policies: as for `Runtime`; None to read those in use again from where they came. Where an `OpaServer`
                decides, a path says by which policy set it is to decide from now on.

        Returns:
            The revision that is in force now.

        Raises:
            RuntimeClosed: the runtime is not running.
            PolicyError: the new policies cannot be used; with file, line and reason.
            ConfigurationError: there is no `opa` for a folder of Rego, or nothing to read again.
            ServiceDown: the policy service, or the journal, does not answer.
        """
        services, _ = self._running()
        task = asyncio.create_task(self._reload(policies, services))
        task.add_done_callback(lambda done: done.cancelled() or done.exception())
        return await asyncio.shield(task)

    async def _reload(self, policies: Policies, services: Services) -> str:
        async with self._reloads:
            if self._services is not services:
                raise RuntimeClosed("this runtime ended before its policies were reloaded")
            self._policies = await change(services, policies, self._policies)
            return services.engine.revision

    def approvals(self, signer: ReviewSigner | None = None) -> ApprovalQueue:
        """The queue of approval requests. Answering one only journals it; `resume` executes.

        `signer` is the approval service's key; by default the one that `LICET_APPROVAL_KEY` names.
        """
        services, _ = self._running()
        return ApprovalQueue(
            services.journal, signer or ReviewSigner.open(), services.directory, services.clock
        )

    @property
    def journal(self) -> Journal:
        """The journal, for reading."""
        return self._running()[0].journal

    def _running(self) -> tuple[Services, Gate]:
        if self._services is None or self._gate is None:
            raise RuntimeClosed(
                "this runtime is not running; use `async with runtime:` or FastAPI(lifespan=runtime.lifespan)"
            )
        return self._services, self._gate

    async def _drive(
        self, run: ActiveRun, model: Model | Priced, services: Services, gate: Gate
    ) -> RunResult:
        from licet.runtime.loop import Loop

        return await Loop(run, gate, services, model).drive()

    async def _start(
        self,
        workflow: Workflow,
        given: Json,
        principal: Principal,
        agent: Agent | None,
        driver: Any,
        services: Services,
    ) -> ActiveRun:
        run_id = new_id()
        state = RunState(run_id=run_id, tenant=principal.tenant)
        acting = agent or self._agent
        if acting.id == self._agent.id:
            acting = acting.within(self._agent)
        self._see_that_it_serves(acting, principal)
        run = ActiveRun(services.journal, workflow, principal, acting, state)
        event = RunStarted(
            workflow=workflow.name,
            version=workflow.version,
            digest=workflow.digest,
            mode=workflow.mode,
            driver=driver,
            subject=principal.subject,
            roles=tuple(sorted(principal.roles)),
            agent=acting.id,
            tools={allowance.tool: self._tools[allowance.tool].contract_hash for allowance in workflow.tools},
        )
        draft = run.draft(
            event,
            {
                "input": canonical(given),
                "principal": canonical(principal.digestible()),
                "salt": random_bytes(SALT_BYTES),
            },
            by=Actor(kind="principal", id=principal.subject),
        )
        await run.take(draft)
        return run

    @staticmethod
    def _see_that_it_serves(agent: Agent, principal: Principal) -> None:
        if not agent.serves(principal):
            raise AgentRefused(f"agent {agent.id} serves tenant {agent.tenant} only")

    async def _take_over(self, run_id: str, asks: Principal | None, services: Services) -> ActiveRun:
        state = _owned(load(services.journal, run_id), asks)
        assert state.principal is not None
        principal, acting = asks or state.principal, state.agent
        if acting.id == self._agent.id:
            self._see_that_it_serves(self._agent, principal)
            acting = acting.within(self._agent)
        if not principal.roles <= state.principal.roles:
            # Roles that came since give the run nothing. But they stay the principal's: one of them may forbid.
            acting = acting.within(Agent(acting.id, state.principal.roles))
        workflow = self._workflow_of(state, services)
        run = ActiveRun(services.journal, workflow, principal, acting, state)
        await claim(run, f"{platform.node()}:{os.getpid()}", services)
        return run

    def _workflow_of(self, state: RunState, services: Services) -> Workflow:
        started = state.started
        assert started is not None
        workflow = self._workflows.get((started.workflow, started.version))
        if workflow is not None and workflow.digest == started.digest:
            return workflow
        content = registered_content(services.journal, started.digest)
        if content is None:
            raise UnknownWorkflow(
                f"run {state.run_id} is bound to {started.workflow} {started.version}, which is not registered"
            )
        return Workflow.model_validate(content)

    def _workflow(self, name: str) -> Workflow:
        wanted, _, version = name.partition("@")
        found = [
            workflow
            for workflow in self._workflows.values()
            if workflow.name == wanted and version in ("", workflow.version)
        ]
        if len(found) == 1:
            return found[0]
        known = ", ".join(sorted(f"{name}@{version}" for name, version in self._workflows)) or "none"
        if not found:
            raise UnknownWorkflow(f"there is no workflow {name}; registered: {known}")
        raise UnknownWorkflow(f"{name} has several versions, say which; registered: {known}")

    def _model(self, workflow: Workflow) -> Model | Priced:
        if workflow.model is None:
            raise ConfigurationError(
                f"workflow {workflow.name} names no model; give it one, or use runtime.session with your own agent"
            )
        model = self._models.get(workflow.model)
        if model is None:
            raise ConfigurationError(
                f"workflow {workflow.name} uses model {workflow.model!r}; give Runtime(models={{...}}) one of that name"
            )
        return model

    def _check(self, workflow: Workflow) -> None:
        workflow.bind(self._tools)
        if workflow.model is not None:
            self._model(workflow)
        for allowance in workflow.tools:
            missing = self._injector.missing(self._tools[allowance.tool].injected_types)
            if missing:
                names = ", ".join(getattr(kind, "__name__", str(kind)) for kind in missing)
                raise ConfigurationError(
                    f"{allowance.tool} is injected with {names}; give Runtime(inject={{...}}) a provider for it"
                )

    def _check_price(self, workflow: Workflow) -> None:
        if workflow.model is None or (workflow.limits.spend is None and not workflow.budgets):
            return
        if most_it_costs(self._models[workflow.model], 1, 1) is None:
            raise ModelUnpriced(
                f"workflow {workflow.name} limits its spend and model {workflow.model!r} has no price; "
                "register it as Priced(model, input=, output=), in USD for a million tokens"
            )


def _owned(state: RunState, asks: Principal | None) -> RunState:
    """The run, when whoever asks may have it. One of somebody else is to them as if there were none."""
    owner = state.principal
    if asks is not None and (owner is None or (owner.tenant, owner.subject) != (asks.tenant, asks.subject)):
        raise no_such_run(state.run_id)
    return state


def _facts(environment: Mapping[str, Json]) -> dict[str, Any]:
    try:
        facts: dict[str, Any] = orjson.loads(canonical(dict(environment)))
    except ValueError as error:
        raise ConfigurationError(f"environment holds what policy could not read: {error}") from None
    return facts
