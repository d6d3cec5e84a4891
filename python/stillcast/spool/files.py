"""File work of the spool, one step each; no state, no policy."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_NAME: Final = re.compile(r"[0-9]{17}_[0-9a-f]{32}_[0-9a-f]{8}\.jpg")
_REASON_SUFFIX: Final = ".reason"
_REASON_BYTES_MAX: Final = 4096


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a still was given up or deferred.

    Attributes:
        text: one line.
        from_state: where it stood until then, and so where a replay puts it back.
        attempts: rounds of callbacks that failed so far, of one that is deferred.
    """

    text: str
    from_state: str
    attempts: int | None = None


def is_name(name: str) -> bool:
    """Whether a name is that of a spool file."""
    return _NAME.fullmatch(name) is not None


def names(directory: Path) -> Iterator[str]:
    """Stream the names of the spool files in a directory, in no order; whatever else lies there is not ours."""
    with os.scandir(directory) as entries:
        for entry in entries:
            if is_name(entry.name) and entry.is_file(follow_symlinks=False):
                yield entry.name


def measure(directory: Path) -> tuple[int, int]:
    """Count the spool files in a directory, and their bytes."""
    count = size = 0
    with os.scandir(directory) as entries:
        for entry in entries:
            if is_name(entry.name) and entry.is_file(follow_symlinks=False):
                count += 1
                size += entry.stat(follow_symlinks=False).st_size
    return count, size


def due_times(directory: Path) -> Iterator[tuple[float, str]]:
    """Stream time of change (seconds since 1970) and name of the spool files in a directory, in no order."""
    with os.scandir(directory) as entries:
        for entry in entries:
            if is_name(entry.name) and entry.is_file(follow_symlinks=False):
                with suppress(FileNotFoundError):
                    yield entry.stat(follow_symlinks=False).st_mtime, entry.name


def write(path: Path, data: bytes, *, sync: bool) -> None:
    """Write a new file readable by its owner alone; if that fails, nothing of it stays.

    Args:
        path: must not exist.
        data: all of it.
        sync: return only when the data are on the disk itself.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        try:
            _write_all(descriptor, data)
            if sync:
                os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def sync_directory(directory: Path) -> None:
    """Return only when the directory's entries are on the disk itself."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sweep_tmp(directory: Path) -> int:
    """Remove what a dead owner was still writing: no ``put`` of it had returned, so nothing was promised.

    Returns:
        how many files were removed.
    """
    stale = [path for path in directory.iterdir() if is_name(path.name.removesuffix(_REASON_SUFFIX))]
    for path in stale:
        path.unlink(missing_ok=True)
    return len(stale)


def sweep_reasons(directory: Path) -> None:
    """Remove reasons whose still is not there: the owner died between the two renames of ``move``."""
    with os.scandir(directory) as entries:
        for entry in entries:
            name = entry.name.removesuffix(_REASON_SUFFIX)
            if name != entry.name and is_name(name) and not (directory / name).exists():
                (directory / entry.name).unlink(missing_ok=True)


def write_reason(directory: Path, tmp: Path, name: str, reason: Reason) -> None:
    """Put the reason beside the place where the still is about to be; a reader sees all of it or nothing."""
    facts: dict[str, object] = {"reason": reason.text[: _REASON_BYTES_MAX // 8], "from": reason.from_state}
    if reason.attempts is not None:
        facts["attempts"] = reason.attempts
    draft = tmp / f"{name}{_REASON_SUFFIX}"
    draft.unlink(missing_ok=True)
    write(draft, json.dumps(facts).encode("ascii"), sync=False)
    draft.rename(directory / draft.name)


def read_reason(directory: Path, name: str) -> Reason | None:
    """Read a reason back; None where there is none that can be read."""
    try:
        with (directory / f"{name}{_REASON_SUFFIX}").open("rb") as file:
            facts = json.loads(file.read(_REASON_BYTES_MAX))
        attempts = facts.get("attempts")
        return Reason(str(facts["reason"]), str(facts["from"]), attempts if isinstance(attempts, int) else None)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def remove_reason(directory: Path, name: str) -> None:
    """Remove the reason of a still that is no longer there, if it had one."""
    with suppress(OSError):
        (directory / f"{name}{_REASON_SUFFIX}").unlink()


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
