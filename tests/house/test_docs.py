"""docs/: what they name exists, what they print is what comes, and their examples work as they stand."""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from house import BIN, ROOMS, ROOT
from test_examples import EXAMPLES, JONAS, desk

from licet import Workflow, local_reviewer
from licet.approvals import FileDirectory
from licet.audit.events import EVENT_TYPES
from licet.policies import toolchain
from licet.policies.opa_program import OpaMissing
from licet.runtime.cli import app as commands

DOCS = sorted((ROOT / "docs").glob("*.md"))
DOCUMENTS = [
    *DOCS,
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md")),
]
FENCED = re.compile(r"<!-- (\S+) -->\n+```\w+\n(.*?)```", re.DOTALL)


@pytest.fixture(autouse=True)
def _a_key_of_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.syspath_prepend(EXAMPLES)
    monkeypatch.setenv("LICET_APPROVAL_KEY", str(tmp_path / "keys" / "approval.key"))
    monkeypatch.delenv("LICET_APPROVAL_PUBLIC_KEYS", raising=False)
    monkeypatch.delenv("LICET_REVIEWERS", raising=False)


def document(name: str) -> str:
    return (ROOT / "docs" / name).read_text()


def fenced(name: str) -> dict[str, str]:
    """The blocks of a document that carry a mark, by it."""
    return dict(FENCED.findall(document(name)))


@cache
def defined(file: Path) -> frozenset[str]:
    """Names that a module defines; those inside a class as pytest writes them, `Class::name`."""
    names = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ClassDef):
            inside = [item for item in node.body if isinstance(item, ast.FunctionDef | ast.AsyncFunctionDef)]
            names |= {node.name, *(f"{node.name}::{item.name}" for item in inside)}
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            names.add(node.name)
        elif isinstance(node, ast.AnnAssign | ast.Assign):
            targets = [node.target] if isinstance(node, ast.AnnAssign) else node.targets
            names |= {target.id for target in targets if isinstance(target, ast.Name)}
    return frozenset(names)


def in_module(file: Path) -> frozenset[str]:
    """The tests that pytest would find: not what is inside a class under its bare name."""
    body = ast.parse(file.read_text()).body
    bare = {item.name for item in body if isinstance(item, ast.FunctionDef | ast.AsyncFunctionDef)}
    return frozenset(bare | {name for name in defined(file) if "::" in name})


def licet(folder: Path, *words: str, code: int = 0, **environment: str) -> str:
    return called("licet", folder, *words, code=code, **environment)


