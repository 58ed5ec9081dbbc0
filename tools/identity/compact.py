"""Reading a signed JWT in compact form (RFC 7515, section 7.1), by the letter.

Only the one spelling of a token is taken: base64url without padding, blanks or unused bits, and JSON in which no name
stands twice. So no byte of it can change without the signature failing, and nobody else can read it otherwise.
"""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from dataclasses import dataclass
from typing import Any, NoReturn

from licet.tools.identity.errors import TokenMalformed

LONGEST_TOKEN = 65_536
"""In characters. A token with hundreds of groups has some ten thousand; headers of HTTP rarely take more."""


@dataclass(frozen=True, slots=True)
class Compact:
    """A token in its parts. Nothing of it is proved yet.

    Attributes:
        signed: the bytes that the signature is over.
    """

    header: dict[str, Any]
    payload: bytes
    signed: bytes
    signature: bytes

    def claims(self) -> dict[str, Any]:
        """The claims, once the signature has been checked.

        Raises:
            TokenMalformed: the payload is no JSON object.
        """
        return _object(self.payload, "claims")


def read_compact(token: str) -> Compact:
    """The parts of a token.

    Raises:
        TokenMalformed: it is no signed JWT in compact form, or its header asks for an extension.
    """
    given: object = token
    if not isinstance(given, str) or len(given) > LONGEST_TOKEN:
        raise TokenMalformed(f"a token is text of at most {LONGEST_TOKEN} characters")
    parts = token.split(".")
    if len(parts) != 3:
        raise TokenMalformed(
            "a token has three parts: header, claims and signature; this one is no signed JWT"
        )
    header, payload, signature = (_decoded(part) for part in parts)
    members = _object(header, "header")
    if "crit" in members or "b64" in members:
        raise TokenMalformed("the token's header asks for an extension of JWS that is not known here")
    if not isinstance(members.get("alg"), str):
        raise TokenMalformed("the token's header names no algorithm")
    if not isinstance(members.get("kid"), str | None):
        raise TokenMalformed("the token's header has a key id that is no text")
    return Compact(members, payload, f"{parts[0]}.{parts[1]}".encode(), signature)


def _decoded(part: str) -> bytes:
    # Python's decoder passes over characters that are none of base64's, and over bits that no byte has room for.
    try:
        raw = urlsafe_b64decode(part + "=" * (-len(part) % 4))
    except (Base64Error, ValueError):
        raw = b""
    if not raw or urlsafe_b64encode(raw).rstrip(b"=") != part.encode(errors="replace"):
        raise TokenMalformed("a part of the token is not base64url")
    return raw


def _object(raw: bytes, what: str) -> dict[str, Any]:
    try:
        value = json.loads(raw.decode(), object_pairs_hook=_once, parse_constant=_refuse)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise TokenMalformed(f"the token's {what} is no JSON object, or has a name twice")
    return value


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError
    return members


def _refuse(constant: str) -> NoReturn:
    raise ValueError
