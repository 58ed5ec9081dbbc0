"""Signed bundles: who built this policy set, and is it as it was built?

The format is OPA's: `.signatures.json` holds one JWT (RFC 7519, JWS compact) whose claim `files` has the SHA-256 of
every file of the bundle, so `opa build --signing-key` and `opa run --verification-key` take part too:
https://www.openpolicyagent.org/docs/management-bundles#signing
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import orjson

from licet.audit.errors import ConfigurationError
from licet.policies.errors import Fault, PolicyError

if TYPE_CHECKING:
    from joserfc.jwk import ECKey, RSAKey
    from joserfc.jws import JWSRegistry

SIGNATURES = ".signatures.json"

_KEY_ID = "default"
"""What OPA calls a key that is given on its command line."""

_LARGEST = 16 << 20
"""The most that a signature may hold, in bytes."""

_RSA = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")
_EC = {"secp256r1": ("ES256",), "secp384r1": ("ES384",), "secp521r1": ("ES512",)}
_STRUCTURED = ("data.json", ".manifest")
_HASHES = {"SHA-256": hashlib.sha256, "SHA-384": hashlib.sha384, "SHA-512": hashlib.sha512}


@dataclass(frozen=True, slots=True)
class BundleKey:
    """An RSA key, or an EC key on the curve P-256, P-384 or P-521.

    A secret that signs and verifies alike is not taken: whoever could verify could then sign.

    Attributes:
        algorithms: those it may be used with; the first one signs.
    """

    key: RSAKey | ECKey
    algorithms: tuple[str, ...]

    @classmethod
    def private(cls, file: Path) -> BundleKey:
        """The key that signs, from a PEM file.

        Raises:
            ConfigurationError: there is none in it.
        """
        return _from_pem(file, private=True)

    @classmethod
    def public(cls, file: Path) -> BundleKey:
        """The key that verifies, from a PEM file.

        Raises:
            ConfigurationError: there is none in it.
        """
        return _from_pem(file, private=False)


def _from_pem(file: Path, private: bool) -> BundleKey:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec, rsa
    from joserfc.jwk import ECKey, RSAKey

    what = "private" if private else "public"
    wrong = ConfigurationError(
        f"{file} holds no {what} key that signs bundles: a PEM file is needed with an RSA key, or an EC key on the "
        "curve P-256, P-384 or P-521, without a password"
    )
    try:
        content = file.read_bytes()
        loaded: object = (
            serialization.load_pem_private_key(content, password=None)
            if private
            else serialization.load_pem_public_key(content)
        )
    except OSError as error:
        raise ConfigurationError(f"the {what} key {file} cannot be read: {error.strerror}") from None
    except (ValueError, TypeError):
        raise wrong from None
    if isinstance(loaded, rsa.RSAPrivateKey | rsa.RSAPublicKey) and loaded.key_size >= 2048:
        return BundleKey(RSAKey.import_key(content), _RSA)
    if isinstance(loaded, ec.EllipticCurvePrivateKey | ec.EllipticCurvePublicKey):
        algorithms = _EC.get(loaded.curve.name)
        if algorithms:
            return BundleKey(ECKey.import_key(content), algorithms)
    raise wrong


def sign(files: Mapping[str, bytes], key: BundleKey) -> bytes:
    """The `.signatures.json` of a bundle with these files."""
    from joserfc import jws

    listed = [
        {"name": name, "hash": _digest(name, content, "SHA-256"), "algorithm": "SHA-256"}
        for name, content in sorted(files.items())
    ]
    header = {"alg": key.algorithms[0], "kid": _KEY_ID, "typ": "JWT"}
    claims = orjson.dumps({"files": listed, "keyid": _KEY_ID})
    token = jws.serialize_compact(header, claims, key.key, registry=_registry(key))
    return orjson.dumps({"signatures": [token]})


def verify(files: Mapping[str, bytes], key: BundleKey, bundle: str) -> None:
    """See that a bundle is signed by this key, and every file of it is the one that was signed.

    Args:
        files: all files of the bundle by path, `.signatures.json` among them.
        bundle: what to call it in an error.

    Raises:
        PolicyError: it is not.
    """
    signed = _claims(files.get(SIGNATURES), key, bundle)
    held = {name: content for name, content in files.items() if name != SIGNATURES}
    for name in sorted(held.keys() ^ signed.keys()):
        what = "is not in the signature" if name in held else "was signed, and is missing"
        raise PolicyError(Fault(f"{name} {what}: the bundle is not as it was signed", bundle))
    for name, content in held.items():
        algorithm, digest = signed[name]
        try:
            same = _digest(name, content, algorithm) == digest
        except (ValueError, RecursionError):
            same = False  # it is no JSON, so it is not what was signed
        if not same:
            raise PolicyError(Fault(f"{name} is not as it was signed", bundle))


def _claims(content: bytes | None, key: BundleKey, bundle: str) -> dict[str, tuple[str, str]]:
    from joserfc import jws
    from joserfc.errors import JoseError

    if content is None:
        raise PolicyError(
            Fault(
                "the bundle is not signed, and a key to verify it by is demanded; build it with --signing-key",
                bundle,
            )
        )
    try:
        (token,) = json.loads(content)["signatures"]
        claims = json.loads(jws.deserialize_compact(token, key.key, registry=_registry(key)).payload or b"")
        if claims.get("scope"):
            raise PolicyError(Fault("the bundle was signed for a scope, and Licet knows none", bundle))
        found = {entry["name"]: (entry["algorithm"], entry["hash"].lower()) for entry in claims["files"]}
        if len(found) != len(claims["files"]) or any(
            algorithm not in _HASHES for algorithm, _ in found.values()
        ):
            raise ValueError
    except JoseError:
        raise PolicyError(Fault("the bundle is not signed by the key that is demanded", bundle)) from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise PolicyError(Fault(f"{SIGNATURES} is not of the form that OPA gives it", bundle)) from None
    return found


def _registry(key: BundleKey) -> JWSRegistry:
    from joserfc.jws import JWSRegistry

    registry = JWSRegistry(algorithms=key.algorithms)
    registry.max_payload_length = _LARGEST
    return registry


def _digest(name: str, content: bytes, algorithm: str) -> str:
    """The digest of a file as OPA has it: of data and manifest by what they say, of the rest by the bytes."""
    if PurePosixPath(name).name in _STRUCTURED:
        content = _canonical(json.loads(content, parse_int=_Number, parse_float=_Number)).encode()
    return _HASHES[algorithm](content).hexdigest()


_LONE = re.compile("[\ud800-\udfff]")
"""Half of a pair; Go reads it as U+FFFD."""


class _Number(str):
    """A number as it is written."""


def _canonical(value: Any) -> str:
    # As Go's encoding/json writes it, object keys in the order of their code points.
    if isinstance(value, dict):
        return "{" + ",".join(f"{_canonical(key)}:{_canonical(value[key])}" for key in sorted(value)) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_canonical, value)) + "]"
    if isinstance(value, _Number):
        return str(value)
    text = json.dumps(value, ensure_ascii=False)
    text = text.replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
    return _LONE.sub("\ufffd", text)
