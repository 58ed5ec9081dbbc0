"""Random bytes from the operating system, drawn in bulk.

`os.urandom` lets go of the interpreter's lock at each call and has to get it back, which beside a busy writer thread
costs far more than the bytes.
"""

from __future__ import annotations

import os
import threading

_BULK = 4096


class _Pool(threading.local):
    """Each thread's own, so that no two draw the same bytes; emptied in a forked child for the same reason."""

    left: bytes = b""
    at: int = 0
    process: int = 0


_pool = _Pool()
_process = os.getpid()


def random_bytes(count: int = 16) -> bytes:
    """`count` random bytes, fit for salts and ids; at most 4096."""
    pool = _pool
    end = pool.at + count
    if end > len(pool.left) or pool.process != _process:
        pool.left, pool.at, pool.process = os.urandom(_BULK), 0, _process
        end = count
    drawn = pool.left[pool.at : end]
    pool.at = end
    return drawn


def _forked() -> None:
    global _process
    _process = os.getpid()


os.register_at_fork(after_in_child=_forked)
