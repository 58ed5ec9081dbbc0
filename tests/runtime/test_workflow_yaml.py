"""A workflow as YAML: the same model, and errors with file, line and column."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from licet.audit.errors import ConfigurationError
from licet.runtime.limits import Budget, Limits, StopRules
from licet.runtime.narrowing import at_least, at_most, between, exactly, matches, one_of
from licet.runtime.workflow import Workflow, allow

DESK = """\
name: refund-desk
version: 1.10
owner: payments@acme.example
purpose: Answer refund requests
risk: high
mode: suggest
model: main
prompt: |
  Be kind.
  Be brief.
max_output_tokens: 1_000
tools:
  - read_order
  - tool: issue_refund
    args:
      amount: {at_most: 200.00}
      currency: EUR
      country: {one_of: [no, DE, "5", 5, 5.50, true, null]}
      order_id: {matches: 'O-\\d+'}
      parts: {between: ["1", 5], or_absent: true}
      rush: false
      note: {exactly: null}
      weight: {at_least: 1e-3}
    unattended:
      amount: {at_most: "50.00"}
limits:
  steps: 12
  calls_per_tool: {issue_refund: 1}
  spend: 0.10
  wall_clock: 2m
budgets:
  - spend: 20
stop_rules:
  same_call: null
previews: none
output:
  type: object
  properties:
    order_id: {type: string, description: As the shop writes it.}
    score: {type: number, maximum: 0.5}
  required: [order_id]
