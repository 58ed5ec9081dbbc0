"""Fetching what an issuer publishes: its configuration and its keys."""

from __future__ import annotations

import asyncio
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

import orjson

from licet.audit.errors import ConfigurationError
from licet.tools.identity.errors import KeysUnavailable

LARGEST_DOCUMENT = 1 << 20
"""In bytes."""


def check_url(url: str, what: str) -> str:
    """The URL, when keys may come from there.

    Raises:
        ConfigurationError: it is not https (http is for this computer alone), or holds a password.
    """
    try:
        parts = urlsplit(url)
        host, local = parts.hostname, _is_local(parts.hostname)
    except ValueError:
        host, local, parts = None, False, urlsplit("")
    if not host or parts.scheme not in ("https", "http") or (parts.scheme == "http" and not local):
        raise ConfigurationError(
            f"{what} is an https URL: whoever can change the keys on their way can be anybody"
        )
    if parts.username is not None or parts.password is not None or parts.fragment:
        raise ConfigurationError(f"{what} is a URL without a user, a password or a fragment")
    return url


async def get_document(url: str, seconds: float) -> Any:
    """The JSON document at `url`.

    Raises:
        KeysUnavailable: it is not answered in time, or by something else than a document. No redirect is followed.
    """
    import httpx2

    problem: str
    try:
        async with (
            asyncio.timeout(seconds),
            httpx2.AsyncClient(timeout=seconds, headers={"Accept": "application/json"}) as client,
            client.stream("GET", url) as response,
        ):
            if response.status_code == 200:
                body = bytearray()
                async for chunk in response.aiter_bytes():
                    body += chunk
                    if len(body) > LARGEST_DOCUMENT:
                        raise KeysUnavailable(f"{url} answered more than {LARGEST_DOCUMENT} bytes")
                return orjson.loads(bytes(body))
            problem = f"answered {response.status_code}"
    except TimeoutError:
        problem = f"did not answer within {seconds:g} s"
    except orjson.JSONDecodeError:
        problem = "answered no JSON"
    except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as error:
        problem = f"cannot be reached ({type(error).__name__})"
    raise KeysUnavailable(f"{url} {problem}")


async def discover(issuer: str, seconds: float) -> str:
    """Where the issuer's keys are, as its configuration says (OpenID Connect Discovery 1.0, section 4).

    Raises:
        KeysUnavailable: there is none, or it is another issuer's.
    """
    url = f"{issuer.rstrip('/')}/.well-known/openid-configuration"
    document = await get_document(url, seconds)
    if not isinstance(document, dict) or document.get("issuer") != issuer:
        raise KeysUnavailable(
            f"{url} is not the configuration of the issuer {issuer}; the two must agree letter for letter"
        )
    keys = document.get("jwks_uri")
    try:
        return check_url(keys if isinstance(keys, str) else "", "jwks_uri")
    except ConfigurationError as error:
        raise KeysUnavailable(f"{url}: {error}") from None


def _is_local(host: str | None) -> bool:
    if host is None or host == "localhost":
        return host is not None
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
