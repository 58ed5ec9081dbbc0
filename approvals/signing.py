"""Signatures of reviews, Ed25519 (RFC 8032): who can write the database cannot thereby invent a review.

The approval service holds the private key and signs what a reviewer said (`licet.approvals.review`). An
executor needs the public key alone.
"""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from licet.approvals.errors import KeyUnusable
from licet.approvals.keys import (
    PUBLIC_KEYS_VARIABLE,
    key_id,
    key_path,
    private_key,
    public_key,
    public_path,
)
from licet.approvals.requests import Answer
from licet.approvals.review import Review

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey


class ReviewSigner:
    """Signs reviews with the approval service's private key.

    The key's file is not touched, and no key is made, before something is signed. `ReviewSigner.generate()`
    has a key of its own in memory, which is gone with the process.
    """

    def __init__(self, key: Path | str | Ed25519PrivateKey) -> None:
        """Take the key, or the file in which it is or will be."""
        self._key = Path(key) if isinstance(key, str) else key

    @classmethod
    def open(cls) -> ReviewSigner:
        """The signer with the key that is where `licet.approvals.keys.key_path` says."""
        return cls(key_path())

    @classmethod
    def generate(cls) -> ReviewSigner:
        """A signer with a new key that is nowhere written down."""
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        return cls(Ed25519PrivateKey.generate())

    def public_key(self) -> bytes:
        """The 32 raw bytes of the public half.

        Raises:
            KeyUnusable: see `licet.approvals.keys.private_key`.
        """
        return self._private().public_key().public_bytes_raw()

    def key_id(self) -> str:
        """The name of the key, which an answer carries.

        Raises:
            KeyUnusable: see `licet.approvals.keys.private_key`.
        """
        return key_id(self.public_key())

    def sign(self, review: Review) -> str:
        """The signature of a review, in base64.

        Raises:
            KeyUnusable: see `licet.approvals.keys.private_key`.
        """
        return base64.b64encode(self._private().sign(review.message())).decode()

    def _private(self) -> Ed25519PrivateKey:
        if isinstance(self._key, Path):
            self._key = private_key(self._key)
        return self._key


class ReviewVerifier:
    """Checks signatures of reviews against the public keys that are trusted.

    Files are read at every check: a key made after this process started is trusted from then on, and one that
    was taken away no longer.

    Args:
        keys: public keys, 32 raw bytes each.
        paths: files with one public key each; one that does not exist yet trusts nobody.
    """

    def __init__(self, keys: Iterable[bytes] = (), paths: Iterable[Path] = ()) -> None:
        self._keys = {key_id(key): key for key in keys}
        self._paths = tuple(paths)

    @classmethod
    def open(cls) -> ReviewVerifier:
        """The verifier for the keys that `LICET_APPROVAL_PUBLIC_KEYS` names, else for this user's own.

        Raises:
            KeyUnusable: a file that is named is missing or holds no public key.
        """
        named = [Path(path) for path in os.environ.get(PUBLIC_KEYS_VARIABLE, "").split(os.pathsep) if path]
        for path in named:
            try:
                public_key(path)
            except FileNotFoundError:
                raise KeyUnusable(
                    f"there is no public key {path}, which {PUBLIC_KEYS_VARIABLE} names"
                ) from None
        return cls(paths=named or [public_path(key_path())])

    def problem(self, answer: Answer) -> str | None:
        """Why the answer's signature does not hold, in words; None when it does."""
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

        try:
            trusted = self._trusted()
        except KeyUnusable as error:
            return str(error)
        key = trusted.get(answer.key_id)
        if key is None:
            return f"its key is not trusted here ({PUBLIC_KEYS_VARIABLE} names those that are)"
        try:
            signature = base64.b64decode(answer.signature, validate=True)
            Ed25519PublicKey.from_public_bytes(key).verify(signature, answer.message())
        except (InvalidSignature, binascii.Error, ValueError):
            return "its signature is not valid: the review, or the request it answers, has been changed"
        return None

    def _trusted(self) -> dict[str, bytes]:
        trusted = dict(self._keys)
        for path in self._paths:
            try:
                key = public_key(path)
            except FileNotFoundError:
                continue
            trusted[key_id(key)] = key
        return trusted
