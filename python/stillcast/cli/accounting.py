"""What became of every tick, in words and as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from typing import TYPE_CHECKING

from stillcast.cli.playback import FeedRow
from stillcast.histograms import Histogram

if TYPE_CHECKING:
    from stillcast.agent import Agent, AgentStats


def account(stats: AgentStats, *, announces: bool) -> str:
    """Say in a few lines what became of the ticks and of the stills.

    Args:
        stats: the agent's, after its end.
        announces: whether there is a callback at all.
    """
    skipped = f"{stats.skipped} skipped, " if stats.skipped else ""
    missed = _with_reasons("missed", stats.missed)
    lines = [f"{stats.ticks} ticks: {stats.stills - stats.snapshots} stills, {skipped}{missed}"]
    after = [f"{stats.spooled} spooled", f"{stats.stored} stored"]
    waiting = stats.waiting_store + stats.waiting_announce + stats.deferred
    if announces:
        after.append(f"{stats.announced} announced")
    after += [f"{waiting} waiting", f"{stats.dead_letters} given up"]
    lines.append("stills: " + ", ".join(after))
    for name, counts in (
        ("frames refused", stats.refused),
        ("snapshots missed", stats.missed_snapshots),
        ("stills dropped", stats.dropped),
        ("store failures", stats.store_failures),
        ("callback failures", stats.callback_failures),
    ):
        if _total(counts):
            lines.append(_with_reasons(name, counts))
    if stats.spool_failed:
        lines.append(f"stills that could not be spooled: {stats.spool_failed}")
    if stats.latest_failed:
        lines.append(f"newest pictures that were not put in their place: {stats.latest_failed}")
    if stats.parked:
        lines.append(f"the store is parked: {stats.parked}")
    if stats.callbacks_parked:
        lines.append(f"callbacks are held: {stats.callbacks_parked}")
    return "\n".join(lines)


def unaccounted(stats: AgentStats) -> int:
    """Count ticks that became neither a still nor a miss with a reason, nor were skipped; anything but 0 is a bug."""
    return stats.ticks + stats.snapshots - stats.stills - stats.skipped - _total(stats.missed)


def is_settled(agent: Agent, wait_s: float) -> bool:
    """Wait a while until no still is on its way any more: each is delivered or was given up.

    Args:
        agent: no source plays into it any more.
        wait_s: seconds at most.
    """
    if agent.flush(wait_s):
        return True
    stats = agent.stats()
    on_its_way = stats.stills > stats.spooled + stats.spool_failed
    return not (on_its_way or stats.waiting_store or stats.waiting_announce or stats.deferred)


def was_all_delivered(stats: AgentStats, *, announces: bool, dead_before: int) -> bool:
    """Say whether every still that was captured is stored, and announced if there is a callback.

    Args:
        stats: the agent's, after its end.
        announces: whether there is a callback at all.
        dead_before: stills that had been given up before it began; the spool outlives the agent.
    """
    lost = _total(stats.dropped) + stats.spool_failed + max(0, stats.dead_letters - dead_before)
    waiting = stats.queued + stats.waiting_store + (stats.waiting_announce + stats.deferred if announces else 0)
    return not lost and not waiting


def stats_as_json(stats: AgentStats) -> dict[str, object]:
    """Turn the figures into what ``json.dumps`` takes."""
    values = {field.name: getattr(stats, field.name) for field in fields(stats)}
    return {name: _as_json(value) for name, value in values.items()}


def _as_json(value: object) -> object:
    if isinstance(value, Histogram):
        return asdict(value)
    return dict(value) if isinstance(value, Mapping) else value


def rows_as_json(rows: Sequence[FeedRow]) -> list[dict[str, object]]:
    """Turn the sources into what ``json.dumps`` takes."""
    return [
        {
            "feed": row.name,
            "url": row.url,
            "state": row.source.state.value,
            "video": str(row.source.info) if row.source.info else None,
            "frames": row.source.frames,
            "bad_packets": row.source.bad_packets,
            "damaged_frames": row.source.damaged_frames,
            "reconnects": row.source.reconnects,
            "stills": row.stills,
            "error": row.error,
        }
        for row in rows
    ]


def _total(counts: Mapping[str, int]) -> int:
    return sum(counts.values())


def _with_reasons(name: str, counts: Mapping[str, int]) -> str:
    reasons = ", ".join(f"{reason} {count}" for reason, count in sorted(counts.items()) if count)
    return f"{_total(counts)} {name}" + (f" ({reasons})" if reasons else "")
