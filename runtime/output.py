"""The final output of a run: what the model is asked for, and whether what it gave is that."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, Literal, cast, get_args

import orjson
from pydantic import BaseModel, ValidationError

from licet.audit.canonical import canonical
from licet.audit.errors import LicetError
from licet.runtime.contract import closest
from licet.runtime.output_schema import Output, checker, explain, normal_form
from licet.tools.errors import SHOWN_FAULTS, FieldError, InvalidArguments
from licet.tools.exact_numbers import TAG
from licet.tools.plain_values import show_path
from licet.tools.strict_json import read, tagged

FinalStatus = Literal["done", "needs_clarification", "unsupported", "escalated"]
"""How a run that was not stopped ended: answered, asking back, out of its purpose, or handed to a person."""


class InvalidOutput(LicetError):
    """The final output is not what the workflow declares.

    The text can be shown to the model, which may repair it.

    Attributes:
        fields: what is wrong, field by field; it never quotes a value.
    """

    def __init__(self, fields: Iterable[FieldError]) -> None:
        self.fields = tuple(fields)
        lines = "".join(f"\n- {field}" for field in self.fields[:SHOWN_FAULTS])
        super().__init__(f"The final output is not valid. Correct it and give it again:{lines}")


@dataclass(frozen=True, slots=True)
class FinalAnswer:
    """A final output that is valid.

    Attributes:
        answer: an instance of the declared model, or JSON values under a declared JSON Schema; None without a
            declared output, and for every status but done.
        encoded: status, message and answer (when there is one) as canonical JSON, which
            `OutputContract.parse` reads back.
    """

    status: FinalStatus
    message: str
    answer: Any
    encoded: bytes


class OutputContract:
    """What a workflow's run ends with: a status, a message to the user and, when declared, an answer.

    Attributes:
        json_schema: the parameters of the final-output tool that the model is given.
    """

    def __init__(self, output: Output) -> None:
        self._model = output if isinstance(output, type) else None
        schema = normal_form(output)
        self._checker = checker(schema) if schema is not None and self._model is None else None
        self._declared = schema is not None
        self.json_schema = _parameters(schema)

    def parse(self, raw: str | bytes | Mapping[str, Any]) -> FinalAnswer:
        """Read a final output as the model gave it: JSON text, or the arguments already read.

        Raises:
            InvalidOutput: it is not JSON (duplicate keys and NaN are not), or not what is declared.
        """
        try:
            given = read(raw)
        except InvalidArguments as error:
            raise InvalidOutput(error.fields) from None
        faults = [
            FieldError(
                show_path((name,)), "unknown field" + closest(name[:100], self.json_schema["properties"])
            )
            for name in given
            if name not in self.json_schema["properties"]
        ]
        status, message, answer = given.get("status"), given.get("message"), given.get("answer")
        if status not in get_args(FinalStatus):
            faults.append(FieldError("status", f"must be one of {', '.join(get_args(FinalStatus))}"))
        if not isinstance(message, str) or not message.strip():
            faults.append(FieldError("message", "must be text for the user, and not empty"))
        if self._declared and status == "done" and answer is None:
            faults.append(FieldError("answer", "must be given when the status is done"))
        if self._declared and status != "done" and answer is not None:
            faults.append(FieldError("answer", "is given only when the status is done; leave it out"))
        value, plain = None, None
        if self._declared and status == "done" and answer is not None:
            value, plain, wrong = self._answer(answer)
            faults += wrong
        if faults:
            raise InvalidOutput(faults)
        try:
            given_answer = {} if plain is None else {"answer": plain}
            encoded = canonical({"status": status, "message": message, **given_answer})
        except ValueError:
            told = "must hold valid Unicode text and no integer beyond 2**53 - 1"
            raise InvalidOutput([FieldError("answer", told)]) from None
        return FinalAnswer(cast(FinalStatus, status), str(message), value, encoded)

    def _answer(self, answer: Any) -> tuple[Any, Any, list[FieldError]]:
        """The answer as Python has it, as JSON has it, and what is wrong with it."""
        if self._model is not None:
            return _of_model(self._model, answer)
        assert self._checker is not None
        told = "has more digits than a JSON number holds exactly; give it as text"
        wrong = [FieldError(show_path(path), told) for path in tagged(answer, ("answer",))]
        if wrong:
            return None, None, wrong
        try:
            wrong = [
                FieldError(show_path(("answer", *error.absolute_path)), explain(error))
                for error in islice(self._checker.iter_errors(answer), SHOWN_FAULTS)
            ]
        except RecursionError:
            # A schema that leads back to itself without taking a step into the answer.
            wrong = [FieldError("answer", "cannot be checked: its schema never ends")]
        return answer, answer, wrong


def _of_model(model: type[BaseModel], answer: Any) -> tuple[Any, Any, list[FieldError]]:
    try:
        value = model.model_validate_json(orjson.dumps(_untagged(answer)), strict=True)
    except ValidationError as error:
        found = error.errors(include_input=False, include_url=False)
        return None, None, [FieldError(show_path(("answer", *item["loc"])), item["msg"]) for item in found]
    return value, value.model_dump(mode="json", by_alias=True), []


def _untagged(value: Any) -> Any:
    """A number that a double does not hold goes to pydantic as text, which a Decimal is read from exactly."""
    if isinstance(value, str):
        return value.removeprefix(TAG)
    if isinstance(value, dict):
        return {key: _untagged(item) for key, item in value.items()}
    return [_untagged(item) for item in value] if isinstance(value, list) else value


def _parameters(schema: dict[str, Any] | None) -> dict[str, Any]:
    properties: dict[str, Any] = {
        "status": {
            "type": "string",
            "enum": list(get_args(FinalStatus)),
            "description": (
                "done: the task is finished. needs_clarification: the user must say more first. "
                "unsupported: it is outside what can be done here. escalated: a person must take it over."
            ),
        },
        "message": {
            "type": "string",
            "minLength": 1,
            "description": "What the user is told, in plain words.",
        },
    }
    whole: dict[str, Any] = {
        "type": "object",
        "properties": properties,
        "required": ["status", "message"],
        "additionalProperties": False,
    }
    if schema is not None:
        told = "Give it when, and only when, the status is done."
        shared = schema.get("$defs")
        answer = {key: value for key, value in schema.items() if key != "$defs"}
        before = answer.get("description")
        answer["description"] = f"{before} {told}" if isinstance(before, str) else told
        properties["answer"] = _moved(answer)
        if shared:
            whole["$defs"] = _moved(shared)
    return whole


def _moved(part: Any) -> Any:
    """References, which were from the answer's own root, as they are from the whole."""
    if isinstance(part, list):
        return [_moved(item) for item in part]
    if not isinstance(part, dict):
        return part
    moved = {key: _moved(value) for key, value in part.items()}
    ref = moved.get("$ref")
    if isinstance(ref, str) and ref.startswith("#") and not ref.startswith("#/$defs/"):
        moved["$ref"] = "#/properties/answer" + ref[1:]
    return moved
