"""Reads a spool without owning it, for ``stillcast spool ls``."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from stillcast.errors import SpoolError
from stillcast.spool import footer, reasons
from stillcast.spool.errors import spool_errors
from stillcast.spool.item import WITH_REASON, SpoolEntry, State
from stillcast.spool.lowest import lowest

_CHUNK: Final = 65_536


def entries(root: Path, clock: Callable[[], float], states: Container[State] = tuple(State)) -> Iterator[SpoolEntry]:
    """Stream one entry a still, oldest first in each state.

    Raises:
        SpoolError: there is no spool at ``root``, or it cannot be read.
    """
    if not (root / State.READY).is_dir():
        raise SpoolError(f"spool.path: {root}: no spool is there: check the path, or start an agent with it first")
    with spool_errors(root, "list the spool"):
        for state in (state for state in State if state in states):
            for name in _sorted_names(root / state):
                entry = _entry(root / state, state, name, clock())
                if entry is not None:
                    yield entry


def _sorted_names(directory: Path) -> Iterator[str]:
    """Every name in order, a bounded part of them in memory at a time."""
    last = ""
    while True:
        chunk = lowest(directory, _CHUNK, after=last)
        yield from chunk
        if len(chunk) < _CHUNK:
            return
        last = chunk[-1]


def _entry(directory: Path, state: State, name: str, now: float) -> SpoolEntry | None:
    path = directory / name
    reason = reasons.read(directory, name) if state in WITH_REASON else None
    try:
        with path.open("rb", buffering=0) as file:
            size = path.stat().st_size
            object_key = _object_key(file.fileno(), name)
    except FileNotFoundError:
        return None  # delivered while we were listing
    utc, sid, _feed = name.split("_")
    return SpoolEntry(
        state=state,
        name=name,
        sid=sid,
        age_s=now - _seconds(utc),
        bytes=size,
        object_key=object_key,
        reason=reason.text if reason else None,
    )


def _object_key(descriptor: int, name: str) -> str | None:
    try:
        return footer.read_facts(descriptor, name).object_key
    except footer.NotASpoolFileError:
        return None


def _seconds(utc: str) -> float:
    """Seconds since 1970 of 17 digits; 0 for digits that are no date."""
    try:
        moment = datetime.strptime(utc[:14], "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    except ValueError:
        return 0.0
    return moment.timestamp() + int(utc[14:]) / 1000
