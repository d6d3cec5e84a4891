"""Reads single stills of a spool without owning it; changes nothing."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from stillcast.spool import footer, reasons
from stillcast.spool.errors import spool_errors
from stillcast.spool.item import SpoolItem, State


@dataclass(frozen=True, slots=True)
class Deferral:
    """When a still is announced again.

    Attributes:
        due_s: seconds since 1970.
        attempts: rounds of callbacks that failed so far.
    """

    due_s: float
    attempts: int


def peek(root: Path, state: State, name: str) -> tuple[SpoolItem, bytes] | None:
    """Read the facts and the JPEG of a still, wherever it has moved on to; None if it has left the spool.

    Raises:
        NotASpoolFileError: it is not what was put.
        SpoolError: the disk failed.
    """
    for each in (state, *State):  # in the order in which stills move, so that none is overtaken
        path = root / each / name
        with spool_errors(path, "read a spooled still"):
            try:
                file = path.open("rb", buffering=0)
            except FileNotFoundError:
                continue
            with file:
                return footer.read(file.fileno(), name)
    return None


def place_of(root: Path, name: str) -> State | None:
    """Where a still stands now; None if it has left the spool, or moved back while we were looking."""
    return next((state for state in State if (root / state / name).exists()), None)


def reason_of(root: Path, state: State, name: str) -> str | None:
    """Why a still was given up or deferred; None if nobody wrote that down."""
    reason = reasons.read(root / state, name)
    return reason.text if reason else None


def deferral_of(root: Path, name: str) -> Deferral | None:
    """When a deferred still is announced again; None if it is no longer deferred."""
    directory = root / State.DEFERRED
    try:
        due_s = (directory / name).stat().st_mtime
    except OSError:
        return None
    reason = reasons.read(directory, name)
    return Deferral(due_s, (reason.attempts if reason else None) or 1)
