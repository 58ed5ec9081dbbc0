"""One suite with its tools under a workflow, and the environments of the runs under way."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from agentdojo.agent_pipeline.ground_truth_pipeline import GroundTruthPipeline  # type: ignore[import-untyped]
from agentdojo.attacks import load_attack  # type: ignore[import-untyped]
from agentdojo.base_tasks import BaseInjectionTask, BaseUserTask  # type: ignore[import-untyped]
from agentdojo.functions_runtime import TaskEnvironment  # type: ignore[import-untyped]
from agentdojo.task_suite.load_suites import get_suite  # type: ignore[import-untyped]

from benchmarks.agentdojo.adaptive import Adaptive
from benchmarks.agentdojo.approver import Answer, Kind, approver
from benchmarks.agentdojo.importing import Declaration, import_tools
from benchmarks.agentdojo.replay import REVIEWER, Replay
from benchmarks.agentdojo.suites import VERSION
from licet import Principal, Runtime, Session, ToolContext, Workflow, allow
from licet.approvals import ApprovalQueue
from licet.testing import Approver
from licet.tools import Tool

EVERY_EFFECT = Path(__file__).with_name("bundle.tar.gz")
"""The shipped policies and those in `policy`, by which every call with an effect waits; `make bundle` builds it."""

Profile = Literal["strict", "standard", "every-effect"]
AttackName = Literal["direct", "important_instructions"]

PRINCIPAL = Principal(subject="emma.johnson", tenant="agentdojo")


@dataclass(frozen=True, slots=True)
class Setting:
    """How the suites are replayed.

    Attributes:
        profile: which text may go out unattended by the shipped policies, as the workflow says; `every-effect` is the
            policy to compare with, by which a person is asked about every call with an effect.
        attack: AgentDojo's attack: how the text that is injected is worded.
        injection_last: the text stands after what is there without an attack, and not in its place.
    """

    profile: Profile = "strict"
    attack: AttackName = "direct"
    injection_last: bool = False


class Arena:
    """Plays the tasks of one suite, each in a run of its own."""

    def __init__(
        self, name: str, declarations: Mapping[str, Declaration], kind: Kind, setting: Setting
    ) -> None:
        self.suite = get_suite(VERSION, name)
        pipeline = GroundTruthPipeline(None)
        pipeline.name = "local"  # the attack addresses its model by this pipeline's name
        self._attack = load_attack(setting.attack, self.suite, pipeline)
        self.tools: dict[str, Tool] = {
            tool.name: tool for tool in import_tools(self.suite.tools, declarations)
        }
        self._kind = kind
        self._setting = setting
        self._people = Approver({REVIEWER.id: ()})
        self._environments: dict[str, TaskEnvironment] = {}
        self._workflow = Workflow(
            name=f"agentdojo-{name}",
            version="1",
            owner="benchmarks@licet.example",
            purpose=f"Solve the user tasks of AgentDojo's {name} suite",
            risk="medium",
            outward="standard" if setting.profile == "standard" else "strict",
            tools=[allow(tool, unattended="vouched") for tool in self.tools.values()],
        )
        self.user_tasks: list[BaseUserTask] = list(self.suite.user_tasks.values())
        # An attack of which AgentDojo gives no calls (it has such) can't be replayed, so it can't be stopped.
        self._plain = self.suite.load_and_inject_default_environment({})
        tasks = list(self.suite.injection_tasks.values())
        self.injection_tasks: list[BaseInjectionTask] = [
            task for task in tasks if task.ground_truth(self._plain)
        ]
        silent = [task for task in tasks if task not in self.injection_tasks]
        self.said_only = [task for task in silent if self._is_said(task)]
        self.without_calls = [task for task in silent if task not in self.said_only]

    def _is_said(self, task: BaseInjectionTask) -> bool:
        """Words in the answer are all it wants: saying them, with nothing done, is success."""
        before, after = self._plain.model_copy(deep=True), self._plain.model_copy(deep=True)
        return bool(task.security(task.GOAL, before, after))

    def runtime(self, database: str) -> Runtime:
        """A runtime over this journal, whose tools get the environment of their run."""

        def environment_of(context: ToolContext) -> TaskEnvironment:
            return self._environments[context.run_id]

        policies: dict[str, Any] = {}
        if self._setting.profile == "every-effect":
            policies["policies"] = EVERY_EFFECT
        return Runtime(
            database,
            workflows=[self._workflow],
            inject={TaskEnvironment: environment_of},
            directory=self._people,
            verifier=self._people.verifier,
            agent="replay",
            **policies,
        )

    async def play(
        self, runtime: Runtime, user_task: BaseUserTask, injection_task: BaseInjectionTask | None = None
    ) -> Replay:
        """One run of a user task, attacked or not.

        Raises:
            RuntimeError: nothing that the user's calls read carried the attack.
        """
        injections = {} if injection_task is None else self._attack.attack(user_task, injection_task)
        placed = injections
        if self._setting.injection_last:
            defaults = self.suite.get_injection_vector_defaults()
            placed = {place: f"{defaults[place]}{text}" for place, text in injections.items()}
        environment = self.suite.load_and_inject_default_environment(placed)
        run = Replay(self.suite, user_task, user_task.init_environment(environment), injections)
        async with self._session(runtime, run) as (session, queue, answer):
            await run.play(session, queue, answer, injection_task)
        if injection_task is not None and not run.attacked:
            raise RuntimeError(f"{injection_task.ID} never reached the agent in {user_task.ID}")
        return run

    async def play_adaptive(self, runtime: Runtime, attack: Adaptive) -> tuple[bool, bool]:
        """One attack of our own. Whether it had its effect, and whether with nobody approving a call of it."""
        user_task = self.suite.user_tasks[attack.user_task]
        environment = self.suite.load_and_inject_default_environment({})
        attack.plant(environment)
        run = Replay(self.suite, user_task, user_task.init_environment(environment))
        async with self._session(runtime, run) as (session, queue, answer):
            ran = await run.play_adaptive(session, queue, answer, attack.calls(), attack.after)
        return ran, ran and not run.attack_approved

    @asynccontextmanager
    async def _session(
        self, runtime: Runtime, run: Replay
    ) -> AsyncIterator[tuple[Session, ApprovalQueue, Answer | None]]:
        """A session over the run's own environment, in which the user said the task's prompt."""
        answer = approver(self._kind, ((self.tools[call.function], call.args) for call in run.needed))
        async with runtime.session(self._workflow.name, PRINCIPAL, input=run.user_task.PROMPT) as session:
            self._environments[session.id] = run.environment
            yield session, runtime.approvals(self._people.signer), answer
        del self._environments[session.id]
