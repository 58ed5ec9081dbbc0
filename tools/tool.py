"""A tool: a typed function that an agent may propose to call, and all that is known of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from licet.audit.canonical import Json
from licet.audit.clock import Clock
from licet.tools.arguments import ArgumentReader, Arguments
from licet.tools.context import ToolContext
from licet.tools.errors import NotStarted, ToolTimeout
from licet.tools.hooks import Hooks
from licet.tools.injection import Injector
from licet.tools.invocation import TimeIsUp, call_within
from licet.tools.results import ResultWriter
from licet.tools.roles import Parameter, ResultMarks
from licet.tools.signature import Function, Needs

Effect = Literal["read", "write", "irreversible"]


@dataclass(frozen=True, eq=False)
class Tool:
    """A function that an agent may propose to call, and all that is known of it.

    Attributes:
        effect: `read` changes nothing, `write` can be undone or repeated, `irreversible` neither.
        idempotent: the same call under the same idempotency key has its effect once.
        timeout: seconds.
        description: from the docstring; what the model reads.
        source: where it comes from; `python` for a function.
        contract_hash: SHA-256 of the contract in normal form (`licet.tools.contract_hash`).
        contract: that normal form.
        parameters: what the model fills, by name.
        result_marks: trust and other marks by path in the result (`items/*/note`; empty: the whole).
        json_schema: JSON Schema of the arguments, as a model is shown it.
        permit_lifetime: seconds a permit for it lasts; None: as long as the runtime's own.
        hooks: price, preview, authorize, resource, check_outcome.
    """

    name: str
    version: str
    effect: Effect
    idempotent: bool
    timeout: float
    description: str
    tags: tuple[str, ...]
    owner: str | None
    source: str
    permit_lifetime: float | None
    contract: Mapping[str, Json]
    contract_hash: str
    parameters: Mapping[str, Parameter]
    result_marks: Mapping[str, ResultMarks]
    json_schema: dict[str, Any]
    hooks: Hooks
    function: Function
    needs: Needs
    _reader: ArgumentReader
    _writer: ResultWriter

    def parse(self, raw: str | bytes | Mapping[str, Any]) -> Arguments:
        """Arguments from JSON text, or from a mapping of Python values by the same way.

        Raises:
            InvalidArguments: with one entry per fault, none of which quotes a value.
        """
        return self._reader.read(raw)

    def encode_result(self, value: Any) -> bytes:
        """What the function returned, as canonical JSON: what is recorded and what the model is shown.

        Raises:
            InvalidResult: it is not what the return annotation says; the effect has happened all the same.
        """
        return self._writer.encode(value)

    async def invoke(
        self, arguments: Arguments, context: ToolContext, injector: Injector, *, clock: Clock | None = None
    ) -> Any:
        """Calls the function. Nothing is asked or recorded here: that is the gate's work.

        It has `timeout` seconds, and by `clock`, when given, no longer than to `context.deadline`. A
        synchronous function runs in a worker thread; when it is late, or the caller is cancelled, it is
        abandoned: it runs on in that thread, and nobody waits for it.

        It gets values of its own (`Arguments.copies`), whatever hooks did with theirs.

        Raises:
            ToolTimeout: it was late; `started` says whether it had begun.
            NotStarted: a provider failed, or a value does not let itself be copied.
            MissingProvider: nothing provides a type it asks for.
            Exception: whatever the function raises, as it is.
        """
        seconds = self.timeout
        if clock is not None and context.deadline is not None:
            seconds = min(seconds, (context.deadline - clock.now()).total_seconds())
            if seconds <= 0:
                raise ToolTimeout(self.name, 0.0, started=False)
        try:
            values = arguments.copies()
        except Exception as error:
            raise NotStarted(error) from error
        try:
            return await call_within(seconds, self.function, values, self.needs, context, injector)
        except TimeIsUp as error:
            raise ToolTimeout(self.name, seconds, started=error.started) from None

    @property
    def injected_types(self) -> tuple[Any, ...]:
        """The types that the function and its hooks ask to be injected."""
        needs = (self.needs, *self.hooks.needs())
        return tuple(kind for need in needs for kind in need.injected.values())
