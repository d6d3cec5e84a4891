"""``stillcast spool ls``."""

from __future__ import annotations

import json
import time
from pathlib import Path

import typer

from stillcast.cli.sizes import age, in_words
from stillcast.cli.spool_choice import spool_settings
from stillcast.cli.status import plain, say
from stillcast.spool import Spool, SpoolEntry, State
from stillcast.spool.peeking import Deferral, deferral_of

_WAITS_FOR = {
    State.READY: "waits to be stored",
    State.STORED: "waits to be announced",
    State.DEFERRED: "waits to be announced again",
    State.DEAD: "given up",
    State.QUARANTINE: "unreadable",
}


def list_spool(config_path: Path | None, path: Path | None, *, as_json: bool) -> None:
    """Print one line or one JSON object for each still in a spool.

    Args:
        config_path: settings whose ``spool.path`` is meant.
        path: the spool itself, instead.
        as_json: one object a line, so that a spool of any size can be streamed.

    Raises:
        ConfigError: both were given, or the settings are wrong.
        SpoolError: there is no spool.
    """
    spool = Spool.of(spool_settings(config_path, path))
    totals: dict[State, tuple[int, int]] = {}
    for entry in spool.ls():
        count, size = totals.get(entry.state, (0, 0))
        totals[entry.state] = (count + 1, size + entry.bytes)
        deferral = deferral_of(spool.path, entry.name) if entry.state is State.DEFERRED else None
        typer.echo(_json(entry, deferral) if as_json else _line(entry, deferral))
    if not as_json:
        say(_summary(totals))


def _json(entry: SpoolEntry, deferral: Deferral | None) -> str:
    told = {
        "state": entry.state,
        "name": entry.name,
        "sid": entry.sid,
        "age_s": round(entry.age_s, 3),
        "bytes": entry.bytes,
        "object_key": entry.object_key,
        "reason": entry.reason,
    }
    if deferral is not None:
        told |= {"due_in_s": round(_due_in_s(deferral), 3), "attempts": deferral.attempts}
    return json.dumps(told)


def _line(entry: SpoolEntry, deferral: Deferral | None) -> str:
    why = plain(entry.reason or _WAITS_FOR[entry.state])
    if deferral is not None:
        times = "once" if deferral.attempts == 1 else f"{deferral.attempts} times"
        why = f"failed {times}, again {_soon(_due_in_s(deferral))}: {why}"
    return f"{entry.state:<10} {age(entry.age_s):>6} {entry.bytes:>9}  {entry.object_key or entry.name}  {why}"


def _due_in_s(deferral: Deferral) -> float:
    return deferral.due_s - time.time()


def _soon(seconds: float) -> str:
    return f"in {age(seconds)}" if seconds >= 1 else "now"


def _summary(totals: dict[State, tuple[int, int]]) -> str:
    return (
        ", ".join(f"{count} {state} ({in_words(size)})" for state, (count, size) in totals.items()) or "nothing waits"
    )
