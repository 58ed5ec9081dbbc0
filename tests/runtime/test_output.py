"""The final output: what the model is asked for, and what of its answers is taken."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from pydantic import BaseModel, Field

from licet.audit.canonical import canonical
from licet.runtime.output import InvalidOutput, OutputContract
from licet.runtime.output_schema import declared, normal_form


class Line(BaseModel):
    text: str
    under: list[Line] = []


class Answer(BaseModel):
    """What was done."""

    amount: Decimal
    day: date
    lines: list[Line] = Field(default=[], description="What was paid back.")


SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "order": {"type": "string", "pattern": "^O-[0-9]+$"},
        "amount": {"type": "number", "minimum": 0, "multipleOf": 0.01},
        "title": {"enum": ["a", "b"], "title": "Dropped"},
        "parts": {"type": "array", "items": {"$ref": "#/$defs/part"}},
        "again": {"$ref": "#"},
    },
    "required": ["order"],
    "additionalProperties": False,
    "$defs": {"part": {"type": "integer", "maximum": 9}},
}


def faults(contract: OutputContract, **output: Any) -> dict[str, str]:
    with pytest.raises(InvalidOutput) as refused:
        contract.parse(output)
    return {field.path: field.message for field in refused.value.fields}


def test_free_text_has_a_status_and_a_message() -> None:
    contract = OutputContract(None)
    final = contract.parse('{"status": "escalated", "message": "A colleague will answer."}')
    assert (final.status, final.message, final.answer) == ("escalated", "A colleague will answer.", None)
    assert "answer" in faults(contract, status="done", message="x", answer={})
    assert set(contract.json_schema["properties"]) == {"status", "message"}


def test_a_model_makes_its_instance_with_exact_decimals() -> None:
    final = OutputContract(Answer).parse(
        '{"status":"done","message":"ok","answer":{"amount":1234567890123456.789,"day":"2026-01-02"}}'
    )
    assert final.answer == Answer(amount=Decimal("1234567890123456.789"), day=date(2026, 1, 2))
    assert b'"amount":"1234567890123456.789"' in final.encoded


def test_a_schema_gives_json_values() -> None:
    answer = {"order": "O-1", "amount": 0.29, "parts": [1, 9], "again": {"order": "O-2"}}
    assert (
        OutputContract(SCHEMA).parse({"status": "done", "message": "ok", "answer": answer}).answer == answer
    )


@pytest.mark.parametrize("output", [None, Answer, SCHEMA])
def test_what_was_encoded_is_read_back_the_same(output: Any) -> None:
    contract = OutputContract(output)
    given_answer: dict[str, Any] = {"status": "done", "message": "Ünïcode"}
    if output is not None:
        given_answer["answer"] = (
            {"order": "O-1"} if output is SCHEMA else {"amount": "0.10", "day": "2026-01-02"}
        )
    first = contract.parse(given_answer)
    assert contract.parse(first.encoded) == first


@pytest.mark.parametrize("output", [Answer, SCHEMA])
def test_an_answer_is_owed_when_done_and_only_then(output: Any) -> None:
    contract = OutputContract(output)
    assert faults(contract, status="done", message="x") == {"answer": "must be given when the status is done"}
    for status in ("needs_clarification", "unsupported", "escalated"):
        assert contract.parse({"status": status, "message": "x"}).answer is None
        assert contract.parse({"status": status, "message": "x", "answer": None}).answer is None
        assert "answer" in faults(contract, status=status, message="x", answer={"order": "O-1"})


def test_every_fault_names_its_field_and_quotes_no_value() -> None:
    answer = {"amount": "s3cret", "day": "s3cret", "lines": [{"text": 4711}], "x": 1}
    told = faults(OutputContract(Answer), status="s3cret", message="", answer=answer)
    assert {"status", "message"} <= set(told)
    told = faults(OutputContract(Answer), status="done", message="m", answer=answer)
    assert {"answer/amount", "answer/day", "answer/lines/0/text"} <= set(told)
    assert "s3cret" not in str(told)
    assert "4711" not in str(told)


@pytest.mark.parametrize(
    ("answer", "path", "says"),
    [
        ({}, "answer", "must have order"),
        ({"order": 1}, "answer/order", "of type string"),
        ({"order": "O-x"}, "answer/order", "pattern"),
        ({"order": "O-1", "amount": -1}, "answer/amount", "minimum: 0"),
        ({"order": "O-1", "amount": 0.291}, "answer/amount", "multipleOf"),
        ({"order": "O-1", "title": "c"}, "answer/title", 'enum: ["a","b"]'),
        ({"order": "O-1", "parts": [1, 10]}, "answer/parts/1", "maximum: 9"),
        ({"order": "O-1", "ordr": 1}, "answer", "unknown field `ordr`, did you mean `order`?"),
        ({"order": "O-1", "again": {}}, "answer/again", "must have order"),
        ([], "answer", "of type object"),
    ],
)
def test_what_a_schema_refuses(answer: Any, path: str, says: str) -> None:
    assert says in faults(OutputContract(SCHEMA), status="done", message="x", answer=answer)[path]


@pytest.mark.parametrize(
    "raw",
    [
        "",
        "[]",
        "null",
        "{",
        '{"status":"done","status":"done","message":"x"}',
        '{"status":"done","message":"x","n":NaN}',
        '{"status":"done","message":"\\ud800"}',
        '{"status":"done","message":"x","extra":1}',
        '{"status":"done","message":"' + "x" * 1_100_000 + '"}',
        '{"status":"done","message":"x","answer":' + "[" * 5000 + "]" * 5000 + "}",
        b"\xff",
    ],
)
@pytest.mark.parametrize("output", [None, Answer, SCHEMA])
def test_what_is_not_strict_json_is_refused(output: Any, raw: str | bytes) -> None:
    with pytest.raises(InvalidOutput):
        OutputContract(output).parse(raw)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["order", "amount", "parts", "again", "day", "lines", "text"]), inner
            )
        ),
        max_leaves=8,
    )
)
def test_any_answer_is_taken_or_refused(answer: Any) -> None:
    for output in (Answer, SCHEMA):
        try:
            final = OutputContract(output).parse({"status": "done", "message": "x", "answer": answer})
        except InvalidOutput:
            continue
        assert orjson.loads(final.encoded)["status"] == "done"


@pytest.mark.parametrize("output", [None, Answer, SCHEMA])
def test_what_the_model_is_shown_is_a_schema_that_valid_outputs_fit(output: Any) -> None:
    shown = OutputContract(output).json_schema
    Draft202012Validator.check_schema(shown)
    canonical(shown)
    validator = Draft202012Validator(shown)
    assert validator.is_valid({"status": "unsupported", "message": "no"})
    assert not validator.is_valid({"status": "gone", "message": "no"})
    if output is SCHEMA:
        good = {"order": "O-1", "parts": [1], "again": {"order": "O-2"}}
        assert validator.is_valid({"status": "done", "message": "x", "answer": good})
        assert not validator.is_valid({"status": "done", "message": "x", "answer": {**good, "parts": ["x"]}})
        assert not validator.is_valid({"status": "done", "message": "x", "answer": {**good, "again": {}}})
    if output is Answer:
        nested = {"amount": 1, "day": "2026-01-02", "lines": [{"text": "a", "under": [{"text": "b"}]}]}
        assert validator.is_valid({"status": "done", "message": "x", "answer": nested})


def test_the_normal_form_has_descriptions_and_no_titles_but_keeps_fields_of_that_name() -> None:
    form = normal_form(SCHEMA)
    assert form is not None
    assert form["properties"]["title"] == {"enum": ["a", "b"]}
    shown = normal_form(Answer)
    assert shown is not None
    assert shown["description"] == "What was done."
    assert shown["properties"]["lines"]["description"] == "What was paid back."
    assert "title" not in str(shown)


@pytest.mark.parametrize(
    ("schema", "says"),
    [
        ({"type": "strin"}, "type"),
        ({"requird": ["a"]}, "did you mean `required`?"),
        ({"properties": {"a": {"maxmum": 1}}}, "properties.a.maxmum"),
        ({"$ref": "https://evil.example/schema"}, "must lead to a place in this schema"),
        ({"properties": {"a": {"$ref": "#/$defs/no"}}}, "must lead to a place"),
        ({"pattern": "(?=a)"}, "look-around"),
        ({"patternProperties": {"^a": {}}}, "unknown keyword"),
        ({"$id": "https://x.example"}, "unknown keyword"),
        ({"$schema": "http://json-schema.org/draft-07/schema#"}, "only https"),
        ({"const": float("nan")}, "not JSON"),
        ({"properties": []}, "properties"),
        ({"items": 3}, "items"),
        (7, "JSON Schema"),
        (int, "JSON Schema"),
    ],
)
def test_a_schema_that_could_not_be_checked_is_refused_when_declared(schema: Any, says: str) -> None:
    with pytest.raises(ValueError) as refused:
        declared(schema)
    assert says in str(refused.value)


def test_a_schema_that_never_ends_refuses_the_answer() -> None:
    endless = declared({"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/a"}}})
    assert "never ends" in faults(OutputContract(endless), status="done", message="x", answer=1)["answer"]
