"""One owner a spool."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from stillcast.spool.errors import SpoolInUseError


def take_lock(path: Path) -> int:
    """Become the one owner of the spool at ``path``.

    The kernel releases the lock when the owner dies, however it dies, so a stale one cannot exist.

    Returns:
        descriptor that holds the lock; close it to let go.

    Raises:
        SpoolInUseError: another owner, in this process or another one, has it.
        OSError: the lock file cannot be opened.
    """
    descriptor = os.open(path / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode("ascii"), 0)
    except BlockingIOError:
        owner = _owner(descriptor)
        os.close(descriptor)
        way_out = "stop it, or give each agent a spool.path of its own"
        raise SpoolInUseError(f"spool.path: {path}: already in use by {owner}: {way_out}", owner) from None
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _owner(descriptor: int) -> str:
    written = os.pread(descriptor, 20, 0)
    return f"process {written.decode('ascii')}" if written.isdigit() else "another process"