def called(program: str, folder: Path, *words: str, code: int = 0, **environment: str) -> str:
    kept = {name: value for name, value in os.environ.items() if name not in ("LICET_DATABASE_URL",)}
    done = subprocess.run(
        [BIN / program, *words],
        cwd=folder,
        env={**kept, "NO_COLOR": "1", **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout or done.stderr


@pytest.mark.parametrize("file", DOCUMENTS, ids=lambda file: file.name)
def test_each_test_that_is_named_exists(file: Path) -> None:
    named = re.findall(r"\b(tests/[\w/]+\.py)::([\w:]+)", file.read_text())
    missing = [
        f"{path}::{test}"
        for path, test in named
        if not (ROOT / path).is_file() or test not in in_module(ROOT / path)
    ]
    assert missing == []
    if file.name == "guarantees.md":
        assert len(named) >= 9


@pytest.mark.parametrize("file", DOCUMENTS, ids=lambda file: file.name)
def test_links_lead_somewhere(file: Path) -> None:
    links = re.findall(r"\]\((?!https?://)([^)#]*)(?:#([^)]*))?\)", file.read_text())
    for target, anchor in links:
        found = (file.parent / target) if target else file
        assert found.exists(), target
        if anchor:
            titles = re.findall(r"^#+ (.*)$", found.read_text(), re.MULTILINE)
            assert anchor in [re.sub(r"[^\w -]", "", title).lower().replace(" ", "-") for title in titles]


@pytest.mark.parametrize("file", DOCS, ids=lambda file: file.name)
def test_each_file_of_the_house_that_is_named_exists(file: Path) -> None:
    roots = "|".join((*ROOMS, "tests", "examples", "docs"))
    named = re.findall(rf"`((?:{roots})/[\w/.-]+)`", file.read_text())
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_every_promise_names_a_test_and_what_it_does_not_cover() -> None:
    sections = re.split(r"^## (?=\d)", document("guarantees.md"), flags=re.MULTILINE)[1:]
    assert [section.partition(".")[0] for section in sections] == [str(number) for number in range(1, 10)]
    for section in sections:
        assert "tests/" in section
        assert "How: " in section
        assert "Not promised:" in section


# One call


def test_each_function_on_the_way_is_where_it_is_said_to_be() -> None:
    text = document("one-call.md")
    way = text.partition("## In")[2].partition("## What it leaves")[0]
    there = {name for path in re.findall(r"`([\w/]+\.py)`", way) for name in defined(ROOT / path)}
    named = re.findall(r"`([A-Za-z_]\w*(?:\.[A-Za-z]\w*)?)`", way)
    functions = [name for name in named if name not in EVENT_TYPES]
    assert len(functions) > 20
    assert [name for name in functions if name.replace(".", "::") not in there] == []


async def test_an_approved_refund_leaves_the_records_that_are_listed(tmp_path: Path) -> None:
    async with desk(tmp_path, "120.00") as runtime:
        waits = await runtime.run("refund-desk", "Order O-1001 is broken", JONAS)
        queue = runtime.approvals()
        queue.approve(queue.pending()[0].request_id, local_reviewer(), "saw the photo")
        await runtime.resume(waits.run_id)
        left = [
            f"{record.seq:>2}  {record.event.type:<19} {record.actor.kind:<10} {' '.join(record.payloads)}".rstrip()
            for record in runtime.journal.read(waits.run_id)
        ]
    assert left == fenced("one-call.md")["records"].splitlines()


# Workflows


def test_the_workflow_in_yaml_is_the_example() -> None:
    assert fenced("workflows.md")["refund_desk.yaml"] == (EXAMPLES / "refund_desk.yaml").read_text()


def test_the_workflow_in_python_has_the_digest_of_the_one_in_yaml() -> None:
    names: dict[str, Any] = {}
    exec(fenced("workflows.md")["python"], names)
    assert names["desk"].digest == Workflow.from_yaml(EXAMPLES / "refund_desk.yaml").digest


def test_each_bound_means_the_same_in_python_and_in_yaml() -> None:
    import licet as names

    table = document("workflows.md").partition("| Python | YAML |")[2].partition("\n\n")[0]
    rows = re.findall(r"^\| `(.+?)`.*? \| `(\{.+?\})`", table, re.MULTILINE)
    assert len(rows) == 6
    head = "name: a\nversion: 1\nowner: o\npurpose: p\ntools:\n- tool: t\n  args:\n    address.country: "
    for python, written in rows:
        bound = eval(python, vars(names) | {name: getattr(names, name) for name in names.__all__})
        listed = names.allow("t", **{"address.country": bound})
        made = Workflow(name="a", version="1", owner="o", purpose="p", tools=[listed])
        assert made.digest == Workflow.from_yaml(head + written + "\n").digest, python


def test_the_defaults_are_those_of_the_code() -> None:
    from licet import Limits, StopRules
    from licet.runtime.limits import seconds

    rows = re.findall(r"^\| `(limits|stop_rules)\.(\w+)` \| (.+?) \|", document("workflows.md"), re.MULTILINE)
    fields = {"limits": Limits(), "stop_rules": StopRules()}
    assert {(part, name) for part, name, _ in rows} == {
        (part, name) for part, made in fields.items() for name in type(made).model_fields
    }
    for part, name, said in rows:
        value = getattr(fields[part], name)
        if said == "none":
            assert not value
        else:
            assert value == (seconds(said.strip("`")) if said.startswith("`") else int(said)), name


# Policies


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    """The folder that policies.md describes."""
    try:
        toolchain.find()
    except OpaMissing as missing:
        if os.environ.get("LICET_CI") == "1":
            pytest.fail(str(missing))
        pytest.skip("there is nothing here to compile policies with")
    for name, content in fenced("policies.md").items():
        if "/" in name or name.endswith((".json", ".py", ".yaml")):
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(content)
    return tmp_path


def test_the_rules_do_as_the_page_says(rules: Path) -> None:
    licet(rules, "policy", "check", "rules")
    said = fenced("policies.md")["says"]
    assert licet(rules, "policy", "eval", "--input", "call.json", "--policies", "rules").startswith(said)
    licet(rules, "policy", "build", "rules", "-o", "refunds.tar.gz")
    nowhere = {"LICET_OPA": "/nowhere"}
    built = licet(rules, "policy", "eval", "--input", "call.json", "--policies", "refunds.tar.gz", **nowhere)
    assert built.startswith(said)


def test_a_change_is_replayed_and_shadowed_as_the_page_says(rules: Path) -> None:
    printed = fenced("policies.md")["printed"]
    reviewers = {"LICET_REVIEWERS": "reviewers.yaml"}
    assert called("python", rules, "desk.py", **reviewers) == printed
    shutil.copytree(rules / "rules", rules / "next")
    (rules / "next" / "refunds" / "data.json").write_text('{"large": 50}')
    assert "\n4 passed\n" in licet(rules, "policy", "test", "next")
    replayed = licet(rules, "policy", "replay", "--policies", "next", "--since", "1h")
    assert "2 would be the same, and 1 would change" in replayed
    assert re.search(
        r"^approval gained +\+refunds\.large +issue_refund +refund-desk@1 +1 ", replayed, re.MULTILINE
    )
    assert called("python", rules, "desk.py", "next", **reviewers) == printed
    report = licet(rules, "policy", "shadow", "--since", "1h")
    assert "2 times it said the same, and 1 times something else" in report
    assert re.search(r"^approval gained +\+refunds\.large ", report, re.MULTILINE)


def test_the_tests_of_the_rules_pass_and_come_to_every_line(rules: Path) -> None:
    assert "\n4 passed\n" in licet(rules, "policy", "test", "rules", "--coverage")
    told = json.loads(licet(rules, "policy", "test", "rules", "--coverage", "--json"))
    assert {rule["percent"] for rule in told["coverage"]["rules"]} == {100.0}


def test_the_rule_that_the_page_warns_of_is_found(rules: Path) -> None:
    place = rules / "rules" / "refunds.rego"
    text = place.read_text()
    small = "\nsmall if input.call.args.amount <= data.refunds.large\n"
    assert small in text
    place.write_text(
        text.replace(small, "").replace("not small", "input.call.args.amount > data.refunds.large")
    )
    (fault,) = json.loads(licet(rules, "policy", "check", "rules", "--json", code=1))["faults"]
    assert fault["reason"].startswith(fenced("policies.md")["found"].strip())
    accepted = document("policies.md").partition("# METADATA\n")[2].partition("```")[0]
    changed = place.read_text().replace("# Two people", f"# METADATA\n{accepted}# Two people", 1)
    place.write_text(
        changed.replace("# Two people of the group finance, unless the refund is shown to be small.\n", "")
    )
    licet(rules, "policy", "check", "rules")


def test_the_page_tells_every_lint(rules: Path) -> None:
    from licet.policies.lints import LINTS

    section = document("policies.md").partition("### What a check finds")[2].partition("Mind how")[0]
    assert set(re.findall(r"^\| `([\w-]+)` \|", section, re.MULTILINE)) == set(LINTS)


def test_a_bundle_is_signed_as_the_page_says(rules: Path) -> None:
    if shutil.which("openssl") is None:
        if os.environ.get("LICET_CI") == "1":
            pytest.fail("openssl is missing, and the checks need it")
        pytest.skip("openssl is not installed")
    section = (
        document("policies.md").partition("### Signed bundles")[2].partition("```sh\n")[2].partition("```")[0]
    )
    for line in section.splitlines():
        command, *words = line.split()
        program = BIN / "licet" if command == "licet" else command
        subprocess.run([program, *words], cwd=rules, check=True, capture_output=True)
    asked = ("policy", "eval", "--input", "call.json", "--policies")
    licet(rules, *asked, "refunds.tar.gz", LICET_VERIFICATION_KEY="policy.pub")
    licet(rules, *asked, "rules", code=2, LICET_VERIFICATION_KEY="policy.pub")


def test_the_rules_deny_a_suspended_account(rules: Path) -> None:
    call = json.loads((rules / "call.json").read_text())
    call["principal"]["roles"] = ["suspended"]
    (rules / "call.json").write_text(json.dumps(call))
    assert "suspended" in licet(
        rules, "policy", "eval", "--input", "call.json", "--policies", "rules", code=1
    )


def test_the_page_names_every_rule_of_the_library() -> None:
    rego = "".join(file.read_text() for file in (ROOT / "policies" / "rego").glob("*.rego"))
    rules = set(re.findall(r'"(licet\.\w+(?:\.\w+)?)"', rego))
    assert rules == set(
        re.findall(
            r"`(licet\.(?:effects|provenance|extensions|offering)\.\w+|licet\.default_deny)`",
            document("policies.md"),
        )
    )


def test_the_page_describes_every_key_of_input_and_decision() -> None:
    text = document("policies.md")
    for schema in ("input", "decision"):
        keys = json.loads((ROOT / "policies" / "schema" / f"{schema}.json").read_text())["properties"]
        assert [key for key in keys if f"`{key}`" not in text] == []


def capabilities() -> set[str]:
    return {
        item["name"] for item in json.loads((ROOT / "policies/capabilities.json").read_text())["builtins"]
    }


def named(text: str) -> set[str]:
    """The builtins that stand in a text between backticks; `.sha1` after `crypto.hmac.md5` is `crypto.hmac.sha1`."""
    names, family = set(), ""
    for name in re.findall(r"`((?:[a-z_0-9]+)?(?:\.[a-z_0-9]+|\.\*)*)`", text):
        whole = family + name if name.startswith(".") else name
        family = whole.rpartition(".")[0]
        names.add(whole)
    return names


def test_builtins_are_in_the_capabilities_as_the_page_says() -> None:
    section = document("policies.md").partition("## Builtins")[2]
    may, _, refused = section.partition("What is left out, such as")
    there = named(may) - {"walk"}
    assert len(there) > 8
    assert there <= capabilities()
    assert named(refused.partition("is refused")[0]).isdisjoint(capabilities())
    assert {"http.send", "time.now_ns"} <= named(refused)


def test_what_is_refused_is_refused_in_the_words_of_the_page(rules: Path) -> None:
    blocks = fenced("policies.md")
    said = licet(rules, "policy", "check", "other", code=1)
    assert blocks["refused"].strip() in said


def test_every_builtin_of_the_hosts_is_listed_and_no_other() -> None:
    from licet.policies.builtins import BUILTINS

    page = document("builtins.md")
    listed = page.partition("Licet gives these beside them:")[2].partition("Each is tested")[0]
    assert named(listed) == set(BUILTINS)
    assert str(len(BUILTINS)) in (ROOT / "CHANGELOG.md").read_text().partition("builtins beside")[0][-5:]


def test_what_is_left_out_is_left_out() -> None:
    rows = document("builtins.md").partition("## What is left out")[2].partition("\n## ")[0].splitlines()
    left_out = set().union(*(named(row.split(" | ")[0]) for row in rows if row.startswith("| `")))
    assert {"http.send", "indexof", "format_int", "json.unmarshal", "regex.replace"} <= left_out
    for name in left_out:
        if name.endswith(".*"):
            assert not any(known.startswith(name[:-1]) for known in capabilities()), name
        else:
            assert name not in capabilities()


# Operations


def test_every_environment_variable_is_told_and_no_other() -> None:
    code = [file for room in ROOMS for file in (ROOT / room).rglob("*.py")]
    code += [ROOT / "Makefile", *(ROOT / "tests").rglob("conftest.py")]
    read = set(re.findall(r"\bLICET_[A-Z_]+\b", "".join(file.read_text() for file in code)))
    table = document("operations.md").partition("## Environment variables")[2]
    assert set(re.findall(r"`(LICET_[A-Z_]+)`", table)) == read


@pytest.mark.parametrize("file", DOCUMENTS, ids=lambda file: file.name)
def test_each_command_that_is_named_exists_with_its_options(file: Path) -> None:
    import typer

    root = typer.main.get_command(commands)
    for line in re.findall(r"(?:^|`|bin/)licet ([a-z][^`#\n]*)", file.read_text(), re.MULTILINE):
        command: Any = root
        words = line.split()
        while hasattr(command, "commands") and words:
            assert words[0] in command.commands, line
            command = command.commands[words.pop(0)]
        options = {
            option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)
        }
        given = [word for word in words if word.startswith("-")]
        assert [option for option in given if option not in options] == [], line


def test_the_reviewers_file_is_one(tmp_path: Path) -> None:
    file = tmp_path / "reviewers.yaml"
    file.write_text(fenced("operations.md")["reviewers.yaml"])
    directory = FileDirectory(file)
    assert directory.groups("local:alice", "acme") == {"finance", "any"}
    assert directory.groups("local:bob", "other") == frozenset()
    assert directory.groups("local:carol", "other") == {"any"}
    assert directory.groups("local:mallory", "acme") == frozenset()
