"""What holds whatever breaks: conservation, purity, bounds, liveness. One checker for every fault."""

from __future__ import annotations

import hashlib
import threading
import time
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Self

from stillcast.naming import parse_object_key
from stillcast.receiver import ReceivedStill
from stillcast.spool import SpoolEntry
from stillcast.stills import Still
from support.s3_front import S3Front
from support.servers import S3Server
from support.stills import wait_until

LIVENESS_S = 30.0
"""After a fault ended, a still that is captured then is stored within so many seconds."""

_MEBIBYTE = 1 << 20


@dataclass(frozen=True)
class Promise:
    """A still that an agent said it had spooled.

    Attributes:
        sid: of the still.
        digest: SHA-256 of its JPEG.
        object_key: where it has to end.
    """

    sid: str
    digest: str
    object_key: str

    @property
    def captured_at(self) -> datetime:
        return parse_object_key(self.object_key).captured_at


def promise_of(still: Still) -> str:
    """The line that an agent writes for a spooled still."""
    return f"{still.sid} {hashlib.sha256(still.jpeg).hexdigest()} {still.object_key}"


def promises(path: Path) -> list[Promise]:
    """Every promise of a log; a last line that the kill cut short was none."""
    if not path.exists():
        return []
    text = path.read_text()
    return [Promise(*line.split(" ")) for line in text[: text.rfind("\n") + 1].splitlines()]


Objects = Mapping[str, Collection[str]]
"""Keys of a store, each with the SHA-256 of every different body it ever took."""


def objects_of(store: S3Front | S3Server | Path, prefix: str = "") -> Objects:
    """What a store holds."""
    if isinstance(store, S3Front):
        # A list first: the front goes on while we look.
        return {key: set(kept.digests) for key, kept in list(store.objects.items()) if key.startswith(prefix)}
    if isinstance(store, Path):
        found = [path for path in (store / prefix).rglob("*.jpg") if path.is_file()]
        return {str(path.relative_to(store)): {_digest(path.read_bytes())} for path in found}
    return {key: {_digest(store.get(key)["Body"])} for key in store.all_keys(prefix)}


def assert_pure(objects: Objects) -> None:
    """No two objects of one still, and no object that ever had two different bodies."""
    sids = Counter(parse_object_key(key).sid for key in objects)
    assert [sid for sid, count in sids.items() if count > 1] == [], "stills with two keys"
    assert [key for key, digests in objects.items() if len(digests) != 1] == [], "keys with two bodies"


def assert_conserved(
    promised: Collection[Promise], objects: Objects, waiting: Collection[SpoolEntry] = (), *, dropped: int = 0
) -> None:
    """What was promised is stored as it was promised, or waits, or was dropped and counted as such."""
    assert len({promise.sid for promise in promised}) == len(promised), "a sid was given twice"
    in_spool = {entry.sid for entry in waiting}
    missing = [each for each in promised if each.object_key not in objects and each.sid not in in_spool]
    assert len(missing) <= dropped, f"{len(missing)} lost, of which {dropped} were dropped and counted: {missing[:3]}"
    wrong = [each for each in promised if objects.get(each.object_key, {each.digest}) != {each.digest}]
    assert wrong == [], f"stored with other bytes than promised: {wrong[:3]}"


def assert_announced(announced: Collection[ReceivedStill], objects: Objects, *, dropped: int = 0) -> None:
    """Every object was announced under one requestId with the digest that it has, and nothing else was.

    A cap may have dropped some between store and callback; they are counted as dropped.
    """
    requests: dict[str, set[str]] = {}
    for still in announced:
        requests.setdefault(still.object_key, set()).add(still.request_id)
        if still.still is not None:
            assert {still.still["sha256"]} == set(objects.get(still.object_key, ())), still.object_key
    told, kept = requests.keys(), objects.keys()
    assert told <= kept, f"told and not stored: {list(told - kept)[:3]}"
    assert len(kept - told) <= dropped, f"stored and not told: {list(kept - told)[:3]}"
    assert [key for key, ids in requests.items() if len(ids) != 1] == [], "announced under two requestIds"


def wait_for_live_still(log: Path, store: S3Front | S3Server | Path, prefix: str = "") -> float:
    """Wait until a still that was promised from now on is stored; gives how many seconds that took.

    More than ``LIVENESS_S`` is a failure: it is one of the invariants.
    """
    known, began = len(promises(log)), time.monotonic()

    def is_stored() -> bool:
        new = promises(log)[known:]
        return bool(new) and not {each.object_key for each in new}.isdisjoint(_keys(store, prefix))

    wait_until(is_stored, f"a new still in the store within {LIVENESS_S:.0f} s after the fault", LIVENESS_S)
    return time.monotonic() - began


def _keys(store: S3Front | S3Server | Path, prefix: str) -> Collection[str]:
    return store.all_keys(prefix) if isinstance(store, S3Server) else objects_of(store, prefix).keys()


@dataclass(frozen=True)
class Usage:
    """What a process uses at one instant."""

    at_s: float
    rss: int
    threads: int
    sockets: int
    files: int


def usage(pid: int) -> Usage:
    """Read what a process uses now."""
    status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    links = [_target(link) for link in Path(f"/proc/{pid}/fd").iterdir()]
    return Usage(
        at_s=time.monotonic(),
        rss=int(status["VmRSS"].split()[0]) * 1024,
        threads=int(status["Threads"]),
        sockets=sum(link.startswith("socket:") for link in links),
        files=len(links),
    )


@dataclass
class Bounds:
    """Watches what a process uses, several times a second, for as long as the block lasts."""

    pid: int
    every_s: float = 0.2
    seen: list[Usage] = field(default_factory=list)
    _ending: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        if self._thread is not None:
            self._thread.join()

    def begin(self) -> None:
        """Count from now on: what the process loads at its start is behind it."""
        self.seen = [usage(self.pid)]

    def assert_bounded(self, *, threads: int = 40, sockets: int = 40, growth: int = 64 * _MEBIBYTE) -> str:
        """Hold what was seen against the bounds; gives a few words for the table.

        Args:
            threads: most that there may be at any instant.
            sockets: likewise.
            growth: most bytes that memory may grow since ``begin``.
        """
        assert self.seen, "the process was never seen"
        grown = max(each.rss for each in self.seen) - self.seen[0].rss
        most_threads, most_sockets = max(each.threads for each in self.seen), max(each.sockets for each in self.seen)
        assert most_threads <= threads, f"{most_threads} threads"
        assert most_sockets <= sockets, f"{most_sockets} sockets"
        assert grown <= growth, f"memory grew by {grown / _MEBIBYTE:.0f} MiB"
        return f"+{max(0, grown) / _MEBIBYTE:.0f} MiB, {most_threads} threads, {most_sockets} sockets"

    def _watch(self) -> None:
        while not self._ending.wait(self.every_s):
            try:
                self.seen.append(usage(self.pid))
            except (OSError, KeyError, ValueError):  # it has ended, or is about to
                continue


def _target(link: Path) -> str:
    try:
        return str(link.readlink())
    except OSError:
        return ""


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
