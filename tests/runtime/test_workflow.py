"""A workflow in Python: what it accepts, its content and its digest."""

from __future__ import annotations

import hashlib
from decimal import Decimal
from typing import Any

import pytest
from pydantic import BaseModel, Field

from licet.audit.canonical import canonical, digest
from licet.audit.errors import ConfigurationError
from licet.runtime.limits import Budget, Limits, StopRules
from licet.runtime.narrowing import at_most, between, matches, one_of
from licet.runtime.workflow import Workflow, allow, differences
from licet.tools import Tool, ToolError, tool, tool_of


class Answer(BaseModel):
    """What the customer is told."""

    order_id: str = Field(description="As the shop writes it.")
    refunded: Decimal


@tool(effect="read")
def read_order(order_id: str) -> str:
    """Read an order."""
    return order_id


def show_refund(order_id: str) -> str:
    return order_id


@tool(effect="irreversible", preview=show_refund)
def issue_refund(order_id: str, amount: Decimal) -> None:
    """Pay back."""


@tool(effect="irreversible")
def close_account(order_id: str) -> None:
    """Close it, for good."""


def desk(**changes: Any) -> Workflow:
    settings: dict[str, Any] = {
        "name": "refund-desk",
        "version": "1",
        "owner": "payments@acme.example",
        "purpose": "Answer refund requests",
        "prompt": "Be kind. Ünïcode.",
        "model": "main",
        "tools": [
            allow(read_order, order_id=matches("O-[0-9]+")),
            allow(issue_refund, amount=at_most("200.00"), unattended={"amount": at_most("50.00")}),
        ],
        "limits": Limits(
            steps=12, calls=20, calls_per_tool={"issue_refund": 1}, spend="0.50", wall_clock="2m"
        ),
        "budgets": [Budget(spend="20.00")],
        "stop_rules": StopRules(same_call=None),
        "output": Answer,
        **changes,
    }
    return Workflow(**settings)


def test_the_digest_stands_still() -> None:
    # If this fails, every run that is suspended anywhere would be refused after an upgrade: keep the form.
    assert desk().digest == GOLDEN
    assert desk().content() == GOLDEN_CONTENT
    assert digest(desk().content()) == GOLDEN


GOLDEN_CONTENT: dict[str, Any] = {
    "name": "refund-desk",
    "version": "1",
    "owner": "payments@acme.example",
    "purpose": "Answer refund requests",
    "risk": "medium",
    "mode": "act",
    "tools": [
        {
            "tool": "issue_refund",
            "args": {"amount": {"at_most": "200"}},
            "unattended": {"amount": {"at_most": "50"}},
        },
        {"tool": "read_order", "args": {"order_id": {"matches": "O-[0-9]+"}}, "unattended": False},
    ],
    "model": "main",
    "prompt": "Be kind. Ünïcode.",
    "max_output_tokens": 4096,
    "limits": {
        "steps": 12,
        "calls": 20,
        "calls_per_tool": {"issue_refund": 1},
        "tokens": None,
        "spend": "0.5",
        "wall_clock": 120,
        "repairs": 2,
    },
    "budgets": [{"spend": "20", "per": "day"}],
    "stop_rules": {"same_call": None, "denials_in_row": 5, "errors_in_row": 5},
    "previews": "irreversible",
    "output": {
        "type": "object",
        "description": "What the customer is told.",
        "properties": {
            "order_id": {"type": "string", "description": "As the shop writes it."},
            "refunded": {"anyOf": [{"type": "number"}, {"type": "string", "format": "decimal"}]},
        },
        "required": ["order_id", "refunded"],
    },
}


def test_the_content_is_json_and_a_copy() -> None:
    workflow = desk()
    canonical(workflow.content())
    workflow.content()["tools"].clear()
    assert workflow.content() == GOLDEN_CONTENT


