"""OPA fetches the bundle from a web server, by its own bundle mechanism."""

from __future__ import annotations

import asyncio
import hashlib
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from asking import INPUT, decide
from opa_process import OpaProcess

from licet.policies import OpaServer, PolicyUnavailable
from licet.policies.load import policy_set
from licet.policies.server_bundle import for_server


class Shelf:
    """A web server with one bundle on it, or none."""

    def __init__(self) -> None:
        self.content: bytes | None = None
        shelf = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                content = shelf.content
                etag = f'"{hashlib.sha256(content or b"").hexdigest()}"'
                if content is None:
                    self.send_error(404)
                elif self.headers.get("If-None-Match") == etag:
                    self.send_response(304)
                    self.end_headers()
                else:
                    self.send_response(200)
                    self.send_header("ETag", etag)
                    self.send_header("Content-Type", "application/gzip")
                    self.send_header("Content-Length", str(len(content)))
                    self.end_headers()
                    self.wfile.write(content)

            def log_message(self, format: str, *arguments: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def shelf() -> Iterator[Shelf]:
    made = Shelf()
    yield made
    made.close()


@pytest.fixture
def server(real_opa: Path, shelf: Shelf, tmp_path: Path) -> Iterator[OpaProcess]:
    settings = (
        f"services.shelf.url={shelf.url}",
        "bundles.licet.service=shelf",
        "bundles.licet.resource=licet.tar.gz",
        "bundles.licet.polling.min_delay_seconds=1",
        "bundles.licet.polling.max_delay_seconds=1",
    )
    with OpaProcess(tmp_path, *(word for setting in settings for word in ("--set", setting))) as process:
        yield process


async def test_the_engine_waits_until_opa_has_the_bundle(shelf: Shelf, server: OpaProcess) -> None:
    with pytest.raises(PolicyUnavailable, match="not healthy"):
        await OpaServer(server.url, ready_within=0.5).start()
    engine = OpaServer(server.url, ready_within=60)
    starting = asyncio.create_task(engine.start())
    await asyncio.sleep(0)
    shelf.content = for_server(policy_set())
    await starting
    try:
        assert (await decide(engine, INPUT)).allow
    finally:
        await engine.close()


async def test_a_new_revision_is_waited_for_and_the_old_one_decides_no_more(
    shelf: Shelf, server: OpaProcess, folder: Callable[..., Path]
) -> None:
    stricter = folder(
        shop='package licet.user.shop\n\ndeny contains {"rule": "shop.closed", "message": "closed"} if true\n'
    )
    shelf.content = for_server(policy_set())
    old, new = (
        OpaServer(server.url, ready_within=60),
        OpaServer(server.url, policies=stricter, ready_within=60),
    )
    async with old:
        assert (await decide(old, INPUT)).allow
        shelf.content = for_server(policy_set(stricter))
        async with new:
            decision = await decide(new, INPUT)
            assert not decision.allow
            assert decision.revision == new.revision
            with pytest.raises(PolicyUnavailable, match=new.revision):
                await decide(old, INPUT)
        shelf.content = None  # what OPA has, it keeps
        shelf.content = for_server(policy_set())
        async with OpaServer(server.url, ready_within=60) as back:
            assert (await decide(back, INPUT)).allow
        assert (await decide(old, INPUT)).allow


async def test_a_broken_bundle_leaves_the_old_one_in_force(shelf: Shelf, server: OpaProcess) -> None:
    shelf.content = for_server(policy_set())
    async with OpaServer(server.url, ready_within=60) as engine:
        assert (await decide(engine, INPUT)).allow
        shelf.content = b"no bundle"
        async with asyncio.timeout(60):
            while "Bundle load failed" not in server.log.read_text():
                assert (await decide(engine, INPUT)).allow
        assert (await decide(engine, INPUT)).allow
