"""The spool itself: durable puts, states as directories, caps that drop the oldest."""

from __future__ import annotations

import heapq
import os
import threading
import time
from collections.abc import Callable, Container, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, Literal, Self

from stillcast.config import SpoolConfig
from stillcast.errors import SpoolError
from stillcast.naming import format_utc
from stillcast.spool import files, footer, listing
from stillcast.spool.errors import SpoolItemCorruptError, SpoolItemGoneError, spool_errors
from stillcast.spool.item import SpoolEntry, SpoolItem, State, describe
from stillcast.spool.oldest import Oldest
from stillcast.spool.shelves import Shelves
from stillcast.stills import Still

_UTC_DIGITS: Final = 17
_EXPIRY_SCAN_S: Final = 60.0


class Spool:
    """The durable local store between capture and upload.

    Any thread may call anything; file work of one thread does not wait for that of another, except for the single
    renames and removals that change the counts.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        max_bytes: int,
        max_age_s: float,
        max_files: int = 1_000_000,
        min_free: int = 0,
        max_feed_share: float = 1.0,
        allow_tmpfs: bool = False,
        durability: Literal["process", "power"] = "process",
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Describe a spool; nothing is touched before ``open``.

        Args:
            path: directory of the spool, made if it is not there; on a local disk.
            max_bytes: cap on all of its files; the oldest still is dropped to keep it.
            max_age_s: seconds after capture at which a still is dropped.
            max_files: cap on the number of its stills.
            min_free: bytes of its disk that are left free for others.
            max_feed_share: 0 to 1; where a cap is reached and a feed holds more than this part of what the cap counts,
                the oldest still of that feed is dropped; 1 turns it off.
            allow_tmpfs: let it be in memory.
            durability: ``process`` survives the death of the process, ``power`` also that of the machine (two fsyncs
                a still).
            clock: seconds since 1970.
        """
        self.path = Path(path)
        self._max_bytes = max_bytes
        self._max_age = timedelta(seconds=max_age_s)
        self._max_files = max_files
        self._min_free = min_free
        self._max_feed_share = max_feed_share
        self._allow_tmpfs = allow_tmpfs
        self._clock = clock
        self._shelves = Shelves(self.path, sync=durability == "power")
        self._oldest_mutex = threading.Lock()  # guards the two below
        self._oldest = Oldest(self.path)
        self._scanned_at = 0.0

    @classmethod
    def of(cls, config: SpoolConfig) -> Spool:
        """Describe the spool that the settings say."""
        return cls(
            config.path,
            max_bytes=config.max_bytes,
            max_age_s=config.max_age,
            max_files=config.max_files,
            min_free=config.min_free,
            max_feed_share=config.max_feed_share,
            allow_tmpfs=config.allow_tmpfs,
            durability=config.durability,
        )

    def open(self) -> None:
        """Become the owner: take the lock, clear what a dead owner was writing, count what waits.

        Raises:
            SpoolError: another owner has it, or the directory cannot be used.
        """
        self._shelves.open()

    def close(self) -> None:
        """Let go of the spool; what waits in it stays there."""
        self._shelves.close()

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def put(self, still: Still, *, request_id: str, extra_info: str) -> SpoolItem:
        """Spool a still; when this returns, no death of the process can lose it.

        Drops the oldest stills where a cap asks for it; each is counted in ``dropped``.

        Args:
            still: what was captured.
            request_id: ``requestId`` of every attempt of its callback.
            extra_info: ``callbackData`` of its callback.

        Raises:
            SpoolError: it could not be written (disk full, no rights, closed); then nothing of it stays.
        """
        item = describe(still, request_id=request_id, extra_info=extra_info)
        data = footer.encode(item, still.jpeg)
        self._reserve(len(data))
        self._shelves.put(item.name, data)
        return item

    def read(self, state: State, name: str) -> tuple[SpoolItem, bytes]:
        """Read a still back and check it.

        Returns:
            its facts and its JPEG, the same bytes as were put.

        Raises:
            SpoolItemGoneError: it is no longer in that state.
            SpoolItemCorruptError: it is not what was put; it has been moved to quarantine.
            SpoolError: the disk failed.
        """
        path = self._shelves.path(state, name)
        try:
            with spool_errors(path, "read a spooled still"), path.open("rb", buffering=0) as file:
                return footer.read(file.fileno(), name)
        except footer.NotASpoolFileError as error:
            self.move(name, state, State.QUARANTINE, reason=str(error))
            raise SpoolItemCorruptError(f"{path}: {error}: moved to {State.QUARANTINE}") from error
        except SpoolError as error:
            if isinstance(error.__cause__, FileNotFoundError):
                raise SpoolItemGoneError(f"{path}: is no longer there") from None
            raise

    def move(self, name: str, from_state: State, to_state: State, reason: str | None = None) -> bool:
        """Change the state of a still; one rename, so it is in exactly one state at any instant.

        Args:
            name: file name.
            from_state: where it stands.
            to_state: where it shall stand.
            reason: why it is given up; kept beside the file while it is dead or in quarantine.

        Returns:
            False if it was no longer there.

        Raises:
            SpoolError: the disk failed, or the spool is closed.
        """
        return self._shelves.move(name, from_state, to_state, reason)

    def defer(self, name: str, from_state: State, *, due_s: float, attempts: int, reason: str) -> bool:
        """Put off the announcement of a still that is in the store; one that is put off already gets a new due time.

        Args:
            name: file name.
            from_state: where it stands, ``deferred`` included.
            due_s: when its callback shall be tried again, in seconds since 1970 by the spool's clock.
            attempts: rounds of callbacks that failed so far.
            reason: why the last one did.

        Returns:
            False if it was no longer there.

        Raises:
            SpoolError: the disk failed, or the spool is closed.
        """
        return self._shelves.defer(name, from_state, due_s, files.Reason(reason, State.STORED, attempts))

    def due(self, limit: int, exclude: Container[str] = ()) -> list[str]:
        """Names of deferred stills whose time has come, earliest first.

        Raises:
            SpoolError: the disk failed.
        """
        with spool_errors(self.path, f"list {State.DEFERRED}"):
            now = self._clock()
            found = ((due_s, name) for due_s, name in files.due_times(self.path / State.DEFERRED) if due_s <= now)
            return [name for _, name in heapq.nsmallest(limit, (pair for pair in found if pair[1] not in exclude))]

    def attempts(self, name: str) -> int:
        """How many rounds of callbacks of a deferred still have failed; 1 where nobody wrote it down."""
        self._shelves.path(State.DEFERRED, name)
        reason = files.read_reason(self.path / State.DEFERRED, name)
        return (reason.attempts if reason else None) or 1

    def revive(self, name: str) -> State | None:
        """Put a dead letter back to where it stood before it was given up; to ``ready`` where nobody wrote that down.

        Returns:
            where it stands now; None if it was no longer there.

        Raises:
            SpoolError: the disk failed, or the spool is closed.
        """
        self._shelves.path(State.DEAD, name)
        reason = files.read_reason(self.path / State.DEAD, name)
        state = State.STORED if reason is not None and reason.from_state == State.STORED else State.READY
        return state if self._shelves.move(name, State.DEAD, state, None) else None

    def remove(self, state: State, name: str) -> bool:
        """Let go of a still that is done with; works on a full disk too.

        Returns:
            False if it was no longer there.

        Raises:
            SpoolError: the disk failed, or the spool is closed.
        """
        return self._shelves.remove(state, name)

    def oldest(self, state: State, limit: int, exclude: Container[str] = ()) -> list[str]:
        """Names of the oldest stills in a state, oldest first; streams, so memory follows ``limit``, not the backlog.

        Raises:
            SpoolError: the disk failed.
        """
        with spool_errors(self.path, f"list {state}"):
            found = (name for name in files.names(self.path / state) if name not in exclude)
            return heapq.nsmallest(limit, found)

    @property
    def counted(self) -> bool:
        """Whether the files of an earlier owner have been counted; until then ``oldest`` and ``due`` find nothing."""
        return True

    def tidy(self) -> None:
        """Do what the spool does now and then: drop what is older than ``max_age_s``. Blocking; about once a second.

        Raises:
            SpoolError: the disk failed, or the spool is closed.
        """
        if not self._oldest_mutex.acquire(blocking=False):
            return  # another thread is at it
        try:
            with spool_errors(self.path, "drop what is too old"):
                self._drop_older_than(self._utc_before(self._max_age))
        finally:
            self._oldest_mutex.release()

    def counts(self) -> Mapping[State, int]:
        """How many stills stand in each state; kept as they move, so asking costs nothing."""
        return self._shelves.counts()

    @property
    def bytes_used(self) -> int:
        """Length of all spool files together."""
        return self._shelves.bytes_used()

    @property
    def dropped(self) -> Mapping[str, int]:
        """Stills dropped since the spool was opened, by reason.

        ``max_bytes`` and ``max_age`` never reached the store; ``max_age_stored`` and the like were dropped from the
        state that the name ends in.
        """
        return self._shelves.dropped()

    def ls(self, states: Container[State] = tuple(State)) -> Iterator[SpoolEntry]:
        """List what the spool holds, oldest first in each of the states; needs no ``open`` and changes nothing.

        Raises:
            SpoolError: there is no spool at ``path``, or it cannot be read.
        """
        return listing.entries(self.path, self._clock, states)

    def _reserve(self, needed: int) -> None:
        if needed > self._max_bytes:
            way_out = "raise it, or lower capture.max_size or capture.quality"
            raise SpoolError(f"spool.max_bytes: {self._max_bytes}: one still alone has {needed} bytes: {way_out}")
        self.tidy()
        while not self._shelves.reserve(needed, self._max_bytes):
            self._drop_oldest()

    def _drop_oldest(self) -> None:
        with self._oldest_mutex, spool_errors(self.path, "drop the oldest still"):
            victim = self._oldest.pop()
            if victim is None:
                text = f"spool.max_bytes: {self._max_bytes}: too small for the stills that are being written: raise it"
                raise SpoolError(text)
            name, state = victim
            self._shelves.remove(state, name, dropped_for="max_bytes")

    def _drop_older_than(self, cutoff: str) -> None:
        if self._oldest.peek() is None and self._scan_is_due():
            self._oldest.scan()
        while (victim := self._oldest.peek()) is not None and victim[0][:_UTC_DIGITS] < cutoff:
            self._oldest.pop()
            name, state = victim
            self._shelves.remove(state, name, dropped_for="max_age")

    def _scan_is_due(self) -> bool:
        now, interval = self._clock(), min(_EXPIRY_SCAN_S, self._max_age.total_seconds() / 10)
        if abs(now - self._scanned_at) < interval:  # a clock that was set back makes it due too
            return False
        self._scanned_at = now
        return True

    def _utc_before(self, age: timedelta) -> str:
        try:
            return format_utc(datetime.fromtimestamp(self._clock(), UTC) - age)
        except OverflowError:
            return ""  # before the year 1: nothing is as old
