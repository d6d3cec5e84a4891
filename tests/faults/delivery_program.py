"""A program that spools a few pictures by the real collector and delivers them into a directory, to be killed anywhere.

What it promised and what it announced stands in its journal. ``check`` delivers the rest and holds all against it.
"""

from __future__ import annotations

import hashlib
import queue
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from faults.spool_program import Journal, check_shelves
from stillcast.agent.collector import Collector
from stillcast.delivery import Delivery
from stillcast.naming import parse_object_key
from stillcast.spool import Spool
from stillcast.stills import Still
from stillcast.storage import DirectoryStore
from support.fakes import FakeFeed, FakeNotifier
from support.stills import make_spool

PICTURES = 3
_UTC_NS = 1_700_000_000_123_000_000
_PATIENCE_S = 60.0


class Pictures:
    """Gives a few pictures, and no more."""

    def __init__(self) -> None:
        self._queue: queue.SimpleQueue[Any] = queue.SimpleQueue()
        for number in range(PICTURES):
            self._queue.put(_picture(number))

    def take(self, timeout_s: float) -> Any:
        try:
            return self._queue.get(timeout=min(timeout_s, 0.01))
        except queue.Empty:
            return None

    def queued(self) -> int:
        return self._queue.qsize()


class JournalNotifier(FakeNotifier):
    """Writes down each announcement, as a user's server would."""

    def __init__(self, journal: Journal) -> None:
        super().__init__()
        self._journal = journal

    async def notify(self, body: bytes, request_id: str) -> tuple[str, ...]:
        self._journal.say(f"announced {body.decode()} {request_id}")
        return ()


def _picture(number: int) -> Any:
    jpeg = b"\xff\xd8" + bytes([number]) * 3000 + b"\xff\xd9"
    encoded = SimpleNamespace(jpeg=jpeg, width=2, height=2, mean_luma=1.0, luma_deviation=0.0, dhash=0)
    facts = {"tick": True, "snapshot": False, "missed": None, "pushed_ns": 0, "pts_ns": None}
    ages = {"frame_age_ms": 1.0, "lateness_ms": 1.0, "source_width": 4, "source_height": 4}
    return SimpleNamespace(picture=encoded, feed_id=0, captured_utc_ns=_UTC_NS + number * 1_000_000, **facts, **ages)


def main(root: str, journal: str, durability: str) -> None:
    """Spool and deliver all, then end in order."""
    with Journal(Path(journal)) as lines, make_spool(Path(root) / "spool", durability=durability) as spool:
        delivery = _delivery(Path(root), spool, lines)
        delivery.start()
        collector = _collector(spool, delivery, lines)
        collector.start()
        assert collector.stop(_PATIENCE_S)
        assert delivery.flush(_PATIENCE_S), delivery.stats()
        delivery.stop(_PATIENCE_S)


def _delivery(root: Path, spool: Spool, journal: Journal) -> Delivery:
    return Delivery(spool, DirectoryStore(root / "store"), JournalNotifier(journal), store_workers=2)


def _collector(spool: Spool, delivery: Delivery, journal: Journal) -> Collector:
    def promise(still: Still) -> None:
        journal.say(f"promised {still.object_key} {hashlib.sha256(still.jpeg).hexdigest()}")

    collector = Collector(
        Pictures(), spool, prefix=("a",), deliver=delivery.offer, report_missed=delivery.report_missed, tell=promise
    )
    feed: Any = FakeFeed()
    collector.add(0, feed)
    return collector


def check(root: Path, journal: Path) -> int:
    """Deliver the rest as a restarted agent does, and see every promise kept; gives how many there were."""
    with Journal(journal) as lines, make_spool(root / "spool") as spool:
        check_shelves(spool)
        delivery = _delivery(root, spool, lines)
        delivery.start()
        assert delivery.flush(_PATIENCE_S), delivery.stats()
        delivery.stop(_PATIENCE_S)
        assert sum(spool.counts().values()) == sum(spool.dropped.values()) == 0
        check_shelves(spool)
    said = [line.split(" ") for line in journal.read_text().splitlines()]
    promised = {key: digest for word, key, digest in said if word == "promised"}
    stored = _digests(root / "store")
    assert promised.items() <= stored.items(), "a promised still is not in the store as it was promised"
    assert len({parse_object_key(key).sid for key in stored}) == len(stored) <= PICTURES
    announced = {(key, request_id) for word, key, request_id in said if word == "announced"}
    assert sorted(key for key, _ in announced) == sorted(stored), (
        "announced is what is stored, each under one requestId"
    )
    return len(promised)


def _digests(store: Path) -> dict[str, str]:
    found = [path for path in store.rglob("*") if path.is_file()]
    assert [path.name for path in found if path.suffix == ".part"] == []
    return {str(path.relative_to(store)): hashlib.sha256(path.read_bytes()).hexdigest() for path in found}