def test_what_means_the_same_has_the_same_digest() -> None:
    again = desk(
        tools=[
            allow(issue_refund, unattended={"amount": at_most(50)}, amount=at_most(Decimal("2E+2"))),
            allow("read_order", order_id=matches("O-[0-9]+")),
        ],
        limits=Limits(
            steps=12, calls=20, calls_per_tool={"issue_refund": 1}, spend=Decimal("0.5"), wall_clock=120
        ),
    )
    assert again.digest == desk().digest
    choices = [
        desk(tools=[allow(read_order, order_id=one_of(*order))], limits=Limits()) for order in ("ab", "bba")
    ]
    assert choices[0].digest == choices[1].digest


@pytest.mark.parametrize(
    "change",
    [
        {"version": "2"},
        {"prompt": "Be kind."},
        {"mode": "observe"},
        {"max_output_tokens": 4095},
        {"limits": Limits(calls_per_tool={"issue_refund": 1})},
        {"budgets": [Budget(spend="20.000000001")]},
        {"stop_rules": StopRules()},
        {"previews": "none"},
        {"output": None},
        {"tools": [read_order, issue_refund]},
        {
            "tools": [
                allow(read_order, order_id=matches("O-[0-9]+")),
                allow(issue_refund, amount=at_most("200.00")),
            ]
        },
    ],
)
def test_whatever_counts_changes_the_digest(change: dict[str, Any]) -> None:
    assert desk(**change).digest != desk().digest


def test_an_integer_and_its_digits_as_text_are_told_apart() -> None:
    assert (
        desk(tools=[allow("x", a=5)], limits=Limits()).digest
        != desk(tools=[allow("x", a="5")], limits=Limits()).digest
    )


def test_the_prompt_has_a_hash() -> None:
    assert desk().prompt_hash == hashlib.sha256("Be kind. Ünïcode.".encode()).hexdigest()


def test_a_workflow_knows_its_tools_by_name() -> None:
    workflow = desk()
    allowance = workflow.allowance("issue_refund")
    assert allowance is not None
    assert allowance.tool == "issue_refund"
    assert workflow.allowance("close_account") is None
    assert workflow.declared_tools() == {
        "read_order": tool_of(read_order),
        "issue_refund": tool_of(issue_refund),
    }
    assert desk(tools=["read_order"], limits=Limits()).declared_tools() == {}


def test_functions_tools_and_names_may_stand_on_the_list_as_they_are() -> None:
    forms: list[Any] = [read_order, tool_of(read_order), "read_order", allow(read_order)]
    assert len({desk(tools=[form], limits=Limits()).digest for form in forms}) == 1


def test_a_function_that_is_no_tool_is_refused() -> None:
    with pytest.raises(ToolError):
        allow(show_refund)


def test_every_fault_is_told_at_once_and_no_value_is_quoted() -> None:
    wrong: dict[str, Any] = {
        "name": "refund desk",
        "versio": "s3cret",
        "owner": "",
        "purpose": "p",
        "mode": "s3cret",
    }
    with pytest.raises(ConfigurationError) as refused:
        Workflow(**wrong)
    told = str(refused.value)
    assert "s3cret" not in told
    for part in (
        "name: ",
        "version: ",
        "owner: ",
        "mode: ",
        "tools: ",
        "unknown key `versio`, did you mean `version`?",
    ):
        assert part in told


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"tools": [read_order, allow("read_order")]}, "`read_order` is on the list twice"),
        ({"limits": Limits(calls_per_tool={"isue_refund": 1})}, "did you mean `issue_refund`?"),
        ({"budgets": [Budget(spend=1), Budget(spend=2)]}, "same period twice"),
        ({"prompt": "\ud800"}, "prompt"),
        ({"tools": [7]}, r"tools\[0\]"),
        ({"output": int}, "pydantic model, a JSON Schema"),
        ({"max_output_tokens": 0}, "max_output_tokens"),
    ],
)
def test_what_contradicts_itself_is_refused(change: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigurationError, match=says):
        desk(**change)


def test_a_workflow_is_frozen() -> None:
    with pytest.raises(Exception, match="frozen"):
        desk().version = "2"


def test_what_was_given_may_change_afterwards_and_the_workflow_does_not() -> None:
    schema: dict[str, Any] = {"type": "object", "properties": {"a": {"type": "string"}}}
    workflow = desk(output=schema)
    before = workflow.content()
    schema["properties"]["a"]["type"] = "integer"
    assert workflow.content() == before


