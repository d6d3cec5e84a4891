"""Fakes at the seams of the delivery: clock, store, notifier."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

from stillcast.callbacks import CallbackFailure, Named
from stillcast.spool import SpoolItem
from stillcast.storage import FailureKind, StorageFailure

PASSING = FailureKind.PASSING
DESTINATION = FailureKind.DESTINATION
ITEM = FailureKind.ITEM


def failure(kind: FailureKind, code: str = "Code") -> StorageFailure:
    return StorageFailure(f"storage.url: s3://bucket: {code}: mend it", kind=kind, code=code)


class ManualLoop(asyncio.SelectorEventLoop):
    """An event loop whose clock stands still until a test moves it."""

    _now_s = 1000.0

    def time(self) -> float:
        return self._now_s

    def advance(self, seconds: float) -> None:
        """Move the clock; any thread."""
        self.call_soon_threadsafe(self._move, seconds)

    def _move(self, seconds: float) -> None:
        self._now_s += seconds


class FakeStore:
    """Keeps what it is given, or does what ``answer`` says instead."""

    def __init__(self, answer: Callable[[str], Exception | None] = lambda _key: None) -> None:
        self.answer = answer
        self.objects: dict[str, bytes] = {}
        self.puts: list[str] = []
        self.closed = False
        self.busy = 0
        self.busy_max = 0
        self._mutex = threading.Lock()

    def put(self, key: str, body: bytes) -> None:
        with self._mutex:
            self.puts.append(key)
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

    def close(self) -> None:
        self.closed = True


class FakeNotifier:
    """Remembers every announcement; fails where ``fails`` says so."""

    def __init__(self, fails: Callable[[str], bool] = lambda _request_id: False) -> None:
        self.fails = fails
        self.announced: list[str] = []
        self.tried: list[str] = []
        self.closed = False

    async def start(self) -> None:
        return None

    def body(self, item: SpoolItem) -> bytes:
        return item.object_key.encode()

    def missed_body(self, item: Named, msg: str) -> bytes:
        return f"{item.object_key} {msg}".encode()

    async def notify(self, body: bytes, request_id: str) -> tuple[str, ...]:
        self.tried.append(request_id)
        await asyncio.sleep(0)
        if self.fails(request_id):
            raise CallbackFailure(
                "callback.url: https://host: status 500 after 3 attempts: mend it", ("status 500",) * 3
            )
        self.announced.append(request_id)
        return ()

    async def close(self) -> None:
        self.closed = True
