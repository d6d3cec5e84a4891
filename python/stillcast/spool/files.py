"""File work of the spool, one step each; no state, no policy."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

_NAME: Final = re.compile(r"[0-9]{17}_[0-9a-f]{32}_[0-9a-f]{8}\.jpg")


def is_name(name: str) -> bool:
    """Whether a name is that of a spool file."""
    return _NAME.fullmatch(name) is not None


def due_times(directory: Path) -> Iterator[tuple[float, str]]:
    """Stream time of change (seconds since 1970) and name of the spool files in a directory, in no order."""
    with os.scandir(directory) as entries:
        for entry in entries:
            if is_name(entry.name) and entry.is_file(follow_symlinks=False):
                with suppress(FileNotFoundError):
                    yield entry.stat(follow_symlinks=False).st_mtime, entry.name


def make_private_directory(path: Path) -> None:
    """Make a directory for its owner alone, or make one that is there so; a link to one is refused.

    Raises:
        OSError: it is not a directory, or not ours.
    """
    path.mkdir(mode=0o700, exist_ok=True)
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        os.fchmod(descriptor, 0o700)
    finally:
        os.close(descriptor)


def write(path: str, data: bytes, *, sync: bool) -> None:
    """Write a new file readable by its owner alone; if that fails, nothing of it stays.

    Args:
        path: must not exist.
        data: all of it.
        sync: return only when the data are on the disk itself.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    try:
        try:
            _write_all(descriptor, data)
            if sync:
                os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except BaseException:
        remove(path)
        raise


def remove(path: str) -> None:
    """Remove a file if it is there."""
    with suppress(FileNotFoundError):
        os.unlink(path)  # noqa: PTH108  (a Path costs more than the call)


def sync_directory(directory: str) -> None:
    """Return only when the directory's entries are on the disk itself."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
