"""Compiled modules on disk: a policy then starts in a millisecond instead of a tenth of a second, and OPA's toolchain
in a quarter of a second instead of ten.

To load a compiled module is to run native code. So a file is taken only when it and its directory belong to
this user and nobody else can read or write them, and when it is whole. In any doubt the policy is compiled
again.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import platform
import stat
import sys
import tempfile
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

from wasmtime import Engine, Module, WasmtimeError

_DIGEST_BYTES = 32


def cache_directory() -> Path | None:
    """Where compiled policies lie: `$LICET_CACHE_DIR`, or `licet` in the user's cache directory (XDG).

    None where files have no owner to check (Windows), or the user has no home.
    """
    if not hasattr(os, "geteuid"):
        return None
    if named := os.environ.get("LICET_CACHE_DIR"):
        return Path(named)
    if xdg := os.environ.get("XDG_CACHE_HOME"):
        return Path(xdg) / "licet"
    try:
        home = Path.home()
    except RuntimeError:
        return None
    return home / ("Library/Caches" if sys.platform == "darwin" else ".cache") / "licet"


class ModuleCache:
    """The place on disk of one compiled module."""

    def __init__(self, source: bytes, config: str, *, folder: str = "policies", kept: int = 16) -> None:
        """Nothing is read or written yet.

        Args:
            source: what the module is compiled from.
            config: what of wasmtime's configuration goes into the compiled code.
            folder: where it lies in the cache directory.
            kept: how many modules are kept there; the oldest go.
        """
        directory = cache_directory()
        self._directory = directory / folder if directory else None
        self._kept = kept
        key = hashlib.sha256(
            "\n".join((version("wasmtime"), platform.machine(), sys.platform, config)).encode()
            + b"\n"
            + hashlib.sha256(source).digest()
        )
        self._name = f"{key.hexdigest()}.module"

    def load(self, engine: Engine) -> Module | None:
        """The module, or None when there is none that can be trusted."""
        content = self._read()
        if content is None:
            return None
        digest, compiled = content[:_DIGEST_BYTES], content[_DIGEST_BYTES:]
        if hashlib.sha256(compiled).digest() != digest:
            return None
        try:
            return Module.deserialize(engine, compiled)
        except WasmtimeError:
            return None

    def store(self, module: Module) -> None:
        """Keep the module. What cannot be written is not kept; that costs only time."""
        if self._directory is None:
            return
        with contextlib.suppress(OSError, WasmtimeError):
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not _is_ours(os.lstat(self._directory), stat.S_ISDIR):
                return
            content = bytes(module.serialize())
            handle, temporary = tempfile.mkstemp(dir=self._directory, suffix=".part")
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(hashlib.sha256(content).digest())
                    file.write(content)
                Path(temporary).replace(self._directory / self._name)
            except BaseException:
                Path(temporary).unlink()
                raise
            _prune(self._directory, self._kept)

    def _read(self) -> bytes | None:
        if self._directory is None:
            return None
        try:
            directory = os.open(self._directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        except OSError:
            return None
        try:
            if not _is_ours(os.fstat(directory), stat.S_ISDIR):
                return None
            handle = os.open(self._name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=directory)
            with os.fdopen(handle, "rb") as file:
                return file.read() if _is_ours(os.fstat(handle), stat.S_ISREG) else None
        except OSError:
            return None
        finally:
            os.close(directory)


def _prune(directory: Path, kept: int) -> None:
    modules = sorted(directory.glob("*.module"), key=lambda path: path.stat().st_mtime, reverse=True)
    for old in modules[kept:]:
        old.unlink(missing_ok=True)


def _is_ours(found: os.stat_result, is_kind: Callable[[int], bool]) -> bool:
    return is_kind(found.st_mode) and found.st_uid == os.geteuid() and not found.st_mode & 0o077
