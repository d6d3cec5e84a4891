"""What is known of the file system that a spool lies on."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_MOUNTS: Final = Path("/proc/self/mountinfo")
_ESCAPED: Final = re.compile(r"\\([0-7]{3})")
_IN_MEMORY: Final = ("tmpfs", "ramfs")


def free_bytes(path: Path) -> int:
    """Bytes that its file system still has for us."""
    facts = os.statvfs(path)
    return facts.f_bavail * facts.f_frsize


def is_in_memory(path: Path, mounts: Path = _MOUNTS) -> bool:
    """Whether a restart of the machine loses what lies there; False where nobody can tell.

    Args:
        path: need not exist.
        mounts: the mounts of this process, in the format of proc_pid_mountinfo(5).
    """
    return kind(path, mounts) in _IN_MEMORY


def kind(path: Path, mounts: Path = _MOUNTS) -> str | None:
    """Type of the file system that a path is on, as ``ext4``; None where nobody can tell. Arguments as above."""
    try:
        text = mounts.read_text(errors="surrogateescape")
    except OSError:  # not Linux, or no /proc
        return None
    return _kind(path.resolve(), text)


def _kind(path: Path, text: str) -> str | None:
    """Type of the file system with the longest mount point above the path; of several there, the last one hides all."""
    longest, found = -1, None
    for point, kind in _mounts(text):
        if len(point.parts) >= longest and path.is_relative_to(point):
            longest, found = len(point.parts), kind
    return found


def _mounts(text: str) -> Iterator[tuple[Path, str]]:
    for line in text.splitlines():
        mount, separator, source = line.partition(" - ")
        fields = mount.split(" ")
        if separator and len(fields) > 4:
            yield Path(_ESCAPED.sub(lambda code: chr(int(code[1], 8)), fields[4])), source.split(" ")[0]
