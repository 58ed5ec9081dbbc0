"""Policy asked of an OPA server over its REST API: https://www.openpolicyagent.org/docs/rest-api."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

import orjson

from licet.audit.clock import new_id
from licet.audit.errors import ConfigurationError
from licet.audit.events import Decided
from licet.policies.answer import check, parse
from licet.policies.bundle import ENTRYPOINT, OFFERED
from licet.policies.decision import decided, denied
from licet.policies.engine import PolicyUnavailable
from licet.policies.errors import Fault, PolicyError
from licet.policies.json_text import normal
from licet.policies.load import policy_set
from licet.policies.offer import Offer, offer

if TYPE_CHECKING:
    from aiohttp import ClientSession

_AWAY = frozenset({408, 429, 502, 503, 504})
"""What a server that is starting, stopping or overrun says, or a proxy before one that is gone."""

_FIRST_PAUSE, _LONGEST_PAUSE = 0.01, 0.2
"""Seconds between two tries of one decision."""

_LONGEST_CAUSE = 500
"""So many characters of an error of OPA's go into the record."""


class _NoAnswer(Exception):
    """OPA has answered, and it is no decision; the message says why, in words that follow "no decision:"."""


class OpaServer:
    """The policy engine that asks an OPA server. Open it before use: `async with OpaServer(url) as engine:`.

    The server must serve the policy set that is meant here, as the bundle that `licet.policies.server_bundle` makes of
    it; every answer is held against its revision. One keep-alive session serves any number of decisions at once, all
    on the event loop that it was opened on.
    """

    name = "opa"

    def __init__(
        self,
        url: str,
        *,
        policies: Path | str | None = None,
        deadline: float = 1.0,
        ready_within: float = 10.0,
        token: str | None = None,
        certificate: str | tuple[str, str] | None = None,
    ) -> None:
        """Nothing is sent before it is opened.

        Args:
            url: where OPA listens, such as `http://127.0.0.1:8181`.
            policies: the policy set that OPA is to decide by, as for `licet.policies.load`. It goes into the journal,
                so that each decision can be replayed.
            deadline: a decision that takes OPA longer, in seconds, is none. Until then a connection that breaks or
                is refused is tried again.
            ready_within: how long to wait, in seconds, for OPA to be healthy and serve the policy set.
            token: sent as a bearer token.
            certificate: the client's certificate for TLS, a file that holds its key too, or certificate and key.

        Raises:
            PolicyError: the policy set, the URL or a time cannot be used.
            OpaMissing: a folder was given and there is no `opa` to compile it.
        """
        self._host, self._port, self._tls = _address(url)
        self.url = f"{'https' if self._tls else 'http'}://{self._host}:{self._port}"
        for what, seconds in (("deadline of a decision", deadline), ("time to get ready", ready_within)):
            if not 0 < seconds <= 60:
                raise PolicyError(Fault(f"the {what} is between 0 and 60 seconds, not {seconds}"))
        self._policies = policies
        bundle = policy_set(policies)
        self.bundle, self.revision = bundle.raw, bundle.revision
        self._deadline, self._ready_within = deadline, ready_within
        self._token, self._certificate = token, certificate
        self._client: Any = None
        self._session: ClientSession | None = None
        self._under_way = 0
        self._idle: asyncio.Event | None = None

    def reloaded(self, policies: Path | str | None = None) -> OpaServer:
        """An engine that asks the same server, for the policy set at `policies`, and is not open.

        Args:
            policies: None for those that this one was given, as they stand now.

        Raises:
            PolicyError: the policy set cannot be used.
            OpaMissing: it is a folder and there is no `opa` to compile it.
        """
        return OpaServer(
            self.url,
            policies=self._policies if policies is None else policies,
            deadline=self._deadline,
            ready_within=self._ready_within,
            token=self._token,
            certificate=self._certificate,
        )

    async def start(self) -> None:
        """Open the session, and wait until OPA is healthy, its bundles are active and the policy set is ours.

        Raises:
            PolicyUnavailable: OPA is down, or serves another policy set.
            ConfigurationError: the `opa` extra is not installed.
        """
        if self._session is not None:
            return
        try:
            from opa_client import AsyncOpaClient  # type: ignore[import-untyped]  # with aiohttp 150 ms to import
        except ImportError:
            raise ConfigurationError("OpaServer needs the opa extra: pip install 'licet[opa]'") from None
        client = AsyncOpaClient(
            host=self._host,
            port=self._port,
            ssl=self._tls,
            cert=self._certificate,
            token=self._token,
            retries=0,
            timeout=self._deadline,
        )
        self._client = await client.__aenter__()
        self._session = client._session
        try:
            await self._wait_until_ready()
        except BaseException:
            await self.close()
            raise

    async def _wait_until_ready(self) -> None:
        from opa_client.errors import ConnectionsError  # type: ignore[import-untyped]

        loop = asyncio.get_running_loop()
        end = loop.time() + self._ready_within
        try:
            await self._client.wait_for_ready(
                timeout=self._ready_within, interval=_LONGEST_PAUSE, query={"bundles": "true"}
            )
        except ConnectionsError:
            raise PolicyUnavailable(
                f"OPA at {self.url} was not healthy, with its bundles active, within {self._ready_within} seconds"
            ) from None
        while True:
            try:
                # OPA compiles a query when it is first asked, which may take longer than a decision has.
                decision, offer = await self.decide(b"{}", new_id()), await self.offered(b"{}", new_id())
            except PolicyUnavailable:
                if loop.time() >= end:
                    raise
            else:
                if cause := decision.cause or offer.cause:
                    raise PolicyUnavailable(f"OPA at {self.url} gives no decision: {cause}")
                return
            await asyncio.sleep(_LONGEST_PAUSE)

    async def close(self) -> None:
        """Close the session, once the decisions that are under way have ended."""
        client, self._client, self._session = self._client, None, None
        if client is None:
            return
        try:
            if self._under_way:
                self._idle = asyncio.Event()
                await self._idle.wait()
        finally:
            await client.close_connection()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def decide(self, input: bytes, decision_id: str) -> Decided:
        """The decision on `input`. What OPA answers with an error, or in another form, is a denial with a cause.

        Raises:
            PolicyUnavailable: OPA is down, slow, or does not serve the policy set that is meant.
            ConfigurationError: the engine is not open.
        """
        try:
            document = await self._ask(ENTRYPOINT, input, decision_id)
        except _NoAnswer as error:
            return denied(str(error), decision_id=decision_id, revision=self.revision, engine=self.name)
        return decided(document, decision_id=decision_id, revision=self.revision, engine=self.name)

    async def offered(self, input: bytes, decision_id: str) -> Offer:
        """What a run is offered. What OPA answers with an error, or in another form, offers nothing.

        Raises:
            PolicyUnavailable, ConfigurationError: as for `decide`.
        """
        try:
            document = await self._ask(OFFERED, input, decision_id)
        except _NoAnswer as error:
            return Offer(decision_id, self.revision, self.name, cause=str(error))
        return offer(document, decision_id=decision_id, revision=self.revision, engine=self.name)

    async def _ask(self, entrypoint: str, input: bytes, decision_id: str) -> Any:
        try:
            check(input)  # only a whole document stays within its place in the request
        except ValueError:
            raise _NoAnswer("the input is no JSON") from None
        # The text goes as it is: the client's own query would read it and lose digits. OPA puts what stands beside
        # the input into its decision log, under custom.request_metadata.
        body = b'{"licet":{"decision_id":%b},"input":%b}' % (orjson.dumps(decision_id), normal(input))
        status, raw = await self._post(f"{self.url}/v1/data/{entrypoint}?provenance=true", body)
        try:
            answer = parse(raw)
        except (ValueError, RecursionError):
            answer = None
        if status != 200:
            raise _NoAnswer(f"OPA answered {status}{_said(answer)}")
        if type(answer) is not dict or type(answer.get("provenance")) is not dict:
            raise _NoAnswer("what answered is not OPA")
        self._check_revision(answer["provenance"].get("bundles"))
        if "result" not in answer:
            raise _NoAnswer("the policy's decision is undefined")
        return answer["result"]

    async def _post(self, url: str, body: bytes) -> tuple[int, bytes]:
        from aiohttp import ClientError

        session = self._session
        if session is None:
            raise ConfigurationError(f"the policy engine at {self.url} is not open; use `async with`")
        failure, pause = "it did not answer", _FIRST_PAUSE
        self._under_way += 1
        try:
            async with asyncio.timeout(self._deadline):
                while True:
                    try:
                        async with session.post(
                            url,
                            data=body,
                            headers={"Content-Type": "application/json"},
                            allow_redirects=False,
                        ) as response:
                            raw = await response.read()
                        if not _is_away(response.status, raw):
                            return response.status, raw
                        failure = f"it answered {response.status}"
                    except ClientError as error:
                        failure = f"{type(error).__name__}: {error}"
                    await asyncio.sleep(pause)
                    pause = min(2 * pause, _LONGEST_PAUSE)
        except TimeoutError:
            raise PolicyUnavailable(
                f"OPA at {self.url} gave no decision within {self._deadline} seconds: {failure}"
            ) from None
        finally:
            self._under_way -= 1
            if self._idle is not None and not self._under_way:
                self._idle.set()

    def _check_revision(self, bundles: object) -> None:
        served = set()
        if type(bundles) is dict:
            served = {str(entry.get("revision")) for entry in bundles.values() if type(entry) is dict}
        if served == {self.revision}:
            return
        what = f"serves policy revision {', '.join(sorted(served))}" if served else "has no bundle active"
        raise PolicyUnavailable(
            f"OPA at {self.url} {what}, and this runtime decides by revision {self.revision}. Give OPA the bundle "
            "that `python -m licet.policies.server_bundle` makes, or give this runtime the policies that OPA serves"
        )