def test_differences_names_each_path_that_changed() -> None:
    old = desk().content()
    new = desk(
        prompt="x" * 500,
        tools=[allow(issue_refund, amount=at_most(500), unattended={"amount": at_most(50)}), "close_account"],
        stop_rules=StopRules(),
    )
    told = differences(old, new)
    assert [line.split(": ")[0] for line in told] == [
        "prompt",
        "stop_rules.same_call",
        "tools.close_account",
        "tools.issue_refund.args.amount.at_most",
        "tools.read_order",
    ]
    assert "tools.issue_refund.args.amount.at_most: '200' became '500'" in told
    assert all(len(line) < 200 for line in told)
    assert differences(old, desk()) == []


def test_binding_tells_every_fault_at_once() -> None:
    workflow = desk(
        tools=[
            allow("read_oder"),
            allow(issue_refund, amout=at_most(1), order_id=at_most(1)),
            allow(close_account),
        ],
        limits=Limits(),
    )
    known: dict[str, Tool] = {t.name: t for t in map(tool_of, (read_order, issue_refund, close_account))}
    with pytest.raises(ConfigurationError) as refused:
        workflow.bind(known)
    told = str(refused.value)
    assert "refund-desk 1 has 4 faults" in told
    assert "no tool `read_oder` is registered, did you mean `read_order`?" in told
    assert "tools[1].args.amout: issue_refund has no parameter `amout`, did you mean `amount`?" in told
    assert "tools[1].args.order_id" in told
    assert "close_account is irreversible and has no preview" in told


def test_previews_may_be_waived() -> None:
    tools = {"close_account": tool_of(close_account)}
    with pytest.raises(ConfigurationError, match="no preview"):
        desk(tools=[close_account], limits=Limits()).bind(tools)
    desk(tools=[close_account], limits=Limits(), previews="none").bind(tools)
    desk().bind(desk().declared_tools())


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("90s", 90.0),
        ("2m", 120.0),
        ("1h", 3600.0),
        ("1h30m", 5400.0),
        ("1d", 86400.0),
        ("0.5s", 0.5),
        (90, 90.0),
        ("90", 90.0),
        (0.25, 0.25),
    ],
)
def test_durations(text: Any, length: float) -> None:
    assert Limits(wall_clock=text).wall_clock == length


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0s",
        0,
        -1,
        "-1s",
        "2 minutes",
        "m",
        "30s2m",
        float("nan"),
        float("inf"),
        True,
        None,
        "367d",
        "٣s",
        [],
        "1e3",
    ],
)
def test_what_is_no_duration_is_refused(text: Any) -> None:
    with pytest.raises(ConfigurationError, match="wall_clock"):
        Limits(wall_clock=text)


@pytest.mark.parametrize("field", ["steps", "calls", "tokens"])
@pytest.mark.parametrize("value", [0, -1, 1.5, 1.0, True, "1.0", "x", 2**53])
def test_counts_are_whole_and_positive(field: str, value: Any) -> None:
    with pytest.raises(ConfigurationError, match=field):
        Limits(**{field: value})


@pytest.mark.parametrize(
    "value", [0, "-1", 0.5, "0.0000000001", "123456789.0000000000000000000000000001", 10**9, "NaN", True]
)
def test_spend_is_exact_and_positive(value: Any) -> None:
    with pytest.raises(ConfigurationError, match="spend"):
        Limits(spend=value)
    with pytest.raises(ConfigurationError, match="spend"):
        Budget(spend=value)


def test_spend_is_exact_to_the_nano_dollar() -> None:
    assert Limits(spend="0.123456789").spend == Decimal("0.123456789")


def test_a_range_and_its_two_ends_are_one() -> None:
    spelled = [
        allow("x", a=between(1, "5.0")),
        allow("x", a={"between": ["1", 5]}),
        allow("x", a={"at_least": "1.0", "at_most": 5}),
    ]
    assert len({digest(allowance.content()) for allowance in spelled}) == 1


GOLDEN = "d5bcbb61c8b0ec0bcb3d870c90560b7901af14b0ef17dc646f91a03ca53bee21"
