"""docs/library.md and docs/cookbook.md: each name on them is in the Rego, and each rule and policy is on them."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from house import BIN, ROOT

LIBRARY = ROOT / "policies" / "rego" / "library"
COOKBOOK = ROOT / "examples" / "policies"
PAGES = {name: (ROOT / "docs" / name).read_text() for name in ("library.md", "cookbook.md", "policies.md")}
POLICIES = sorted(place.name for place in COOKBOOK.iterdir() if place.is_dir())
FENCED = re.compile(r"<!-- (\S+) -->\n+```rego\n(.*?)```", re.DOTALL)

RULES = {
    f"{file.stem}.{name}": arguments.count("_") if arguments else None
    for file in LIBRARY.glob("*.rego")
    for name, arguments in re.findall(r"^default ([a-z]\w*)(\([^)]*\))? :=", file.read_text(), re.MULTILINE)
}
"""Every rule that users call, with the number of its arguments; None when it is no function."""


def section(page: str, title: str) -> str:
    return PAGES[page].partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def test_the_page_names_every_rule_of_the_library_as_it_is_called() -> None:
    assert len(RULES) > 30
    for package in {name.partition(".")[0] for name in RULES}:
        rows = re.findall(
            r"^\| `(\w+\.\w+)(?:\(([^)]*)\))?` \|", section("library.md", package), re.MULTILINE
        )
        told = {name: len(arguments.split(", ")) if arguments else None for name, arguments in rows}
        assert told == {name: number for name, number in RULES.items() if name.startswith(f"{package}.")}, (
            package
        )


@pytest.mark.parametrize("page", PAGES)
def test_every_rule_that_is_called_on_a_page_is_there(page: str) -> None:
    packages = "|".join({name.partition(".")[0] for name in RULES})
    called = re.findall(rf"\b((?:{packages})\.[a-z]\w*)\b(?!\.)(?=[(`])", PAGES[page])
    assert {name for name in called if name not in RULES} <= {"limits.calls_per_tool"}
    if page != "policies.md":
        assert called


def test_each_policy_of_the_cookbook_has_its_section() -> None:
    sections = PAGES["cookbook.md"].split("\n## ")[1:]
    linked = [re.search(r"\[(\w+)\]\(\.\./examples/policies/(\w+)\)", text) for text in sections]
    assert [found and found[1] for found in linked] == [found and found[2] for found in linked]
    assert sorted(found[1] for found in linked if found) == POLICIES
    for text, found in zip(sections, linked, strict=True):
        assert found
        policy = (COOKBOOK / found[1] / "policy.rego").read_text()
        assert [name for name, _ in FENCED.findall(text)] == [found[1]]
        for tag in re.findall(r'"([\w.]+)" in input\.tool\.tags', policy):
            assert f"`{tag}`" in text, (found[1], tag)
        for field in re.findall(r"context\.resource\.(\w+)|requester_may_not_approve\(\"(\w+)\"\)", policy):
            assert f"`{''.join(field)}`" in text, (found[1], field)


@pytest.mark.parametrize(("name", "excerpt"), FENCED.findall(PAGES["cookbook.md"]))
def test_what_the_cookbook_shows_stands_in_the_policy(name: str, excerpt: str) -> None:
    assert excerpt in (COOKBOOK / name / "policy.rego").read_text()


@pytest.mark.parametrize("name", POLICIES)
def test_a_policys_data_stands_under_its_name(name: str) -> None:
    policy, data = (COOKBOOK / name / "policy.rego").read_text(), COOKBOOK / name / "data.json"
    assert policy.startswith("# METADATA\n# title: ")
    read = set(re.findall(r"\bdata\.(?!licet\.)(\w+)", policy))
    assert read == (set(json.loads(data.read_text())) if data.exists() else set())
    assert read <= {name}


def licet(folder: Path, *words: str) -> str:
    if shutil.which(os.environ.get("LICET_OPA", "opa")) is None:
        if os.environ.get("LICET_CI") == "1":
            pytest.fail("opa is missing, and the checks need it")
        pytest.skip("opa is not installed")
    done = subprocess.run(
        [BIN / "licet", *words],
        cwd=folder,
        env={**os.environ, "NO_COLOR": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_example_of_the_library_is_sound(tmp_path: Path) -> None:
    ((name, policy),) = FENCED.findall(PAGES["library.md"])
    (tmp_path / "rules").mkdir()
    (tmp_path / name).write_text(policy)
    (tmp_path / "rules" / "data.json").write_text('{"payments": {"most": 100}}')
    licet(tmp_path, "policy", "check", "rules")


def test_several_policies_go_into_one_folder(tmp_path: Path) -> None:
    rules = tmp_path / "rules"
    for name in POLICIES:
        shutil.copytree(COOKBOOK / name, rules / name)
        data = rules / name / "data.json"
        if data.exists():
            data.write_text(json.dumps(json.loads(data.read_text())[name]))
    licet(tmp_path, "policy", "check", "rules")
    licet(tmp_path, "policy", "test", "rules")


def test_a_policy_is_taken_as_the_page_says(tmp_path: Path) -> None:
    (commands,) = re.findall(r"```sh\n(.*?)```", PAGES["cookbook.md"], re.DOTALL)
    for line in commands.splitlines():
        words = line.partition("#")[0].split()
        if words[0] == "cp":
            shutil.copytree(ROOT / words[2], tmp_path / words[3])
        else:
            licet(tmp_path, *words[1:])


def test_the_page_on_policies_leads_to_both() -> None:
    assert "](library.md)" in PAGES["policies.md"]
    assert "](cookbook.md)" in PAGES["policies.md"]
