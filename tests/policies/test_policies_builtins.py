"""Each builtin that Licet gives a compiled policy, against OPA itself on generated arguments."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import tarfile
from collections.abc import Callable
from decimal import Decimal
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import Any

import orjson
import pytest
from builtin_arguments import ARGUMENTS, SETS
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from licet.policies.builtins import BUILTINS
from licet.policies.library import CAPABILITIES
from licet.policies.wasm import EvaluationFailed, Policy, PolicyInstance, prepare

ENTRYPOINT = "probe/answer"
STOPPED = "stopped"


def rule(name: str) -> str:
    """A rule that calls a builtin on each row of arguments; the ones that SETS names are made sets first."""
    arity = len(signature(name.partition("/")[0]))
    chosen = SETS.get(name, ())
    arguments = ", ".join(
        f"{{x | some x in row[{at}]}}" if at in chosen else f"row[{at}]" for at in range(arity)
    )
    call = f"{name.partition('/')[0]}({arguments})"
    return f'answer contains [i, value] if {{\n\tsome i, row in input["{name}"]\n\tvalue := {call}\n}}\n'


def signature(name: str) -> list[Any]:
    (found,) = (
        builtin for builtin in orjson.loads(CAPABILITIES.read_bytes())["builtins"] if builtin["name"] == name
    )
    arguments: list[Any] = found["decl"].get("args", [])
    return arguments


@pytest.fixture(scope="module")
def probe(real_opa: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Policy, Callable[[object], Any]]:
    """One policy that calls them all: compiled for this process, and asked of OPA."""
    folder = tmp_path_factory.mktemp("probe")
    (folder / "probe.rego").write_text("package probe\n\n" + "\n".join(rule(name) for name in ARGUMENTS))
    build = ["build", "-t", "wasm", "-e", ENTRYPOINT, "--capabilities", str(CAPABILITIES), "probe.rego"]
    subprocess.run([real_opa, *build], cwd=folder, check=True)
    with tarfile.open(fileobj=BytesIO((folder / "bundle.tar.gz").read_bytes())) as archive:
        content = archive.extractfile("/policy.wasm")
        assert content is not None
        policy = prepare(content.read(), b"{}", ENTRYPOINT, 5.0)
    zones = find_spec("tzdata")
    assert zones is not None
    assert zones.origin is not None
    environment = {**os.environ, "TZ": "UTC", "ZONEINFO": str(Path(zones.origin).parent / "zoneinfo")}

    def ask(document: object) -> Any:
        done = subprocess.run(
            [real_opa, "eval", "-d", "probe.rego", "-I", "-f", "raw", "data.probe.answer"],
            cwd=folder,
            env=environment,
            input=dumps(document),
            capture_output=True,
            check=False,
            timeout=30,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30)),
        )
        assert done.returncode == 0, done.stderr.decode()
        return loads(done.stdout)

    return policy, ask


def dumps(document: object) -> bytes:
    return json.dumps(document, ensure_ascii=False).encode()


def loads(text: bytes) -> Any:
    return json.loads(text, parse_int=Decimal, parse_float=Decimal)


def ordered(value: Any) -> Any:
    """The same for two answers that differ in the order of their sets alone."""
    if isinstance(value, list):
        return sorted((ordered(item) for item in value), key=repr)
    if isinstance(value, dict):
        return {key: ordered(value[key]) for key in sorted(value)}
    return value.normalize() if isinstance(value, Decimal) else value


@pytest.mark.parametrize("name", sorted(ARGUMENTS))
def test_a_builtin_answers_as_opa_does(probe: tuple[Policy, Callable[[object], Any]], name: str) -> None:
    policy, ask = probe
    instances = [PolicyInstance(policy)]
    wrong: list[str] = []
    counts = {"defined": 0, "undefined": 0, STOPPED: 0}

    def here(row: list[Any]) -> Any:
        try:
            (result,) = loads(instances[0].evaluate(dumps({name: [row]})))
        except EvaluationFailed as failure:
            if "stopped" not in str(failure) or " failed" in str(failure):
                wrong.append(f"{name} of {json.dumps(row)}: {failure}")
            instances[0] = PolicyInstance(policy)
            return STOPPED
        return [value for _, value in result["result"]]

    @settings(
        max_examples=12,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.explicit, Phase.generate],
        derandomize=True,
        database=None,
    )
    @given(st.lists(ARGUMENTS[name].map(list), min_size=40, max_size=40))
    def compare(rows: list[list[Any]]) -> None:
        theirs: dict[int, list[Any]] = {}
        for index, value in ask({name: rows}):
            theirs.setdefault(int(index), []).append(value)
        for index, row in enumerate(rows):
            ours, wanted = here(row), theirs.get(index, [])
            if ours == STOPPED:
                counts[STOPPED] += 1
                continue
            ours, wanted = (ours, wanted) if name in IN_ORDER else (ordered(ours), ordered(wanted))
            if ours != wanted:
                wrong.append(f"{name} of {json.dumps(row)}: OPA says {wanted}, and here it is {ours}")
            counts["defined" if wanted else "undefined"] += 1

    compare()
    assert not wrong, "\n".join(wrong[:10])
    # A test in which nothing is answered, or nothing fails, or most is left out, would show little.
    total = sum(counts.values())
    assert counts["defined"] > total / 10, counts
    assert counts["undefined"] or name.partition("/")[0] in TOTAL, counts
    assert counts[STOPPED] < total / 4, counts


TOTAL = {"object.subset", "semver.is_valid", "net.cidr_is_valid"}
"""Builtins that have a value for whatever the generated arguments are."""

IN_ORDER = {name for name in ARGUMENTS if not name.startswith(("net.", "graph."))}
"""Builtins whose answer holds no set."""


def test_every_builtin_is_tested() -> None:
    assert {name.partition("/")[0] for name in ARGUMENTS} == set(BUILTINS)


def test_every_builtin_may_be_called() -> None:
    names = {builtin["name"] for builtin in orjson.loads(CAPABILITIES.read_bytes())["builtins"]}
    assert set(BUILTINS) <= names
