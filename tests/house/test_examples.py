"""examples/: they load, they run as they say, and they stay short enough to read at once."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from house import BIN, ROOT

from licet import Answered, Principal, Suspended, local_reviewer
from licet.testing import ScriptedModel, answer, calls

EXAMPLES = ROOT / "examples"
JONAS = Principal("jonas")


@pytest.fixture(autouse=True)
def _found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.syspath_prepend(EXAMPLES)
    monkeypatch.setenv("LICET_APPROVAL_KEY", str(tmp_path / "keys" / "approval.key"))
    monkeypatch.delenv("LICET_APPROVAL_PUBLIC_KEYS", raising=False)
    monkeypatch.delenv("LICET_REVIEWERS", raising=False)


def desk(folder: Path, *amounts: str) -> Any:
    """The desk with a model that reads order O-1001, refunds these amounts of it and answers."""
    import refund_desk

    from licet import Priced

    refunds = [
        calls("issue_refund", {"order_id": "O-1001", "amount": amount}, says="it broke") for amount in amounts
    ]
    said = answer("It is paid back.", answer={"refunded": amounts[-1] if amounts else "0"})
    steps = [calls("read_order", {"order_id": "O-1001"}), *refunds, said]
    runtime = refund_desk.open_desk(Priced(ScriptedModel(steps), input="1", output="2"), folder)
    shop(folder).write("INSERT INTO orders VALUES (?, ?, ?)", "O-1001", "jonas", "149.00")
    return runtime


def shop(folder: Path) -> Any:
    import refund_desk

    return refund_desk.Shop(folder / "shop.db")


def paid_back(folder: Path) -> list[tuple[str, ...]]:
    found: list[tuple[str, ...]] = shop(folder).read("SELECT order_id, amount FROM refunds")
    return found


@pytest.mark.parametrize("file", sorted(EXAMPLES.iterdir()), ids=lambda file: file.name)
def test_an_example_is_short(file: Path) -> None:
    if file.is_file():
        assert len(file.read_text().splitlines()) <= 80


def test_the_examples_are_typed() -> None:
    web()
    # From the root, where `licet` is found and `make lint` has left its cache. Only the examples are judged.
    checked = subprocess.run(
        [BIN / "mypy", "--strict", "--follow-imports=silent", *sorted(EXAMPLES.glob("*.py"))],
        cwd=ROOT,
        env={**os.environ, "MYPYPATH": str(EXAMPLES)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout


async def test_the_desk_pays_back_what_needs_no_person(tmp_path: Path) -> None:
    async with desk(tmp_path, "20.00") as runtime:
        result = await runtime.run("refund-desk", "Order O-1001 is broken", JONAS)
    assert isinstance(result, Answered)
    assert result.answer == {"refunded": "20.00"}
    assert paid_back(tmp_path) == [("O-1001", "20.00")]


async def test_a_larger_refund_waits(tmp_path: Path) -> None:
    async with desk(tmp_path, "120.00") as runtime:
        result = await runtime.run("refund-desk", "Order O-1001 is broken", JONAS)
    assert isinstance(result, Suspended)
    assert paid_back(tmp_path) == []


async def test_a_stranger_gets_nothing_of_another_customers_order(tmp_path: Path) -> None:
    async with desk(tmp_path, "20.00") as runtime:
        await runtime.run("refund-desk", "Order O-1001 is mine", Principal("mallory"))
    assert paid_back(tmp_path) == []


def web() -> Any:
    """FastAPI's test client, which runs the app's lifespan."""
    try:
        from fastapi.testclient import TestClient
    except (ImportError, RuntimeError) as error:
        if os.environ.get("LICET_CI") == "1":
            pytest.fail(f"the web extra is missing, and the checks need it: {error}")
        pytest.skip("fastapi is not installed: pip install '.[web]'")
    return TestClient


CALLERS = {
    "jonas-token": JONAS,
    "mallory-token": Principal("mallory"),
    "globex": Principal("jonas", "globex"),
}


def as_caller(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def test_a_run_over_http_waits_and_is_resumed(tmp_path: Path) -> None:
    client_of = web()
    from fastapi_app import make_app

    runtime = desk(tmp_path, "120.00")
    with client_of(make_app(runtime, CALLERS)) as client:
        waits = client.post("/runs", json={"text": "It broke"}, headers=as_caller("jonas-token"))
        assert (waits.status_code, waits.json()["state"]) == (202, "waiting")
        resume = f"/runs/{waits.json()['run']}/resume"
        assert client.post(resume, headers=as_caller("jonas-token")).status_code == 202
        assert paid_back(tmp_path) == []
        queue = runtime.approvals()
        queue.approve(queue.pending()[0].request_id, local_reviewer())
        done = client.post(resume, headers=as_caller("jonas-token"))
    assert (done.status_code, done.json()["state"]) == (200, "answered")
    assert done.json()["answer"] == {"refunded": "120.00"}
    assert paid_back(tmp_path) == [("O-1001", "120.00")]


def test_a_run_is_resumed_by_whose_it_is_alone(tmp_path: Path) -> None:
    client_of = web()
    from fastapi_app import make_app

    with client_of(make_app(desk(tmp_path, "120.00"), CALLERS)) as client:
        run = client.post("/runs", json={"text": "It broke"}, headers=as_caller("jonas-token")).json()["run"]
        for token in ("mallory-token", "globex"):
            assert client.post(f"/runs/{run}/resume", headers=as_caller(token)).status_code == 404
        assert client.post("/runs/nowhere/resume", headers=as_caller("jonas-token")).status_code == 404
        for headers in (as_caller("guessed"), {}):
            assert client.post("/runs", json={"text": "It broke"}, headers=headers).status_code == 401


def test_the_app_starts_as_its_first_lines_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    client_of = web()
    from fastapi_app import from_environment

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DESK_MODEL", "openai:gpt-5")
    monkeypatch.setenv("OPENAI_API_KEY", "not-a-key")
    monkeypatch.setenv("DESK_TOKEN", "jonas-token")
    with client_of(from_environment()) as client:
        assert client.post("/runs/nowhere/resume", headers=as_caller("jonas-token")).status_code == 404
    assert (tmp_path / "licet.db").exists()
