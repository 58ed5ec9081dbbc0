"""An issuer's keys, and checking a signature by one of them."""

from __future__ import annotations

from base64 import urlsafe_b64decode
from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from licet.audit.errors import ConfigurationError

if TYPE_CHECKING:
    from joserfc.jwk import Key

_CURVES = {
    "ES256": ("EC", "P-256"),
    "ES384": ("EC", "P-384"),
    "ES512": ("EC", "P-521"),
    "EdDSA": ("OKP", "Ed25519"),
    "Ed25519": ("OKP", "Ed25519"),
}
_EDWARDS = ("EdDSA", "Ed25519")
"""Two names of one algorithm (RFC 9864); Ed25519 is the only curve here."""

_RSA = tuple(f"{family}{size}" for family in ("RS", "PS") for size in (256, 384, 512))

ASYMMETRIC = frozenset({*_RSA, *_CURVES})
"""The algorithms that are allowed unless said otherwise (RFC 7518; RFC 8037; RFC 9864)."""

SYMMETRIC = frozenset({"HS256", "HS384", "HS512"})
"""Those by which whoever can check a token can make one too."""

SMALLEST_RSA = 2048
"""Bits (NIST SP 800-131A)."""

_SECRET_BYTES = {"HS256": 32, "HS384": 48, "HS512": 64}
"""A secret is at least as long as the hash (RFC 7518, section 3.2)."""


class Keys:
    """Keys by which signatures are checked, and no others: one that is too weak or not understood is left out."""

    def __init__(self, keys: Iterable[Key]) -> None:
        self._keys = tuple(keys)

    def __len__(self) -> int:
        return len(self._keys)

    @classmethod
    def read(cls, document: object, *, secrets: bool = False) -> Keys:
        """The keys of a JWK set (RFC 7517, section 5).

        Args:
            secrets: take symmetric keys, and only these. Those that a server publishes are no secrets.

        Raises:
            ValueError: it is no JWK set.
        """
        listed = document.get("keys") if isinstance(document, Mapping) else None
        if not isinstance(listed, list):
            raise ValueError("it is no JWK set: an object with an array `keys`")
        read = (_read(key, secrets) for key in listed if isinstance(key, dict))
        return cls(key for key in read if key is not None)

    def find(self, algorithm: str, kid: str | None) -> Key | None:
        """The one key that fits the algorithm and has this id; with no id, the only one that fits."""
        found = [
            key for key in self._keys if (kid is None or key.get("kid") == kid) and _fits(algorithm, key)
        ]
        return found[0] if len(found) == 1 else None


def is_signed_by(algorithm: str, key: Key, signed: bytes, signature: bytes) -> bool:
    """Whether the signature over `signed` is this key's."""
    from joserfc.jws import JWSRegistry

    name = "Ed25519" if algorithm == "EdDSA" else algorithm
    try:
        return bool(JWSRegistry.algorithms[name].verify(signed, signature, key))
    except Exception:  # a signature of the wrong length, for instance
        return False


def check_algorithms(algorithms: Collection[str]) -> frozenset[str]:
    """The algorithms as a set of one kind.

    Raises:
        ConfigurationError: one is not known, or secrets and public keys are mixed.
    """
    chosen = frozenset(algorithms)
    if unknown := chosen - ASYMMETRIC - SYMMETRIC:
        raise ConfigurationError(
            f"algorithms names {', '.join(sorted(unknown))}; known are {', '.join(sorted(ASYMMETRIC | SYMMETRIC))}"
        )
    if not chosen or (chosen & SYMMETRIC and chosen & ASYMMETRIC):
        raise ConfigurationError(
            "algorithms are asymmetric ones, or HS256, HS384 and HS512, and not both: a public key is no secret"
        )
    return chosen


def _read(document: dict[str, Any], secrets: bool) -> Key | None:
    from joserfc.jwk import import_key

    kind = document.get("kty")
    if (kind == "oct") != secrets:
        return None
    if kind == "RSA" and int.from_bytes(_raw(document.get("n"))).bit_length() < SMALLEST_RSA:
        return None
    if kind == "oct" and len(_raw(document.get("k"))) < min(_SECRET_BYTES.values()):
        return None
    try:
        return import_key(document)
    except Exception:  # a kind or a curve that is not known; RFC 7517, section 5: such a key is passed over
        return None


def _raw(member: object) -> bytes:
    try:
        return urlsafe_b64decode(f"{member}===") if isinstance(member, str) else b""
    except ValueError:
        return b""


def _fits(algorithm: str, key: Key) -> bool:
    if key.get("use") not in (None, "sig"):
        return False
    operations = key.get("key_ops")
    if operations is not None and "verify" not in operations:
        return False
    if key.alg not in (None, algorithm) and not (key.alg in _EDWARDS and algorithm in _EDWARDS):
        return False
    if algorithm in _CURVES:
        return (key.key_type, key.get("crv")) == _CURVES[algorithm]
    if algorithm in SYMMETRIC:
        return key.key_type == "oct" and len(_raw(key.get("k"))) >= _SECRET_BYTES[algorithm]
    return key.key_type == "RSA"
