"""Several sources playing into the feeds of one agent."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from stillcast.sources import Source, SourceOptions, SourceState, SourceStats
from stillcast.stills import Still

if TYPE_CHECKING:
    from stillcast.agent import Agent, Feed
    from stillcast.config import SourceConfig

_ENDS = (SourceState.ENDED, SourceState.FAILED, SourceState.STOPPED)


@dataclass(frozen=True, slots=True, kw_only=True)
class StillFacts:
    """What is kept of a still once it is spooled: all but its picture."""

    object_key: str
    cname: str
    uid: str
    captured_at: datetime
    width: int
    height: int
    bytes: int
    frame_age_ms: float
    lateness_ms: float


class StillCounter:
    """Counts the stills of each feed and knows its last one; pass ``count`` to ``Agent.on_still``.

    ``count`` is called on a thread of the agent, the rest by anyone.
    """

    def __init__(self, on_still: Callable[[StillFacts], None] = lambda _facts: None) -> None:
        self._on_still = on_still
        self._lock = threading.Lock()  # guards _counts and _last
        self._counts: dict[tuple[str, str], int] = {}
        self._last: dict[tuple[str, str], StillFacts] = {}

    def count(self, still: Still) -> None:
        """Note a still."""
        feed = (still.cname, still.uid)
        facts = StillFacts(
            object_key=still.object_key,
            cname=still.cname,
            uid=still.uid,
            captured_at=still.captured_at,
            width=still.width,
            height=still.height,
            bytes=len(still.jpeg),
            frame_age_ms=still.frame_age_ms,
            lateness_ms=still.lateness_ms,
        )
        with self._lock:
            self._counts[feed] = self._counts.get(feed, 0) + 1
            self._last[feed] = facts
        self._on_still(facts)

    def of(self, cname: str, uid: str) -> tuple[int, StillFacts | None]:
        """Give how many stills a feed has made, and the last."""
        with self._lock:
            return self._counts.get((cname, uid), 0), self._last.get((cname, uid))


@dataclass(frozen=True, slots=True)
class FeedRow:
    """One source as a table or a summary shows it."""

    name: str
    url: str
    source: SourceStats
    error: str | None
    stills: int
    last: StillFacts | None


@dataclass(slots=True)
class _Player:
    config: SourceConfig
    feed: Feed
    source: Source
    is_open: bool = True


@dataclass(slots=True)
class Playback:
    """Sources and the feeds they play into. Used by one thread, the main one."""

    counter: StillCounter
    _players: list[_Player] = field(default_factory=list)

    def add(self, agent: Agent, config: SourceConfig, options: SourceOptions, report: Callable[[str], None]) -> None:
        """Open the feed of a source; it does not play before ``start``."""
        feed = agent.open_feed(
            config.cname,
            config.uid,
            interval=config.interval,
            max_size=config.max_size,
            quality=config.quality,
            extra_info=config.extra_info,
        )
        source = Source(config.url, feed, name=f"{config.cname}/{config.uid}", options=options, report=report)
        self._players.append(_Player(config, feed, source))

    def start(self) -> None:
        """Let all sources play."""
        for player in self._players:
            player.source.start()

    def is_over(self) -> bool:
        """True once no source plays any more. Feeds of those that ended are closed, so that no tick waits for them."""
        for player in self._players:
            if player.is_open and player.source.state in _ENDS:
                self._close(player)
        return not any(player.is_open for player in self._players)

    def stop(self, timeout_s: float) -> None:
        """Stop all sources within one time for all of them, and close their feeds."""
        for player in self._players:
            player.source.request_stop()
        end_s = time.monotonic() + timeout_s
        for player in self._players:
            player.source.join(max(0.0, end_s - time.monotonic()))
            self._close(player)

    def rows(self) -> list[FeedRow]:
        """Say how each source does."""
        return [self._row(player) for player in self._players]

    def failures(self) -> Sequence[str]:
        """Say why sources failed for good, or never gave a picture; empty if all is well."""
        return [row.error for row in self.rows() if row.error]

    def _row(self, player: _Player) -> FeedRow:
        stats = player.source.stats()
        stills, last = self.counter.of(player.config.cname, player.config.uid)
        error = str(player.source.error) if player.source.error else None
        if error is None and not player.is_open and not stats.frames:
            error = f'source: "{player.source.location.shown}": never gave a picture: check the address and the sender'
        return FeedRow(player.source.name, player.source.location.shown, stats, error, stills, last)

    def _close(self, player: _Player) -> None:
        if player.is_open:
            player.is_open = False
            player.feed.close()
