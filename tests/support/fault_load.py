"""Stills at a rate, through the real collector, spool and delivery, without the sampler before them."""

from __future__ import annotations

import hashlib
import itertools
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import av

from stillcast.agent.collector import Collector
from stillcast.callbacks import Notifier
from stillcast.capture import Frame, encode_still
from stillcast.config import AgentConfig
from stillcast.delivery import Delivery
from stillcast.spool import Spool
from stillcast.stills import EncodedStill, Still
from stillcast.storage import open_store
from support.clips import clip
from support.fakes import FakeFeed

_FEEDS = 50
_TICKS_PER_S = 100  # of the kernel's CPU accounting (USER_HZ)


def real_stills(count: int, *, quality: int = 80) -> list[EncodedStill]:
    """Encode the first frames of a real clip, as the sampler would."""
    with av.open(str(clip("bigbuckbunny"))) as container:
        frames = itertools.islice(container.decode(video=0), 0, count * 4, 4)
        arrays = [frame.to_ndarray(format="yuv420p") for frame in frames]
    return [encode_still(Frame.from_array(array, "I420"), quality=quality) for array in arrays]


class Paced:
    """Gives pictures to a collector at a steady rate, as a sampler with many feeds does."""

    def __init__(self, stills: Sequence[EncodedStill], rate: float) -> None:
        self._stills = stills
        self._rate = rate
        self._given = 0
        self._began: float | None = None
        self.ended = threading.Event()

    def take(self, timeout_s: float) -> Any:
        """Give the next picture when its time has come; where time has run away, at once, so the rate holds."""
        now = time.monotonic()
        if self._began is None:
            self._began = now
        wait = self._began + self._given / self._rate - now
        if self.ended.is_set():
            return None
        if wait > 0:
            time.sleep(min(wait, timeout_s))
        if wait > timeout_s:
            return None
        self._given += 1
        return self._picture(self._given)

    def queued(self) -> int:
        return 0

    def _picture(self, number: int) -> Any:
        facts = {"tick": True, "snapshot": False, "missed": None, "pushed_ns": 0, "pts_ns": None}
        ages = {"frame_age_ms": 1.0, "lateness_ms": 1.0, "source_width": 1280, "source_height": 720}
        picture = self._stills[number % len(self._stills)]
        feed = number % _FEEDS
        return SimpleNamespace(picture=picture, feed_id=feed, captured_utc_ns=time.time_ns(), **facts, **ages)


@dataclass
class Load:
    """A running collector and delivery.

    Attributes:
        promised: digest of each still that was spooled, by object key.
    """

    spool: Spool
    delivery: Delivery
    source: Paced
    promised: dict[str, str] = field(default_factory=dict)
    collector: Collector | None = None

    def stop_capture(self) -> None:
        """No more stills from now on."""
        self.source.ended.set()
        assert self.collector is not None
        assert self.collector.stop(60.0)

    def promise(self, still: Still) -> None:
        self.promised[still.object_key] = hashlib.sha256(still.jpeg).hexdigest()


@contextmanager
def load(config: AgentConfig, stills: Sequence[EncodedStill], rate: float) -> Iterator[Load]:
    """Run stills through all that an agent has behind its sampler."""
    notifier = Notifier(config.callback) if config.callback.url else None
    with Spool.of(config.spool) as spool:
        delivery = Delivery(spool, open_store(config.storage), notifier)
        made = Load(spool, delivery, Paced(stills, rate))
        made.collector = Collector(
            made.source,
            spool,
            prefix=config.storage.prefix,
            deliver=delivery.offer,
            report_missed=delivery.report_missed,
            tell=made.promise,
        )
        for number in range(_FEEDS):
            feed: Any = FakeFeed(str(number))
            made.collector.add(number, feed)
        delivery.start()
        made.collector.start()
        try:
            yield made
        finally:
            made.source.ended.set()
            made.collector.stop(10.0)
            delivery.stop(10.0)


def cpu_by_thread() -> Counter[str]:
    """CPU seconds that each group of threads of this process has used, user and system together."""
    names = {thread.native_id: thread.name for thread in threading.enumerate()}
    found: Counter[str] = Counter()
    for task in Path("/proc/self/task").iterdir():
        try:
            fields = (task / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it has just ended
        name = names.get(int(task.name), "others")
        group = name.rstrip("0123456789").rstrip("-")
        found[group] += (int(fields[11]) + int(fields[12])) / _TICKS_PER_S  # type: ignore[assignment]
    return found
