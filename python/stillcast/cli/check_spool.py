"""The spool's part of ``stillcast check``: can it be used, and has its disk the room that the settings ask for."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import Final

from stillcast.cli.sizes import in_words
from stillcast.config import SpoolConfig
from stillcast.errors import SpoolError
from stillcast.spool import Spool, SpoolInUseError, State
from stillcast.spool.errors import spool_errors

_MOUNTS: Final = Path("/proc/self/mountinfo")
_TMP: Final = "tmp"


def look_at_spool(config: SpoolConfig) -> tuple[str, str]:
    """Open the spool if nobody has it, and look at its disk.

    Nothing is made where there is no spool yet, or another user's: it would belong to whoever checks, not to the agent.

    Returns:
        ``ok`` or ``warning``, and one line.

    Raises:
        SpoolError: it cannot be used.
    """
    how = _try_to_use(config)
    below = _existing(config.path)
    with spool_errors(below, "look at the disk"):
        free = shutil.disk_usage(below).free
        used = _bytes_used(config.path)
    facts = f"{config.path} on {_file_system(below)}, {in_words(free)} free: {how}"
    if trouble := _shortage(config, free, used):
        return "warning", f"{facts}; {trouble}"
    return "ok", facts


def _try_to_use(config: SpoolConfig) -> str:
    if not config.path.exists():
        return _would_be_made(config.path)
    if (owner := config.path.stat().st_uid) != os.geteuid():
        return f"not tried, because it belongs to user {owner}: run this as that user"
    try:
        with Spool.of(config), spool_errors(config.path, "write"):
            _write_something(config.path / _TMP)
    except SpoolInUseError as error:
        return f"in use by {error.owner}, so not tried"
    return "opened and written"


def _would_be_made(path: Path) -> str:
    parent = _existing(path)
    if not parent.is_dir():
        raise SpoolError(f"spool.path: {path}: {parent} is a file: set spool.path to a directory")
    if not os.access(parent, os.W_OK | os.X_OK):
        raise SpoolError(f"spool.path: {path}: cannot be made: give this user write rights on {parent}, or make it")
    return "made at the first start"


def _existing(path: Path) -> Path:
    return next(each for each in (path, *path.absolute().parents) if each.exists())


def _write_something(directory: Path) -> None:
    """Write to the disk itself; the file has no name or loses it at once, so nothing of it can stay."""
    with tempfile.TemporaryFile(dir=directory) as file:
        file.write(bytes(64 << 10))
        file.flush()
        os.fsync(file.fileno())


def _bytes_used(path: Path) -> int:
    total = 0
    for state in State:
        if (path / state).is_dir():
            with os.scandir(path / state) as entries:
                total += sum(_size(entry) for entry in entries)
    return total


def _size(entry: os.DirEntry[str]) -> int:
    try:
        return entry.stat(follow_symlinks=False).st_size
    except FileNotFoundError:
        return 0  # delivered while we were looking


def _shortage(config: SpoolConfig, free: int, used: int) -> str | None:
    room = free - config.min_free + used
    if free < config.min_free:
        way_out = "free space on that disk, or lower spool.min_free"
        return f"spool.min_free: {in_words(config.min_free)}: there is less, so stills are dropped: {way_out}"
    if room < config.max_bytes:
        way_out = f"lower it to what the disk can hold, {in_words(room)}, or free space"
        return f"spool.max_bytes: {in_words(config.max_bytes)}: the disk cannot hold it: {way_out}"
    return None


def _file_system(path: Path) -> str:
    """Name the kind of file system that a directory is on."""
    device = os.stat(path).st_dev  # noqa: PTH116
    numbers = f"{os.major(device)}:{os.minor(device)}"
    try:
        lines = _MOUNTS.read_text(errors="replace").splitlines()
    except OSError:
        return "a disk"
    # man 5 proc: "36 35 98:0 /root /mount/point options optional... - ext4 /dev/sda1 options"
    kinds = (line.partition(" - ")[2].split()[0] for line in lines if line.split()[2] == numbers)
    return next(kinds, "a disk")
