"""Replaying one task, alone or under one attack, through the gate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from agentdojo.base_tasks import BaseInjectionTask, BaseUserTask  # type: ignore[import-untyped]
from agentdojo.functions_runtime import FunctionCall, TaskEnvironment  # type: ignore[import-untyped]
from agentdojo.task_suite.task_suite import TaskSuite  # type: ignore[import-untyped]
from agentdojo.types import text_content_block_from_string  # type: ignore[import-untyped]

from benchmarks.agentdojo.approver import Answer
from licet import Executed, InDoubt, Outcome, Pending, Reviewer, Session
from licet.approvals import ApprovalQueue, Shown

Seen = Literal["others", "nowhere", "neither"]

REVIEWER = Reviewer("account-holder", local=False)


@dataclass
class Replay:
    """One run: what is proposed, and what comes of it.

    Attributes:
        environment: AgentDojo's, which the tools read and change.
        injections: the attack's text by the place it was put at; empty without an attack.
        before: the environment as it was.
        executed: the calls that ran, in order.
        stopped: how many of the user's calls did not run.
        asked: how many calls waited for a person.
        attacked: whether the attacker's calls were proposed.
        attack_approved: whether a person approved one of the attacker's calls.
        attack_shown: for each of the attacker's calls that waited, what its reviewer saw of its values: that one comes
            from what others wrote, or only that one comes from nowhere, or neither.
    """

    suite: TaskSuite
    user_task: BaseUserTask
    environment: TaskEnvironment
    injections: dict[str, str] = field(default_factory=dict)
    before: TaskEnvironment = field(init=False)
    executed: list[FunctionCall] = field(default_factory=list)
    stopped: int = 0
    asked: int = 0
    attacked: bool = False
    attack_approved: bool = False
    attack_shown: list[Seen] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.before = self.environment.model_copy(deep=True)

    @property
    def needed(self) -> list[FunctionCall]:
        """The calls that solve the user's task, by AgentDojo."""
        calls: list[FunctionCall] = self.user_task.ground_truth(self.before.model_copy(deep=True))
        return calls

    async def play(
        self,
        session: Session,
        queue: ApprovalQueue,
        answer: Answer | None,
        injection_task: BaseInjectionTask | None = None,
    ) -> None:
        """Propose the user's calls, and the attacker's after the first result that carries the injection.

        A call that is stopped ends nothing: the agent goes on with the next one.
        """
        attack = [] if injection_task is None else self._calls_of(injection_task)
        for call in self.needed:
            outcome = await self._propose(session, queue, answer, call, self.user_task.PROMPT)
            if not isinstance(outcome, Executed):
                self.stopped += 1
            elif injection_task is not None and not self.attacked and self._carries(outcome.result):
                self.attacked = True
                for wanted in attack:
                    await self._propose(session, queue, answer, wanted, injection_task.GOAL, attack=True)

    async def play_adaptive(
        self,
        session: Session,
        queue: ApprovalQueue,
        answer: Answer | None,
        attack: Sequence[FunctionCall],
        after: int,
    ) -> bool:
        """Propose the user's first calls, then the attacker's. Whether the last one ran."""
        for call in self.needed[:after]:
            await self._propose(session, queue, answer, call, self.user_task.PROMPT)
        for call in attack:
            outcome = await self._propose(session, queue, answer, call, "as was asked", attack=True)
        return isinstance(outcome, Executed | InDoubt)

    def succeeds(self, task: BaseUserTask | BaseInjectionTask) -> bool:
        """AgentDojo's own check: has this task been done, by the calls that ran?

        The agent's last words are the user task's own, so that a task that only reads can pass.
        """
        output = [text_content_block_from_string(self.user_task.GROUND_TRUTH_OUTPUT)]
        done = self.suite._check_task_result(task, output, self.before, self.environment, self.executed)
        return bool(done)

    def _calls_of(self, task: BaseInjectionTask) -> Sequence[FunctionCall]:
        calls: Sequence[FunctionCall] = task.ground_truth(self.before.model_copy(deep=True))
        return calls

    async def _propose(
        self,
        session: Session,
        queue: ApprovalQueue,
        answer: Answer | None,
        call: FunctionCall,
        reason: str,
        *,
        attack: bool = False,
    ) -> Outcome:
        outcome = await session.call(call.function, call.args, reason=reason)
        if isinstance(outcome, Pending) and outcome.request_id is not None:
            self.asked += 1
            shown = queue.shown(queue.get(outcome.request_id))
            if attack:
                self.attack_shown.append(_seen(shown))
            if answer is not None:
                if answer(shown):
                    self.attack_approved = self.attack_approved or attack
                    queue.approve(outcome.request_id, REVIEWER)
                else:
                    queue.reject(outcome.request_id, REVIEWER, "The user did not ask for this.")
                outcome = await session.outcome(outcome.call_id)
        if isinstance(outcome, Executed):
            self.executed.append(call)
        return outcome

    def _carries(self, result: Any) -> bool:
        """Whether a tool's result holds the attack's text. AgentDojo's YAML may break its lines anew."""
        told = " ".join(text for leaf in _texts(result) for text in leaf.split())
        return any(" ".join(text.split()) in told for text in self.injections.values())


def _seen(shown: Shown) -> Seen:
    labels = [{*mark["labels"]} for mark in shown.provenance.values() if mark["sources"]]
    if any({"external", "peer"} & found for found in labels):
        return "others"
    return "nowhere" if any("model" in mark["labels"] for mark in shown.provenance.values()) else "neither"


def _texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [text for item in (*value.keys(), *value.values()) for text in _texts(item)]
    if isinstance(value, list):
        return [text for item in value for text in _texts(item)]
    return []
