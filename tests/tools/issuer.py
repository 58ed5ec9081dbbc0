"""An identity provider for tests: real keys, a real HTTP server on a real socket, and a clock that is moved by hand."""

from __future__ import annotations

import hmac
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from joserfc import jws
from joserfc.jwk import Key, import_key
from joserfc.util import urlsafe_b64encode

NOW = datetime(2026, 1, 2, 12, 0, tzinfo=UTC)
AUDIENCE = "desk"
KINDS = {"RS256": ("RSA", 2048), "ES256": ("EC", "P-256"), "Ed25519": ("OKP", "Ed25519")}


class Hands:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.time = NOW

    def now(self) -> datetime:
        return self.time

    def pass_by(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)


@cache
def private_key(kid: str, algorithm: str = "ES256") -> Key:
    """The same key for the same id, made once."""
    from joserfc.jwk import generate_key

    kind, size = KINDS[algorithm]
    key: Any = generate_key(kind, size)  # type: ignore[call-overload]
    return import_key(key.as_dict(private=True) | {"kid": kid, "use": "sig"})


def public(*keys: Key) -> dict[str, Any]:
    return {"keys": [key.as_dict(private=False) for key in keys]}


class Issuer:
    """Publishes keys and signs tokens.

    Attributes:
        keys: those published.
        down: it answers 503.
        body: what it answers instead of its keys.
        asked: the paths it was asked for.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.keys: list[Key] = [private_key("one")]
        self.down = False
        self.body: bytes | None = None
        self.configuration: dict[str, Any] = {"issuer": url, "jwks_uri": f"{url}/keys"}
        self.asked: list[str] = []

    @property
    def fetches(self) -> int:
        return self.asked.count("/keys")

    def claims(self, **changes: Any) -> dict[str, Any]:
        """Claims that hold; None takes one out."""
        moment = int(NOW.timestamp())
        claims = {"iss": self.url, "aud": AUDIENCE, "sub": "alice", "iat": moment, "exp": moment + 300}
        return {name: value for name, value in (claims | changes).items() if value is not None}

    def token(self, key: Key | bytes | None = None, algorithm: str = "ES256", **changes: Any) -> str:
        header = changes.pop("header", {})
        return signed(self.claims(**changes), key or self.keys[0], algorithm, header)


def signed(
    claims: dict[str, Any] | bytes, key: Key | bytes, algorithm: str = "ES256", header: Any = None
) -> str:
    """A token of whatever is given, as somebody who holds the key, or these bytes as a secret, could make it."""
    named = {} if isinstance(key, bytes) or not key.kid else {"kid": key.kid}
    members = {"alg": algorithm, "typ": "JWT"} | named | (header or {})
    members = {name: value for name, value in members.items() if value is not None}
    payload = claims if isinstance(claims, bytes) else json.dumps(claims).encode()
    first = urlsafe_b64encode(json.dumps(members).encode()) + b"." + urlsafe_b64encode(payload)
    if isinstance(key, bytes):
        signature = hmac.digest(key, first, f"sha{algorithm[2:]}")
    else:
        name = "Ed25519" if algorithm == "EdDSA" else algorithm
        signature = jws.JWSRegistry.algorithms[name].sign(first, key)
    return (first + b"." + urlsafe_b64encode(signature)).decode()


@contextmanager
def serving() -> Iterator[Issuer]:
    """The issuer on a port of its own."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            issuer.asked.append(self.path)
            status, body = 200, json.dumps(public(*issuer.keys)).encode()
            if self.path == "/.well-known/openid-configuration":
                body = json.dumps(issuer.configuration).encode()
            elif self.path == "/moved":
                status = 302
            elif issuer.body is not None:
                body = issuer.body
            if issuer.down:
                status, body = 503, b"closed"
            self.send_response(status)
            if status == 302:
                self.send_header("Location", f"{issuer.url}/keys")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    issuer = Issuer(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield issuer
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
