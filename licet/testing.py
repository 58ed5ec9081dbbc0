"""For the tests of those who embed Licet: a scripted model, people who answer, a clock that stands still.

A test of a workflow that waits for a person reads:

    script = [calls("refund", {"order_id": "O-1", "amount": "120.00"}), answer("Done.")]
    model = Priced(ScriptedModel(script), input="1.00", output="2.00")
    people = Approver()
    runtime = Runtime(url, workflows=[desk], models={"main": model},
                      directory=people, verifier=people.verifier)
    async with runtime:
        waits = await runtime.run("desk", "Refund O-1", alice)
        people.approve_all(runtime)
        assert isinstance(await runtime.resume(waits.run_id), Answered)
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeAlias

from licet.approvals import Request, Reviewer, ReviewSigner, ReviewVerifier, Shown
from licet.audit.errors import ConfigurationError
from licet.audit.events import ApprovalOwed

if TYPE_CHECKING:
    from pydantic_ai.messages import ModelMessage, ModelResponse
    from pydantic_ai.models.function import AgentInfo, FunctionModel

    from licet.runtime.runtime import Runtime
else:
    try:
        from pydantic_ai.models.function import FunctionModel
    except ModuleNotFoundError:
        # The rest of this module is for sessions too, which need no model.
        FunctionModel = object

FINAL_ANSWER = "final_answer"
"""The tool by which a model gives its final answer, see `licet.runtime.conversation`."""

__all__ = [
    "Approver",
    "Asked",
    "FixedClock",
    "ScriptEnded",
    "ScriptedModel",
    "Step",
    "answer",
    "calls",
]


class ScriptEnded(BaseException):
    """The model was asked once more than its script has steps.

    It is no Exception, as pytest's own failures are none: a run takes any Exception of a model for an outage
    and suspends, and the test would fail somewhere else.
    """


@dataclass(frozen=True, slots=True)
class Proposal:
    """One call in a step: the tool and its arguments. Text is sent as it is, valid JSON or not."""

    tool: str
    arguments: Mapping[str, Any] | str
    says: str = ""


@dataclass(frozen=True, slots=True)
class Final:
    """A step that is the final answer."""

    fields: Mapping[str, Any]


def calls(tool: str, arguments: Mapping[str, Any] | str, *, says: str = "") -> Proposal:
    """A step in which the model calls a tool; a list of these is a step with several calls.

        ScriptedModel([calls("read_order", {"order_id": "O-1"}),
                       [calls("note", {"text": "a"}), calls("note", {"text": "b"})],
                       answer("Both notes are there.")])

    Args:
        tool: its name, which need not exist.
        arguments: by name, or the JSON text a model would write.
        says: text beside the call, which Licet takes for the agent's reason.
    """
    return Proposal(tool, arguments, says)


def answer(message: str, status: str = "done", **fields: Any) -> Final:
    """A step in which the model gives its final answer; `fields` are further ones, such as `answer={...}`."""
    return Final({"status": status, "message": message, **fields})


Step: TypeAlias = (
    "Proposal | Final | str | Sequence[Proposal] | ModelResponse | Callable[[list[ModelMessage]], Step]"
)
"""One turn of a scripted model: calls, an answer, text, a whole response, or a function of the messages."""


class ScriptedModel(FunctionModel):
    """A pydantic-ai model that plays a list of steps, without a network.

    Which step is next is read from the messages: a run that goes on in another process goes on in its script.

        model = ScriptedModel([calls("read_order", {"order_id": "O-1"}), answer("It is paid.")])
        Runtime(url, workflows=[desk], models={"main": Priced(model, input="1", output="2")})

    Args:
        steps: what it does, one step for each request.
        name: of the model, as records show it.
        input_tokens, output_tokens: the usage that each response reports; 0 for both reports none.

    Attributes:
        requests: the messages of each request this object was asked with, to look at afterwards.

    Raises:
        ScriptEnded: there is no step for a request.
        ConfigurationError: pydantic-ai is not installed (`pip install 'licet[models]'`).
    """

    def __init__(
        self,
        steps: Sequence[Step],
        *,
        name: str = "scripted",
        input_tokens: int = 10,
        output_tokens: int = 5,
    ) -> None:
        if not hasattr(FunctionModel, "request"):
            raise ConfigurationError("ScriptedModel needs pydantic-ai: pip install 'licet[models]'")
        self.steps = tuple(steps)
        self.requests: list[list[ModelMessage]] = []
        self._tokens = (input_tokens, output_tokens)
        super().__init__(self._respond, model_name=name)

    async def _respond(self, messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
        from pydantic_ai.messages import ModelResponse
        from pydantic_ai.usage import RequestUsage

        self.requests.append(list(messages))
        number = sum(isinstance(message, ModelResponse) for message in messages)
        if number >= len(self.steps):
            raise ScriptEnded(
                f"{self.model_name} was asked once more than its script has steps ({len(self.steps)})"
            )
        response = _response(self.steps[number], number, messages)
        if not response.usage.has_values() and any(self._tokens):
            response.usage = RequestUsage(input_tokens=self._tokens[0], output_tokens=self._tokens[1])
        elif not response.usage.has_values():
            # Otherwise pydantic-ai makes an estimate and calls it usage.
            response.usage = RequestUsage(unmeasured_requests=1)
        return response


def _response(step: Step, number: int, messages: list[ModelMessage]) -> ModelResponse:
    from pydantic_ai.messages import ModelResponse, TextPart, ToolCallPart

    if callable(step):
        return _response(step(messages), number, messages)
    if isinstance(step, ModelResponse):
        return step
    if isinstance(step, str):
        return ModelResponse(parts=[TextPart(step)])
    if isinstance(step, Final):
        return ModelResponse(
            parts=[ToolCallPart(FINAL_ANSWER, dict(step.fields), tool_call_id=f"step{number}-final")]
        )
    proposals = [step] if isinstance(step, Proposal) else list(step)
    parts: list[TextPart | ToolCallPart] = [
        TextPart(proposal.says) for proposal in proposals if proposal.says
    ]
    for place, proposal in enumerate(proposals):
        given = proposal.arguments
        arguments = given if isinstance(given, str) else dict(given)
        parts.append(ToolCallPart(proposal.tool, arguments, tool_call_id=f"step{number}-call{place}"))
    return ModelResponse(parts=parts)


@dataclass(frozen=True, slots=True)
class Asked:
    """A pending request with what its reviewer is shown.

    Attributes:
        request: as `ApprovalQueue` has it.
        shown: tool, arguments, preview, principal and the rest.
    """

    request: Request
    shown: Shown

    @property
    def tool(self) -> str:
        """The name of the tool."""
        return self.shown.tool

    @property
    def args(self) -> dict[str, Any]:
        """The validated arguments, exact decimals as text."""
        return self.shown.args


class Approver:
    """People for a test: reviewers in groups, with an approval key of their own that is nowhere written down.

    It is the runtime's directory of reviewers too, and its verifier is the one that trusts the key:

        people = Approver({"bob": {"payments"}, "carol": {"legal"}})
        Runtime(..., directory=people, verifier=people.verifier)
        ...
        people.approve(runtime, lambda asked: asked.args["amount"] == "120.00")

    Args:
        reviewers: groups by the reviewer's id; each is in the group `any` as well. By default one reviewer.
    """

    def __init__(self, reviewers: Mapping[str, Collection[str]] | None = None) -> None:
        given: Mapping[str, Collection[str]] = reviewers if reviewers is not None else {"test-reviewer": ()}
        self._groups = {name: frozenset(groups) | {"any"} for name, groups in given.items()}
        self.signer = ReviewSigner.generate()
        self.verifier = ReviewVerifier(keys=[self.signer.public_key()])

    def groups(self, reviewer: str, tenant: str) -> frozenset[str]:
        """The reviewer's groups, the same in every tenant."""
        return self._groups.get(reviewer, frozenset())

    def possible(self, owed: ApprovalOwed, tenant: str, requester: str | None = None) -> str | None:
        """Why what is owed can never be given by these reviewers; None when it can."""
        for required in owed.requires:
            there = sum(
                required.group in groups for name, groups in self._groups.items() if name != requester
            )
            if there < required.count:
                return f"this test has {there} reviewers of {required.group}, and {required.count} are needed"
        return None

    def pending(self, runtime: Runtime, tenant: str | None = None) -> list[Asked]:
        """What waits for people in the runtime's journal, the oldest first."""
        queue = runtime.approvals(self.signer)
        return [Asked(request, queue.shown(request)) for request in queue.pending(tenant)]

    def approve_all(self, runtime: Runtime, reason: str | None = None) -> list[Request]:
        """Say yes to everything that waits, by as many reviewers as it takes. Returns what was answered."""
        return self.approve(runtime, lambda asked: True, reason)

    def approve(
        self, runtime: Runtime, which: Callable[[Asked], bool], reason: str | None = None
    ) -> list[Request]:
        """Say yes to what waits and `which` is true of, by as many reviewers as it takes.

        Returns the requests as they stand then. Nothing runs before `runtime.resume`.
        """
        queue = runtime.approvals(self.signer)
        answered = []
        for asked in filter(which, self.pending(runtime)):
            request = asked.request
            for name in self._who_may(request):
                request = queue.approve(
                    request.request_id, Reviewer(name, local=name.startswith("local:")), reason
                )
                if request.status != "pending":
                    break
            answered.append(request)
        return answered

    def reject(
        self,
        runtime: Runtime,
        reason: str = "not in this test",
        which: Callable[[Asked], bool] = lambda asked: True,
    ) -> list[Request]:
        """Say no to what waits and `which` is true of. Returns the requests as they stand then."""
        queue = runtime.approvals(self.signer)
        answered = []
        for asked in filter(which, self.pending(runtime)):
            for name in self._who_may(asked.request)[:1]:
                reviewer = Reviewer(name, local=name.startswith("local:"))
                answered.append(queue.reject(asked.request.request_id, reviewer, reason))
        return answered

    def edit(
        self,
        runtime: Runtime,
        change: Callable[[Asked], Mapping[str, Any] | None],
        reason: str | None = None,
    ) -> list[Request]:
        """Say yes with other arguments: `change` gives them all, or None for what is to be left alone."""
        queue = runtime.approvals(self.signer)
        answered = []
        for asked in self.pending(runtime):
            arguments = change(asked)
            for name in self._who_may(asked.request)[:1] if arguments is not None else ():
                reviewer = Reviewer(name, local=name.startswith("local:"))
                answered.append(queue.edit(asked.request.request_id, reviewer, arguments or {}, reason))
        return answered

    def _who_may(self, request: Request) -> list[str]:
        asked = {required.group for required in request.owed.requires}
        done = {answer.reviewer for answer in request.answers}
        return [
            name
            for name, groups in self._groups.items()
            if groups & asked and name != request.requester and name not in done
        ]


class FixedClock:
    """A clock that moves only when it is told to.

        clock = FixedClock()
        runtime = Runtime(..., clock=clock)
        clock.advance(hours=2)   # and every request that waits an hour has run out

    Args:
        now: where it stands; it has a time zone.

    Raises:
        ValueError: `now` has no time zone.
    """

    def __init__(self, now: datetime = datetime(2026, 1, 2, 12, 0, tzinfo=UTC)) -> None:
        if now.tzinfo is None:
            raise ValueError("a time in Licet has a time zone; give datetime(..., tzinfo=UTC)")
        self._now = now.astimezone(UTC)

    def now(self) -> datetime:
        """Where it stands, in UTC."""
        return self._now

    def advance(
        self, *, seconds: float = 0, minutes: float = 0, hours: float = 0, days: float = 0
    ) -> datetime:
        """Move it, back when negative, as real clocks are moved sometimes. Returns where it stands."""
        self._now += timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
        return self._now
