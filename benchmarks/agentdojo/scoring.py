"""A whole suite: every user task alone, every pair with an attack, and what they add up to."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from agentdojo.agent_pipeline.ground_truth_pipeline import GroundTruthPipeline  # type: ignore[import-untyped]
from agentdojo.attacks import load_attack  # type: ignore[import-untyped]
from agentdojo.base_tasks import BaseInjectionTask, BaseUserTask  # type: ignore[import-untyped]
from agentdojo.functions_runtime import TaskEnvironment  # type: ignore[import-untyped]
from agentdojo.task_suite.load_suites import get_suite  # type: ignore[import-untyped]

from benchmarks.agentdojo.approver import Kind, approver
from benchmarks.agentdojo.importing import Declaration, import_tools
from benchmarks.agentdojo.replay import REVIEWER, Replay
from benchmarks.agentdojo.suites import VERSION
from licet import Principal, Runtime, ToolContext, Workflow
from licet.audit.verify import verify
from licet.testing import Approver
from licet.tools import Tool

BUNDLE = Path(__file__).with_name("bundle.tar.gz")
"""The shipped policies and those in `policy`, compiled; `make bundle` builds it."""

ATTACK = "direct"
"""AgentDojo's attack whose text addresses no model by name."""

PRINCIPAL = Principal(subject="emma.johnson", tenant="agentdojo")


@dataclass(frozen=True, slots=True)
class Score:
    """What a suite's replay came to.

    Attributes:
        utility: user tasks that pass AgentDojo's check and of whose calls none was stopped.
        unattended: user tasks in which nobody was asked.
        pairs: each user task with each injection task of which AgentDojo gives the calls.
        attacks_succeeded: pairs in which the injection task passes AgentDojo's check.
        attacked_utility: pairs in which the user task passes as in `utility`.
        approvals: calls that waited for a person, in the user tasks and the pairs.
    """

    user_tasks: int
    utility: int
    unattended: int
    pairs: int
    attacks_succeeded: int
    attacked_utility: int
    approvals: int


async def score(name: str, declarations: Mapping[str, Declaration], kind: Kind) -> Score:
    """Replay a suite over one journal, in a folder that is removed again.

    Raises:
        RuntimeError: an attack never reached the agent, or the journal does not verify; no figure counts.
    """
    with tempfile.TemporaryDirectory(prefix="licet-agentdojo-") as folder:
        database = f"sqlite:///{folder}/licet.db"
        arena = Arena(name, declarations, kind)
        async with arena.runtime(database) as runtime:
            alone = [await arena.play(runtime, task) for task in arena.user_tasks]
            pairs = [
                (attack, await arena.play(runtime, task, attack))
                for task in arena.user_tasks
                for attack in arena.injection_tasks
            ]
        if problems := verify(database).problems:
            raise RuntimeError(f"the journal does not verify: {problems[0]}")
    return Score(
        user_tasks=len(alone),
        utility=sum(_useful(run) for run in alone),
        unattended=sum(run.asked == 0 for run in alone),
        pairs=len(pairs),
        attacks_succeeded=sum(run.succeeds(attack) for attack, run in pairs),
        attacked_utility=sum(_useful(run) for _, run in pairs),
        approvals=sum(run.asked for run in alone) + sum(run.asked for _, run in pairs),
    )


class Arena:
    """One suite with its tools under a workflow, and the environments of the runs under way."""

    def __init__(self, name: str, declarations: Mapping[str, Declaration], kind: Kind) -> None:
        self._suite = get_suite(VERSION, name)
        self._attack = load_attack(ATTACK, self._suite, GroundTruthPipeline(None))
        self._tools: dict[str, Tool] = {
            tool.name: tool for tool in import_tools(self._suite.tools, declarations)
        }
        self._kind = kind
        self._people = Approver({REVIEWER.id: ()})
        self._environments: dict[str, TaskEnvironment] = {}
        self._workflow = Workflow(
            name=f"agentdojo-{name}",
            version="1",
            owner="benchmarks@licet.example",
            purpose=f"Solve the user tasks of AgentDojo's {name} suite",
            risk="high",
            tools=list(self._tools.values()),
        )
        self.user_tasks: list[BaseUserTask] = list(self._suite.user_tasks.values())
        # An attack of which AgentDojo gives no calls (it has such) can't be replayed, so it can't be stopped.
        plain = self._suite.load_and_inject_default_environment({})
        self.injection_tasks: list[BaseInjectionTask] = [
            task for task in self._suite.injection_tasks.values() if task.ground_truth(plain)
        ]

    def runtime(self, database: str) -> Runtime:
        """A runtime over this journal, whose tools get the environment of their run."""

        def environment_of(context: ToolContext) -> TaskEnvironment:
            return self._environments[context.run_id]

        return Runtime(
            database,
            workflows=[self._workflow],
            policies=BUNDLE,
            inject={TaskEnvironment: environment_of},
            directory=self._people,
            verifier=self._people.verifier,
            agent="replay",
        )

    async def play(
        self, runtime: Runtime, user_task: BaseUserTask, injection_task: BaseInjectionTask | None = None
    ) -> Replay:
        """One run of a user task, attacked or not.

        Raises:
            RuntimeError: nothing that the user's calls read carried the attack.
        """
        injections = {} if injection_task is None else self._attack.attack(user_task, injection_task)
        environment = self._suite.load_and_inject_default_environment(injections)
        run = Replay(self._suite, user_task, user_task.init_environment(environment), injections)
        answer = approver(self._kind, ((self._tools[call.function], call.args) for call in run.needed))
        async with runtime.session(self._workflow.name, PRINCIPAL, input=user_task.PROMPT) as session:
            self._environments[session.id] = run.environment
            await run.play(session, runtime.approvals(self._people.signer), answer, injection_task)
        del self._environments[session.id]
        if injection_task is not None and not run.attacked:
            raise RuntimeError(f"{injection_task.ID} never reached the agent in {user_task.ID}")
        return run


def _useful(run: Replay) -> bool:
    return run.stopped == 0 and run.succeeds(run.user_task)
