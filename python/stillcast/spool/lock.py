"""One owner a spool."""

from __future__ import annotations

import fcntl
import os
import weakref
from collections.abc import Callable
from pathlib import Path

from stillcast.errors import SpoolError
from stillcast.spool.errors import SpoolInUseError


class Ownership:
    """Whether a spool is ours: held by the kernel's lock, and by no child of this process."""

    def __init__(self, path: Path, after_fork: Callable[[], None]) -> None:
        """Describe an ownership; nothing is taken yet.

        Args:
            path: the spool's directory.
            after_fork: called in a child process, which has a copy of this object and only the forking thread.
        """
        self._path = path
        self._after_fork = after_fork
        self._lock: int | None = None
        self._pid: int | None = None

    def take(self) -> None:
        """Become the one owner.

        Raises:
            SpoolError: another owner has it.
            OSError: the lock file cannot be opened.
        """
        if self._pid is None:
            self._watch_forks()
        self._lock = take_lock(self._path)
        self._pid = os.getpid()

    def release(self) -> None:
        """Let go, if it is held."""
        if self._lock is not None and not self.is_inherited:
            os.close(self._lock)
            self._lock = None

    @property
    def is_inherited(self) -> bool:
        """Whether this is the copy of a child process."""
        return self._pid is not None and self._pid != os.getpid()

    def require(self) -> None:
        """Refuse what only the owner may do.

        Raises:
            SpoolError: the spool is closed, or belongs to the process that this one was forked from.
        """
        if self.is_inherited:
            text = (
                f"belongs to process {self._pid}, which this one was forked from: open a spool or an agent of its own"
            )
            raise SpoolError(f"spool.path: {self._path}: {text}")
        if self._lock is None:
            raise SpoolError(f"spool.path: {self._path}: the spool is not open: call open() first")

    def _watch_forks(self) -> None:
        """Have a child let go of the lock, which it would hold for as long as it lives, its parent's death or not."""
        this = weakref.ref(self)  # the interpreter keeps the function for ever

        def forked() -> None:
            ownership = this()
            if ownership is not None:
                ownership.drop_in_child()

        os.register_at_fork(after_in_child=forked)

    def drop_in_child(self) -> None:
        """Close this process's descriptor of a lock that its parent holds."""
        if self._lock is not None:
            os.close(self._lock)  # not unlocked: the lock belongs to the open file, which the parent still has
            self._lock = None
        self._after_fork()


def take_lock(path: Path) -> int:
    """Become the one owner of the spool at ``path``.

    The kernel releases the lock when the owner dies, however it dies, so a stale one cannot exist.

    Returns:
        descriptor that holds the lock; close it to let go.

    Raises:
        SpoolInUseError: another owner, in this process or another one, has it.
        OSError: the lock file cannot be opened.
    """
    descriptor = os.open(path / "lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
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
