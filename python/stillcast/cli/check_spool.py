"""The spool's part of ``stillcast check``: can it be used, and has its disk the room that the settings ask for."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import Final

from stillcast.cli.sizes import in_words
from stillcast.cli.spool_choice import without_caps
from stillcast.config import SpoolConfig
from stillcast.errors import SpoolError
from stillcast.spool import Spool, SpoolInUseError, State
from stillcast.spool.errors import spool_errors
from stillcast.spool.filesystem import is_in_memory, kind

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
    facts = f"{config.path} on {kind(below) or 'a disk'}, {in_words(free)} free: {how}"
    if trouble := _shortage(config, free, used):
        return "warning", f"{facts}; {trouble}"
    return "ok", facts


def _try_to_use(config: SpoolConfig) -> str:
    if not config.path.exists():
        return _would_be_made(config.path, allow_memory=config.allow_tmpfs)
    if (owner := config.path.stat().st_uid) != os.geteuid():
        return f"not tried, because it belongs to user {owner}: run this as that user"
    try:
        with Spool.of(without_caps(config)), spool_errors(config.path, "write"):
            _write_something(config.path / _TMP)
    except SpoolInUseError as error:
        return f"in use by {error.owner}, so not tried"
    return "opened and written"


def _would_be_made(path: Path, *, allow_memory: bool) -> str:
    if not allow_memory and is_in_memory(path):
        lost = "is in memory, where a restart of the machine loses every still"
        raise SpoolError(f"spool.path: {path}: {lost}: name a disk, or set spool.allow_tmpfs = true")
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
