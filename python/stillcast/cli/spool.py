"""``stillcast spool ls``."""

from __future__ import annotations

import json
from pathlib import Path

import typer

from stillcast.config import AgentConfig
from stillcast.errors import ConfigError
from stillcast.spool import Spool, SpoolEntry, State

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
    if config_path and path:
        raise ConfigError(f"--path: {path}: says the same as --config: use one of them")
    settings = AgentConfig.load(config_path).spool
    spool = Spool.of(settings.model_copy(update={"path": path}) if path else settings)
    totals: dict[State, tuple[int, int]] = {}
    for entry in spool.ls():
        count, size = totals.get(entry.state, (0, 0))
        totals[entry.state] = (count + 1, size + entry.bytes)
        typer.echo(_json(entry) if as_json else _line(entry))
    if not as_json:
        typer.echo(_summary(totals), err=True)


def _json(entry: SpoolEntry) -> str:
    return json.dumps(
        {
            "state": entry.state,
            "name": entry.name,
            "sid": entry.sid,
            "age_s": round(entry.age_s, 3),
            "bytes": entry.bytes,
            "object_key": entry.object_key,
            "reason": entry.reason,
        }
    )


def _line(entry: SpoolEntry) -> str:
    why = entry.reason or _WAITS_FOR[entry.state]
    return f"{entry.state:<10} {age(entry.age_s):>6} {entry.bytes:>9}  {entry.object_key or entry.name}  {why}"


def _summary(totals: dict[State, tuple[int, int]]) -> str:
    parts = [f"{count} {state} ({size} bytes)" for state, (count, size) in totals.items()]
    return "stillcast: " + (", ".join(parts) if parts else "nothing waits")


def age(seconds: float) -> str:
    """Say how long ago something was, in at most five characters: ``59s``, ``12m``, ``47h``, ``99d``."""
    for unit, size in (("d", 48 * 3600), ("h", 3600), ("m", 60)):
        if seconds >= size:
            return f"{int(seconds // (86400 if unit == 'd' else size))}{unit}"
    return f"{int(seconds)}s"
