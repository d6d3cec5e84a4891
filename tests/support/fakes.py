"""Fakes at the seams of the delivery: clock, store, notifier."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import Future
from datetime import datetime
from random import Random

from stillcast.agent.feed import FeedFacts
from stillcast.agent.history import History
from stillcast.callbacks import CallbackFailure, Named
from stillcast.spool import SpoolItem
from stillcast.storage import FailureKind, StorageFailure

_PASSES = 10  # of the loop, from a timer to the attempt that it starts
PASSING = FailureKind.PASSING
DESTINATION = FailureKind.DESTINATION
ITEM = FailureKind.ITEM


def failure(kind: FailureKind, code: str = "Code", *, throttled: bool = False) -> StorageFailure:
    text = f"storage.url: s3://bucket: {code}: mend it"
    return StorageFailure(text, kind=kind, code=code, throttled=throttled)


def slow_down() -> StorageFailure:
    return failure(PASSING, "SlowDown", throttled=True)


class FakeFeed:
    """What the collector sees of a feed."""

    def __init__(self, uid: str = "91") -> None:
        self.facts = FeedFacts(cname="lobby", uid=uid, extra_info="")
        self.history = History()
        self.interval_s = 2.0
        self.retired = False
        self.answer: Future[object] = Future()

    def extra_info_at(self, pushed_ns: int) -> str:
        return self.facts.extra_info

    def answer_snapshots(self, answer: object) -> None:
        self.answer.set_result(answer)


class ManualLoop(asyncio.SelectorEventLoop):
    """An event loop whose clock stands still until a test moves it."""

    _now_s = 1000.0

    def time(self) -> float:
        return self._now_s

    def advance(self, seconds: float) -> None:
        """Move the clock, and wait until what is due by then has begun; any thread but the loop's."""
        done = threading.Event()
        self.call_soon_threadsafe(self._move, seconds, done)
        assert done.wait(30.0), "the loop stands still"

    def _move(self, seconds: float, done: threading.Event) -> None:
        self._now_s += seconds
        self._pass(_PASSES, done)

    def _pass(self, left: int, done: threading.Event) -> None:
        if left:
            self.call_soon(self._pass, left - 1, done)
        else:
            done.set()


class Longest(Random):
    """Draws the longest wait each time."""

    def uniform(self, a: float, b: float) -> float:
        return b


async def until(condition: Callable[[], object]) -> None:
    """Wait for what no event tells of, on a loop whose clock may stand still."""
    while not condition():  # noqa: ASYNC110
        await asyncio.sleep(0)


def nothing(_key: str) -> Exception | None:
    """Let a store do what it does."""
    return None


class FakeStore:
    """Keeps what it is given, or does what ``answer``, ``answer_latest`` and ``answer_look`` say instead."""

    clock_skew_s: float | None = None

    def __init__(self, answer: Callable[[str], Exception | None] = lambda _key: None) -> None:
        self.answer = answer
        self.objects: dict[str, bytes] = {}
        self.puts: list[str] = []
        self.metadata: dict[str, dict[str, str]] = {}
        self.answer_latest: Callable[[str], Exception | None] = nothing
        self.answer_look: Callable[[str], Exception | None] = nothing
        self.latest: dict[str, tuple[bytes, str]] = {}  # by key: the picture, and when it was captured
        self.latest_puts: list[tuple[str, str]] = []
        self.looks: list[str] = []
        self._replacing: set[str] = set()
        self.closed = False
        self.tended = 0
        self.busy = 0
        self.busy_max = 0
        self._mutex = threading.Lock()

    def put(self, key: str, body: bytes, metadata: Mapping[str, str] | None = None) -> None:
        with self._mutex:
            self.puts.append(key)
            self.metadata[key] = dict(metadata or {})
            self.busy += 1
            self.busy_max = max(self.busy_max, self.busy)
        try:
            error = self.answer(key)
            if error is not None:
                raise error
            with self._mutex:
                assert self.objects.get(key, body) == body
                self.objects[key] = body
        finally:
            with self._mutex:
                self.busy -= 1

    def put_latest(self, key: str, body: bytes, metadata: Mapping[str, str]) -> None:
        with self._mutex:
            self.latest_puts.append((key, metadata["captured-at"]))
            assert key not in self._replacing, "two at once for one key"
            self._replacing.add(key)
        try:
            error = self.answer_latest(key)
            if error is not None:
                raise error
            with self._mutex:
                self.latest[key] = (body, metadata["captured-at"])
        finally:
            with self._mutex:
                self._replacing.discard(key)

    def latest_captured_at(self, key: str) -> datetime | None:
        with self._mutex:
            self.looks.append(key)
        error = self.answer_look(key)
        if error is not None:
            raise error
        return datetime.fromisoformat(self.latest[key][1]) if key in self.latest else None

    def tend(self) -> None:
        self.tended += 1

    def close(self) -> None:
        self.closed = True


class FakeNotifier:
    """Remembers every announcement; fails where ``fails`` says so, and puts a failed one off by each of ``waits_s``.

    ``answer`` is awaited in each attempt, so that a test can let attempts hang.
    """

    def __init__(
        self,
        fails: Callable[[str], bool] = lambda _request_id: False,
        *,
        waits_s: Sequence[float] = (),
        answer: Callable[[], Awaitable[object]] = lambda: asyncio.sleep(0),
    ) -> None:
        self.fails = fails
        self.waits_s = waits_s
        self.answer = answer
        self.announced: list[str] = []
        self.tried: list[str] = []
        self.busy = 0
        self.busy_max = 0
        self.closed = False

    async def start(self) -> None:
        return None

    def body(self, item: SpoolItem) -> bytes:
        return item.object_key.encode()

    def missed_body(self, item: Named, msg: str) -> bytes:
        return f"{item.object_key} {msg}".encode()

    def retry_in_s(self, failure: CallbackFailure, attempts: int) -> float | None:
        gone = failure.reason == "status 410"
        return None if gone or attempts > len(self.waits_s) else self.waits_s[attempts - 1]

    async def notify(self, body: bytes, request_id: str) -> tuple[str, ...]:
        self.tried.append(request_id)
        self.busy += 1
        self.busy_max = max(self.busy_max, self.busy)
        try:
            await self.answer()
        finally:
            self.busy -= 1
        if self.fails(request_id):
            raise CallbackFailure(
                "callback.url: https://host: status 500 after 3 attempts: mend it", ("status 500",) * 3
            )
        self.announced.append(request_id)
        return ()

    async def close(self) -> None:
        self.closed = True