""".replace("1_000", "1000")


def twin(**changes: Any) -> Workflow:
    settings: dict[str, Any] = {
        "name": "refund-desk",
        "version": "1.10",
        "owner": "payments@acme.example",
        "purpose": "Answer refund requests",
        "risk": "high",
        "mode": "suggest",
        "model": "main",
        "prompt": "Be kind.\nBe brief.\n",
        "max_output_tokens": 1000,
        "tools": [
            allow("read_order"),
            allow(
                "issue_refund",
                amount=at_most("200"),
                currency="EUR",
                country=one_of("no", "DE", "5", 5, Decimal("5.5"), True, None),
                order_id=matches(r"O-\d+"),
                parts=between(1, 5, or_absent=True),
                rush=False,
                note=exactly(None),
                weight=at_least("0.001"),
                unattended={"amount": at_most("50")},
            ),
        ],
        "limits": Limits(steps=12, calls_per_tool={"issue_refund": 1}, spend="0.1", wall_clock=120),
        "budgets": [Budget(spend=20)],
        "stop_rules": StopRules(same_call=None),
        "previews": "none",
        "output": {
            "type": "object",
            "properties": {
                "order_id": {"type": "string", "description": "As the shop writes it."},
                "score": {"type": "number", "maximum": 0.5},
            },
            "required": ["order_id"],
        },
        **changes,
    }
    return Workflow(**settings)


def refusal(text: str | Path) -> list[str]:
    with pytest.raises(ConfigurationError) as refused:
        Workflow.from_yaml(text)
    return str(refused.value).splitlines()


def test_a_workflow_and_its_twin_in_yaml_have_one_digest() -> None:
    assert Workflow.from_yaml(DESK).content() == twin().content()
    assert Workflow.from_yaml(DESK).digest == twin().digest


def test_a_file_is_read_by_its_path(tmp_path: Path) -> None:
    path = tmp_path / "desk.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + DESK.encode())
    assert Workflow.from_yaml(path).digest == twin().digest
    assert Workflow.from_yaml(str(path)).digest == twin().digest


def test_the_fault_names_file_line_column_key_and_what_is_known(tmp_path: Path) -> None:
    path = tmp_path / "desk.yaml"
    path.write_text(DESK.replace("limits:", "limit:").replace("steps:", "step:"))
    assert refusal(path) == [f"{path}:26:1: limit: unknown key `limit`, did you mean `limits`?"]


def test_every_fault_is_told_in_the_order_of_the_file() -> None:
    lines = refusal(
        "name: refund-desk\n"
        "name: again\n"
        "version: '1'\n"
        "owner: o\n"
        "mode: acting\n"
        "tools:\n"
        "- tool: x\n"
        "  args:\n"
        "    amount: {at_mst: 5}\n"
        "    note: {matches: '('}\n"
        "limits:\n"
        "  step: 3\n"
        "  spend: -1\n"
        "  wall_clock: soon\n"
    )
    assert [line.split(": ")[:2] for line in lines] == [
        ["<text>:1:1", "purpose"],
        ["<text>:2:1", "name"],
        ["<text>:5:1", "mode"],
        ["<text>:9:14", "tools[0].args.amount.at_mst"],
        ["<text>:10:12", "tools[0].args.note.matches"],
        ["<text>:12:3", "limits.step"],
        ["<text>:13:3", "limits.spend"],
        ["<text>:14:3", "limits.wall_clock"],
    ]
    assert "given twice; the first is in line 1" in lines[1]
    assert "did you mean `at_most`?" in lines[3]
    assert "did you mean `steps`?" in lines[5]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("name: &a x\nowner: *a\n", "1:7: anchors and aliases are not read"),
        ("name: x\nowner: *a\n", "2:8: anchors and aliases"),
        ("a: &a [x]\nb: &b [*a,*a]\n", "anchors and aliases"),
        ("name: !!python/object/apply:os.system [x]\n", "1:7: tags are not read"),
        ("name: !!str x\n", "tags are not read"),
        ("base: {a: 1}\n<<: {b: 2}\n", "unknown key `<<`"),
        ("name: x\n---\nname: y\n", "expected a single document"),
        ("- name\n- x\n", "must be a mapping"),
        ("\n", "must be a mapping"),
        ("name: [\n", "is not YAML"),
        ("name: x\n\tversion: 1\n", "2:1: is not YAML"),
        ("name: \x00\n", "1:7: a character that YAML does not allow"),
        ('name: "\\ud800"\n', "1:7: name: is not valid Unicode"),
        ('name: "\\UFFFFFFFF"\n', "is not YAML"),
        ("? [a]\n: b\n", "a key must be a word"),
        ("name: " + "[" * 1000 + "\n", "nested deeper"),
        ("name: " + "- " * 1000 + "\n", ""),
        ("#" + "x" * 300_000 + "\n", "longer than"),
        ("%YAML 9.9\n---\na: 1\n", ""),
        ("limits: {steps: null}\n", "limits.steps"),
        ("tools: [{tool: x, unattended: yes}]\n", "tools[0].unattended"),
        ("tools: [{tool: x, unattended: {}}]\n", "tools[0].unattended: bounds nothing"),
        ("tools: [{tool: x, args: {a: {at_most: null}}}]\n", "tools[0].args.a.at_most"),
        ("output: {type: strin}\n", "output"),
    ],
)
def test_what_is_refused(text: str, says: str) -> None:
    assert says in "\n".join(refusal(text))


def test_a_value_is_never_quoted() -> None:
    told = "\n".join(
        refusal("name: s3 cret\nversion: [s3cret]\nmode: s3cret\nlimits: {spend: s3cret}\ntools: s3cret\n")
    )
    assert "cret" not in told


def test_a_file_that_is_not_there_or_not_utf8_is_refused(tmp_path: Path) -> None:
    assert "No such file" in refusal(tmp_path / "no.yaml")[0]
    assert "cannot read" in refusal("name: x")[0]
    assert "cannot read" in refusal("\x00")[0]
    assert "cannot read" in refusal(tmp_path)[0]
    path = tmp_path / "latin.yaml"
    path.write_bytes(b"name: x\nowner: \xe4\n")
    assert refusal(path) == [f"{path}:2: is not UTF-8"]


@pytest.mark.parametrize("spend", ["0.10", "1e-1", '"0.1"', "0.1000"])
def test_spend_is_read_exactly(spend: str) -> None:
    assert Workflow.from_yaml(DESK.replace("spend: 0.10", f"spend: {spend}")).digest == twin().digest


def test_what_yaml_1_1_would_have_guessed_stays_text() -> None:
    def read(value: str) -> Any:
        listed = f"[{{tool: t, args: {{a: {{exactly: {value}}}}}}}]"
        text = f"name: a\nversion: '1'\nowner: o\npurpose: p\ntools: {listed}\n"
        return Workflow.from_yaml(text).tools[0].args["a"].exactly

    for word in (
        "no",
        "on",
        "Yes",
        "NO",
        "1:30",
        "0x1F",
        "0o17",
        "010",
        "1_000",
        "2026-01-02",
        ".inf",
        ".5",
        "+1",
        "Null",
    ):
        assert read(word) == word
    assert read("5") == Decimal(5)
    assert str(read("0.30")) == "0.30"
    assert read("'5'") == "5"
    assert read("true") is True
    assert read("12345678901234567.89") == Decimal("12345678901234567.89")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)
keys = [
    "name",
    "version",
    "tools",
    "limits",
    "output",
    "args",
    "tool",
    "unattended",
    "at_most",
    "one_of",
    "matches",
    "$ref",
    "type",
]


@given(st.text())
def test_no_text_makes_anything_but_a_refusal(text: str) -> None:
    with pytest.raises(ConfigurationError):
        Workflow.from_yaml(text + "\n")


@given(
    st.lists(
        st.sampled_from(
            [
                *keys,
                ": ",
                "- ",
                "\n",
                "  ",
                "{",
                "}",
                "[",
                "]",
                ",",
                "'",
                '"',
                "&a ",
                "*a",
                "!",
                "|",
                ">",
                "?",
                "#",
                "%",
                "5",
                "0.5",
                "null",
                "\\x",
                "\t",
                "---\n",
            ]
        )
    )
)
def test_no_mixture_of_yaml_marks_makes_anything_but_a_refusal(parts: list[str]) -> None:
    with pytest.raises(ConfigurationError):
        Workflow.from_yaml("".join(parts) + "\n")


def read_or_refused(document: dict[str, Any]) -> str:
    try:
        Workflow.from_yaml(yaml.safe_dump(document, allow_unicode=True) + "\n")
    except ConfigurationError as error:
        return str(error)
    return "read"


@given(st.sampled_from(sorted(yaml.safe_load(DESK))), json_values)
def test_any_value_under_any_key_is_read_or_refused(key: str, value: Any) -> None:
    document = {**yaml.safe_load(DESK), key: value}
    assert read_or_refused(document).startswith(("<text>:", "read"))


@given(st.dictionaries(st.sampled_from(keys), json_values, max_size=4))
def test_any_bound_is_read_or_refused(bound: dict[str, Any]) -> None:
    document = {**yaml.safe_load(DESK), "tools": [{"tool": "issue_refund", "args": {"amount": bound}}]}
    assert read_or_refused(document).startswith(("<text>:", "read"))
