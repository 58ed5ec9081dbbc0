"""docs/authorization.md: its app works as it stands, but for the name of the issuer."""

from __future__ import annotations

import os
import re
import sys
import types
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from issuer import Issuer, serving

from licet import Pending, Principal, Runtime, Workflow, allow, tool

PAGE = (Path(__file__).parents[2] / "docs" / "authorization.md").read_text()


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    with serving() as found:
        yield found


@pytest.fixture
def app(issuer: Issuer, monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    """The module in the page; FastAPI finds its annotations in it."""
    if not _has_fastapi():
        if os.environ.get("LICET_CI") == "1":
            pytest.fail("the web extra is missing, and the checks need it")
        pytest.skip("fastapi is not installed: pip install '.[web]'")
    (text,) = re.findall(r"<!-- app\.py -->\n+```python\n(.*?)```", PAGE, re.DOTALL)
    module = types.ModuleType("authorization_app")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    exec(text.replace("https://login.example/realms/shop", issuer.url), vars(module))
    return module


@tool(effect="irreversible")
def wipe() -> str:
    """Wipe it."""
    return "wiped"


async def test_the_app_knows_its_callers_and_gives_each_their_own_runs(
    app: Any, issuer: Issuer, tmp_path: Path
) -> None:
    from fastapi.testclient import TestClient

    workflow = Workflow(name="w", version="1", owner="o", purpose="p", tools=[allow(wipe)], previews="none")
    url = f"sqlite:///{tmp_path}/licet.db"
    async with Runtime(url, workflows=[workflow]) as runtime:
        async with runtime.session("w", Principal("alice", "acme")) as run:
            assert isinstance(await run.call("wipe", {}), Pending)
    moment = datetime.now(UTC).timestamp()

    def bearer(**claims: Any) -> dict[str, str]:
        times = {"iat": moment, "exp": moment + 300, "aud": "refund-desk", "org": {"id": "acme"}}
        return {"Authorization": f"Bearer {issuer.token(**times | claims)}"}

    client_of = app.make_app(Runtime(url, workflows=[workflow]))
    with TestClient(client_of) as client:
        path = f"/runs/{run.id}/resume"
        mine = client.post(path, headers=bearer())
        assert (mine.status_code, mine.json()) == (200, "Suspended")
        assert client.post(path, headers=bearer(org={"id": "globex"})).status_code == 404
        assert client.post(path, headers=bearer(sub="mallory")).status_code == 404
        late = client.post(path, headers=bearer(exp=moment - 120))
        assert late.status_code == 401 and "expired" in late.json()["detail"]
        assert late.headers["www-authenticate"] == 'Bearer error="invalid_token"'
        assert client.post(path, headers=bearer(org=None)).status_code == 401
        assert client.post(path).status_code in (401, 403)


async def test_an_outage_is_no_refusal(app: Any, issuer: Issuer, tmp_path: Path) -> None:
    from fastapi.testclient import TestClient

    issuer.down = True
    workflow = Workflow(name="w", version="1", owner="o", purpose="p", tools=[allow(wipe)], previews="none")
    client_of = app.make_app(Runtime(f"sqlite:///{tmp_path}/licet.db", workflows=[workflow]))
    with TestClient(client_of) as client:
        headers = {"Authorization": f"Bearer {issuer.token()}"}
        assert client.post("/runs/x/resume", headers=headers).status_code == 503


def _has_fastapi() -> bool:
    try:
        import fastapi.testclient  # noqa: F401
    except (ImportError, RuntimeError):
        return False
    return True
