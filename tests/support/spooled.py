"""Spools as an agent leaves them behind, with stills in any state."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from stillcast.spool import Spool, SpoolItem, State
from support.cli import stillcast
from support.stills import make_spool, make_still, put


def spooled(spool: Spool, state: State, *, age: timedelta = timedelta(), reason: str = "of a test") -> SpoolItem:
    """Put a still and bring it to a state, the way that the delivery does."""
    captured_at = datetime.now(UTC).replace(microsecond=0) - age
    item = put(spool, make_still(captured_at=captured_at, jpeg=b"\xff\xd8" + os.urandom(200) + b"\xff\xd9"))
    if state is not State.READY:
        spool.move(item.name, State.READY, State.STORED)
    if state is State.DEFERRED:
        due = datetime.now(UTC) + timedelta(minutes=5, seconds=30)
        spool.defer(item.name, State.STORED, due_s=due.timestamp(), attempts=3, reason=reason)
    elif state not in (State.READY, State.STORED):
        spool.move(item.name, State.STORED, state, reason)
    return item


@contextmanager
def spool_of(directory: Path) -> Iterator[Spool]:
    with make_spool(directory / "spool", clock=lambda: datetime.now(UTC).timestamp()) as spool:
        yield spool


def places(directory: Path) -> dict[str, str]:
    """State of each still by its sid."""
    done = stillcast("spool", "ls", "--path", directory / "spool", "--json")
    assert done.returncode == 0, done.stderr
    return {told["sid"]: told["state"] for told in map(json.loads, done.stdout.splitlines())}
