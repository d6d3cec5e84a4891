"""What can go wrong with a spool, and the way out that belongs to each cause."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from stillcast.errors import SpoolError

_WAY_OUT: Final = {
    errno.ENOSPC: "free space on that disk, or lower spool.max_bytes",
    errno.EDQUOT: "raise the quota of this user, or lower spool.max_bytes",
    errno.EACCES: "give this user read, write and search rights on it, or set spool.path elsewhere",
    errno.EPERM: "give this user read, write and search rights on it, or set spool.path elsewhere",
    errno.EROFS: "mount that disk for writing, or set spool.path elsewhere",
    errno.ENOTDIR: "set spool.path to a directory",
    errno.EEXIST: "set spool.path to a directory",
    errno.EMFILE: "raise the limit of open files (ulimit -n)",
    errno.EIO: "check that disk, or set spool.path elsewhere",
}


class SpoolInUseError(SpoolError):
    """Another owner has the spool."""

    def __init__(self, message: str, owner: str) -> None:
        super().__init__(message)
        self.owner = owner


class SpoolItemGoneError(SpoolError):
    """The file is no longer in that state: moved, removed, or dropped to keep a cap; nothing to mend."""


class SpoolItemCorruptError(SpoolError):
    """The file cannot be what was put; it is in quarantine now, and every other one is unharmed."""


@contextmanager
def spool_errors(path: Path, action: str) -> Iterator[None]:
    """Turn an ``OSError`` within the block into a ``SpoolError`` that names path, cause and way out."""
    try:
        yield
    except OSError as error:
        way_out = _WAY_OUT.get(error.errno or 0, "check that disk and spool.path")
        raise SpoolError(f"spool.path: {path}: cannot {action}: {error.strerror or error}: {way_out}") from error
