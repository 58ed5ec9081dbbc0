"""The bundle for an OPA server names the same policy set, holds all of it, and is the same bytes each time."""

from __future__ import annotations

import subprocess
import sys
import tarfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import orjson
import pytest
from asking import INPUT, decide
from opa_process import OpaProcess
from test_policies_compose import LIMIT

from licet.policies import OpaServer, PolicyEngine, PolicyError, load
from licet.policies.load import policy_set
from licet.policies.server_bundle import for_server

Make = Callable[..., Path]


def pack(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "licet.policies.server_bundle", *arguments],
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_shipped_set_is_packed_without_opa(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, shipped: PolicyEngine
) -> None:
    monkeypatch.setenv("LICET_OPA", "/nowhere/opa")
    file = tmp_path / "licet.tar.gz"
    done = pack(str(file))
    assert done.returncode == 0, done.stderr
    assert shipped.revision in done.stdout
    assert file.read_bytes() == for_server(policy_set())


def test_opa_finds_nothing_wrong_with_it_and_it_holds_the_decision(real_opa: Path, tmp_path: Path) -> None:
    (tmp_path / "licet.tar.gz").write_bytes(for_server(policy_set()))
    done = subprocess.run(
        [real_opa, "check", "--strict", "--bundle", "licet.tar.gz"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    shown = subprocess.run(
        [real_opa, "inspect", "licet.tar.gz"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert load().revision[:20] in shown.stdout


async def test_a_folder_and_the_bundle_that_was_compiled_of_it_make_the_same(
    real_opa: Path, folder: Make, tmp_path: Path
) -> None:
    place = folder(limits=LIMIT, data_dot_json='{"limits": {"most": 10}}')
    compiled = tmp_path / "mine.tar.gz"
    compiled.write_bytes(load(place).bundle)
    file = tmp_path / "server.tar.gz"
    file.write_bytes(for_server(policy_set(place)))
    assert file.read_bytes() == for_server(policy_set(compiled))
    with OpaProcess(tmp_path, "--bundle", str(file)) as opa:
        async with OpaServer(opa.url, policies=compiled) as engine:
            assert engine.revision == load(place).revision
            assert engine.bundle == load(place).bundle
            decision = await decide(engine, INPUT)
    ours = await decide(load(place), INPUT)
    assert not ours.allow
    assert decision == ours.model_copy(update={"engine": "opa"})


def test_rego_that_was_compiled_away_is_not_left_out_in_silence(
    real_opa: Path, folder: Make, tmp_path: Path
) -> None:
    place = folder(
        shop='package licet.user.shop\n\n# METADATA\n# entrypoint: true\ndeny contains {"rule": "a", "message": "b"}\n'
    )
    with pytest.raises(PolicyError, match="entrypoint: true"):
        for_server(policy_set(place))
    done = pack(str(tmp_path / "x.tar.gz"), "--policies", str(place))
    assert done.returncode == 2
    assert "entrypoint: true" in done.stderr
    assert not (tmp_path / "x.tar.gz").exists()


def test_a_place_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    done = pack(str(tmp_path / "no" / "x.tar.gz"))
    assert done.returncode == 2
    assert "cannot be written" in done.stderr


@pytest.mark.parametrize(
    ("body", "roots"),
    [
        ('grant contains "x" if input.tool.name in data.limits.names', ["licet", "limits", "other"]),
        ('grant contains "x" if data["two words"].y', ["licet", "other", "two words"]),
        ("# data.commented is read by nobody, nor is data\n", ["licet", "other"]),
        ('grant contains "x" if data["a/b"]', [""]),
    ],
)
def test_it_owns_what_its_rego_reads(real_opa: Path, folder: Make, body: str, roots: list[str]) -> None:
    place = folder(a=f"package licet.user.a\n\n{body}\n", b="package other.shared\n\nx := 1\n")
    with tarfile.open(fileobj=BytesIO(for_server(policy_set(place)))) as archive:
        manifest = archive.extractfile(".manifest")
        assert manifest is not None
        assert orjson.loads(manifest.read())["roots"] == roots


async def test_files_of_any_name_come_along(real_opa: Path, folder: Make, tmp_path: Path) -> None:
    deep = "__".join(["a_folder_with_a_long_name"] * 8 + ["grüße"])
    place = folder(**{deep: LIMIT}, data_dot_json='{"limits": {"most": 10}}')
    (tmp_path / "server.tar.gz").write_bytes(for_server(policy_set(place)))
    with OpaProcess(tmp_path, "--bundle", str(tmp_path / "server.tar.gz")) as opa:
        async with OpaServer(opa.url, policies=place) as engine:
            assert not (await decide(engine, INPUT)).allow


def test_a_rule_that_works_out_what_it_reads_is_refused(real_opa: Path, folder: Make) -> None:
    """So that the names in the Rego are all that it reads."""
    with pytest.raises(PolicyError, match="recursive"):
        policy_set(
            folder(a="package licet.user.a\n\ngrant contains x if some x, _ in data[input.tool.name]\n")
        )
