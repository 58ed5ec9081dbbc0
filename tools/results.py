"""What a tool returned, as the bytes that are recorded and that the model is shown."""

from __future__ import annotations

from typing import Any

from pydantic import ConfigDict, PydanticUserError, TypeAdapter, ValidationError
from pydantic_core import PydanticSerializationError

from licet.audit.canonical import canonical
from licet.tools.argument_errors import REFUSED, faults_of
from licet.tools.errors import FieldError, InvalidResult
from licet.tools.exact_schema import ContractSchema, Unserialisable, json_schema
from licet.tools.plain_values import canonical_values

MAX_RESULT = 1_000_000
"""The most bytes a result may have as canonical JSON."""

_REFUSED = {
    "callable": "a function cannot be written as JSON",
    "generator": "a generator is read only once: return list[...]",
    "is-instance": "it cannot be written as JSON: return a pydantic model or a dataclass",
}


class ResultWriter:
    """Writes the results of one tool. Built once per tool.

    Attributes:
        contract: JSON Schema of the result, for the contract hash.

    Raises:
        Unserialisable, pydantic.errors.PydanticUserError, PydanticSchemaGenerationError: the type cannot be
        written.
    """

    def __init__(self, annotation: Any) -> None:
        try:
            self._adapter: TypeAdapter[Any] = TypeAdapter(annotation, config=ConfigDict(strict=True))
        except PydanticUserError as error:
            if error.code != "type-adapter-config-unused":
                raise
            self._adapter = TypeAdapter(annotation)
        if why := _REFUSED.get(self._adapter.core_schema["type"]):
            raise Unserialisable(why)
        self.contract = json_schema(self._adapter.core_schema, "serialization", ContractSchema)

    def encode(self, value: Any) -> bytes:
        """`value`, checked against the return annotation, as canonical JSON (RFC 8785), decimals as text.

        The model's own serialisers and `exclude=True` are followed: what a model hides stays hidden. A
        `SecretStr`
        is written as asterisks: the effect has happened, and a result that is lost would help nobody.

        Raises:
            InvalidResult: it is not of that type, holds what JSON has no word for, is too large, or a check
                or serialiser of its own raised.
        """
        try:
            checked = self._adapter.validator.validate_python(value, strict=True)
            dumped = self._adapter.serializer.to_python(
                checked, mode="python", by_alias=True, warnings="error"
            )
        except ValidationError as error:
            raise InvalidResult(faults_of(error, value, {})) from None
        except (PydanticSerializationError, RecursionError):
            raise _invalid("is not what the return annotation says, or cannot be written as JSON") from None
        except Exception:
            raise _invalid(REFUSED) from None
        faults: list[FieldError] = []
        try:
            plain = canonical_values(dumped, faults)
        except Exception:
            raise _invalid("cannot be written as JSON") from None
        if faults:
            raise InvalidResult(faults)
        try:
            written = canonical(plain)
        except (ValueError, RecursionError):
            raise _invalid("cannot be written as canonical JSON: some text is not valid Unicode") from None
        if len(written) > MAX_RESULT:
            raise _invalid(f"is larger than {MAX_RESULT} bytes; return less, or a page of it")
        return written


def _invalid(message: str) -> InvalidResult:
    return InvalidResult([FieldError("", f"the result {message}")])