def _address(url: str) -> tuple[str, int, bool]:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    if (
        parts.scheme not in ("http", "https")
        or not parts.hostname
        or parts.username is not None
        or parts.password is not None
        or parts.path not in ("", "/")
        or parts.query
        or parts.fragment
    ):
        raise PolicyError(
            Fault(
                "the URL of an OPA server is http(s)://HOST:PORT, with no path, and the token goes into token="
            )
        )
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    tls = parts.scheme == "https"
    return host, port or (443 if tls else 80), tls


def _is_away(status: int, raw: bytes) -> bool:
    if status != 500:
        return status in _AWAY
    # OPA answers 500 when an evaluation fails, and lists how; otherwise OPA itself fails, or a proxy without a server.
    try:
        answer = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return True
    codes = {str(error.get("code")) for error in _errors(answer)} if type(answer) is dict else set()
    return not any(code.startswith("eval_") for code in codes) or "eval_cancel_error" in codes


def _errors(answer: dict[str, Any]) -> list[dict[str, Any]]:
    errors = answer.get("errors")
    return [error for error in errors if type(error) is dict] if type(errors) is list else []


def _said(answer: object) -> str:
    if type(answer) is not dict or "code" not in answer:
        return ""
    words = [str(answer["code"]), str(answer.get("message", ""))]
    for error in _errors(answer):
        place = error.get("location")
        at = f"{place.get('file')}:{place.get('row')}: " if type(place) is dict else ""
        words.append(f"{at}{error.get('code')}: {error.get('message')}")
    return f" ({'; '.join(words)[:_LONGEST_CAUSE]})"
