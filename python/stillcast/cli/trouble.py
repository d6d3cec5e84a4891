"""Tells of trouble with the store and the callback once, not with every still."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stillcast.agent import AgentStats


class TroubleWatch:
    """Compares the agent's figures with those it saw before. Used by one thread."""

    def __init__(self) -> None:
        self._told: set[tuple[str, str]] = set()
        self._parked: str | None = None

    def look(self, stats: AgentStats) -> Iterator[str]:
        """Say what is new: a kind of failure that was not there before, or a store that was parked or came back."""
        if stats.parked != self._parked:
            self._parked = stats.parked
            yield f"store: {stats.parked}; stills wait in the spool" if stats.parked else "store: takes stills again"
        for name, counts, then in (
            ("store", stats.store_failures, "stills wait in the spool and are tried again"),
            ("callback", stats.callback_failures, "tried again as often as is set, then kept for replay"),
            ("still dropped", stats.dropped, "see spool.max_bytes and spool.max_age"),
        ):
            for reason, count in counts.items():
                if count and (name, reason) not in self._told:
                    self._told.add((name, reason))
                    yield f"{name}: {reason}: {then}"
