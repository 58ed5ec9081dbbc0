"""The approval service's key files, in PEM: the private half as PKCS #8 (RFC 5958), the public half as
SubjectPublicKeyInfo (RFC 5280).
"""

from __future__ import annotations

import errno
import os
import stat
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from licet.approvals.errors import KeyUnusable
from licet.audit.canonical import sha256

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

KEY_VARIABLE = "LICET_APPROVAL_KEY"
"""Where the private key is, instead of in the user's configuration folder."""

PUBLIC_KEYS_VARIABLE = "LICET_APPROVAL_PUBLIC_KEYS"
"""Files with the public keys an executor trusts, separated as in PATH. With these alone nobody can sign."""


def key_path() -> Path:
    """Where the private key is: `LICET_APPROVAL_KEY`, else `licet/approval.key` in the user's configuration
    folder.

    That folder is `$XDG_CONFIG_HOME` when absolute (XDG Base Directory Specification), else `~/.config`.
    """
    named = os.environ.get(KEY_VARIABLE)
    if named:
        return Path(named)
    configured = Path(os.environ.get("XDG_CONFIG_HOME", ""))
    folder = configured if configured.is_absolute() else Path.home() / ".config"
    return folder / "licet" / "approval.key"


def public_path(private: Path) -> Path:
    """Where the public half of the key at `private` is written."""
    return private.with_suffix(".pub")


def key_id(public: bytes) -> str:
    """The name of a key: half of the SHA-256 of its 32 raw bytes, in hexadecimal."""
    return sha256(public)[:32]


def private_key(path: Path) -> Ed25519PrivateKey:
    """The key at `path`, made now if there is none, with its public half beside it.

    Processes that come here at once get one key.

    Raises:
        KeyUnusable: others can read or replace the key, it is none of ours, or its public half is not its
            own.
    """
    if path.suffix == ".pub":
        raise KeyUnusable(f"{path} is the name of a public key; set {KEY_VARIABLE} to the private one's")
    try:
        try:
            key = _read_private(path)
        except FileNotFoundError:
            _make_private(path)
            key = _read_private(path)
        _publish(path, key)
    except OSError as error:
        raise KeyUnusable(f"cannot use the approval key {path}: {error.strerror or error}") from None
    return key


def public_key(path: Path) -> bytes:
    """The 32 raw bytes of the public key in the file at `path`.

    Raises:
        FileNotFoundError: there is no such file.
        KeyUnusable: it cannot be read or holds no Ed25519 public key.
    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    try:
        key = load_pem_public_key(path.read_bytes())
    except FileNotFoundError:
        raise
    except OSError as error:
        raise KeyUnusable(f"cannot read the public key {path}: {error.strerror}") from None
    except (ValueError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PublicKey):
        raise KeyUnusable(
            f"{path} is no Ed25519 public key in PEM; copy the .pub file of the approval service there"
        )
    return key.public_bytes_raw()


def _read_private(path: Path) -> Ed25519PrivateKey:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    with path.open("rb") as file:
        # Asked of the open file, so that what is checked is what is read.
        if os.fstat(file.fileno()).st_mode & 0o077:
            raise KeyUnusable(f"others can read or write the approval key; run: chmod 600 {path}")
        folder = path.parent.stat().st_mode
        if folder & 0o022 and not folder & stat.S_ISVTX:
            raise KeyUnusable(f"others can replace the approval key; run: chmod 700 {path.parent}")
        text = file.read()
    try:
        key = load_pem_private_key(text, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise KeyUnusable(
            f"{path} is no Ed25519 private key in PEM without a password; move it away and a new one is made"
        )
    return key


def _make_private(path: Path) -> None:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    path.parent.parent.mkdir(parents=True, exist_ok=True)
    path.parent.mkdir(mode=0o700, exist_ok=True)
    text = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    written = _write_beside(path, text, 0o600)
    try:
        # A link, unlike a rename, fails when somebody was faster: the first key made is the key.
        os.link(written, path)
    except FileExistsError:
        pass
    finally:
        written.unlink()


def _publish(path: Path, key: Ed25519PrivateKey) -> None:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    beside = public_path(path)
    try:
        if public_key(beside) != key.public_key().public_bytes_raw():
            raise KeyUnusable(f"{beside} is not the public half of {path}; remove it and it is written again")
        return
    except FileNotFoundError:
        pass
    text = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    try:
        _write_beside(beside, text, 0o644).replace(beside)
    except OSError as error:
        # A key handed to the service in a folder it cannot write signs all the same.
        if error.errno not in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise


def _write_beside(path: Path, text: bytes, mode: int) -> Path:
    handle, written = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    with os.fdopen(handle, "wb") as file:
        os.fchmod(file.fileno(), mode)
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    return Path(written)
