"""The spool itself: durable puts, states as directories, caps that drop the oldest."""

from __future__ import annotations

import errno
import logging
import os
import threading
import time
from collections.abc import Callable, Container, Iterator, Mapping
from pathlib import Path
from typing import Final, Literal, Self

from stillcast.config import SpoolConfig
from stillcast.errors import SpoolError
from stillcast.spool import filesystem, footer, listing, reasons
from stillcast.spool.errors import SpoolItemCorruptError, SpoolItemGoneError, spool_errors
from stillcast.spool.item import SpoolEntry, SpoolItem, State, describe
from stillcast.spool.lowest import lowest
from stillcast.spool.room import Caps, Room
from stillcast.spool.shelves import Shelves
from stillcast.stills import Still

_LOG: Final = logging.getLogger("stillcast.spool")
_COUNTED_BY_OPEN: Final = 20_000
_COUNTED_AT_ONCE: Final = 256
_COUNT_AGAIN_S: Final = 5.0
_FULL_DISK_TRIES: Final = 3
_FULL_DISK: Final = (errno.ENOSPC, errno.EDQUOT)


class Spool:
    """The durable local store between capture and upload.

    Any thread may call anything; file work of one thread does not wait for that of another, except for the single
    renames and removals that change the counts. A process that is forked from the owner's has no part in it.
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
            min_free: bytes of its disk that are left free for others: where there are fewer, the spool stops growing.
            max_feed_share: 0 to 1; where a cap is reached and a feed holds more than this part of what the cap counts,
                the oldest still of that feed is dropped; 1 turns it off.
            allow_tmpfs: let it be in memory.
            durability: ``process`` survives the death of the process, ``power`` also that of the machine (two fsyncs
                a still).
            clock: seconds since 1970.
        """
        self.path = Path(path)
        self._allow_tmpfs = allow_tmpfs
        self._clock = clock
        self._shelves = Shelves(self.path, sync=durability == "power", feed_share=max_feed_share)
        self._caps = Caps(max_bytes=max_bytes, max_files=max_files, max_age_s=max_age_s, min_free=min_free)
        self._room = Room(self.path, self._shelves, self._caps, clock)
        self._drops_help = True
        self._counted = threading.Event()
        self._closing = threading.Event()
        self._counter: threading.Thread | None = None

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

        Where more than some thousand files wait, a thread goes on counting them, and this returns: see ``counted``.

        Raises:
            SpoolError: another owner has it, or the directory cannot be used.
        """
        if not self._allow_tmpfs and filesystem.is_in_memory(self.path):
            lost = "is in memory, where a restart of the machine loses every still"
            raise SpoolError(f"spool.path: {self.path}: {lost}: name a disk, or set spool.allow_tmpfs = true")
        self._room = Room(self.path, self._shelves, self._caps, self._clock)
        self._counted.clear()
        self._closing.clear()
        self._shelves.open()
        try:
            if self._shelves.count(_COUNTED_BY_OPEN):
                self._room.trim()
                self._counted.set()
                return
        except BaseException:
            self._shelves.close()
            raise
        self._counter = threading.Thread(target=self._count_on, name="stillcast-census", daemon=True)
        self._counter.start()

    def close(self) -> None:
        """Let go of the spool; what waits in it stays there."""
        if self._shelves.is_inherited:
            return
        self._closing.set()
        counter, self._counter = self._counter, None
        if counter is not None:
            counter.join()
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
        for left in reversed(range(_FULL_DISK_TRIES)):
            self._room.reserve(item.name, len(data))
            try:
                self._shelves.put(item.name, data)
                break
            except SpoolError as error:
                if left == 0 or not self._has_made_room(error, len(data)):
                    self._drops_help = False  # until a put goes through: on a disk that others fill no drop helps
                    raise
        self._drops_help = True
        self._room.came(item.name)
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
        self._shelves.require_not_inherited()
        try:
            with spool_errors(Path(path), "read a spooled still"):
                return _read(path, name)
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
        return self._shelves.defer(name, from_state, due_s, reasons.Reason(reason, State.STORED, attempts))

    def due(self, limit: int, exclude: Container[str] = ()) -> list[str]:
        """Names of deferred stills whose time has come, earliest first; none before ``counted``.

        Raises:
            SpoolError: the disk failed.
        """
        self._shelves.require_open()
        return self._shelves.due(self._clock(), limit, exclude) if self._counted.is_set() else []

    def attempts(self, name: str) -> int:
        """How many rounds of callbacks of a deferred still have failed; 1 where nobody wrote it down."""
        self._shelves.path(State.DEFERRED, name)
        self._shelves.require_not_inherited()
        reason = reasons.read(self.path / State.DEFERRED, name)
        return (reason.attempts if reason else None) or 1

    def revive(self, name: str) -> State | None:
        """Put a dead letter back to where it stood before it was given up; to ``ready`` where nobody wrote that down.

        Returns:
            where it stands now; None if it was no longer there.

        Raises:
            SpoolError: the disk failed, or the spool is closed.
        """
        return self._shelves.revive(name)

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

        Finds nothing before ``counted``.

        Raises:
            SpoolError: the disk failed.
        """
        self._shelves.require_open()
        if not self._counted.is_set():
            return []
        with spool_errors(self.path, f"list {state}"):
            return lowest(self.path / state, limit, exclude=exclude)

    @property
    def counted(self) -> bool:
        """Whether the files of an earlier owner have been counted; until then ``oldest`` and ``due`` find nothing."""
        return self._counted.is_set()

    def tidy(self) -> None:
        """Do what the spool does now and then: drop what is too old, find ahead of need what is oldest.

        Blocking, for as long as it takes to look at every file; about once a second.

        Raises:
            SpoolError: the disk failed, or the spool is closed.
        """
        self._shelves.require_open()
        if self._counted.is_set():
            self._room.tidy()

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

        ``max_bytes``, ``max_files``, ``max_age``, ``min_free`` and ``disk_full`` never reached the store;
        ``max_age_stored`` and the like were dropped from the state that the name ends in.
        """
        return self._shelves.dropped()

    def ls(self, states: Container[State] = tuple(State)) -> Iterator[SpoolEntry]:
        """List what the spool holds, oldest first in each of the states; needs no ``open`` and changes nothing.

        Raises:
            SpoolError: there is no spool at ``path``, or it cannot be read.
        """
        return listing.entries(self.path, self._clock, states)

    def _has_made_room(self, error: SpoolError, size: int) -> bool:
        """Drop the oldest stills if the disk was full; they are there to be dropped only once they are counted."""
        if getattr(error.__cause__, "errno", None) not in _FULL_DISK or not self._drops_help:
            return False
        self._shelves.wait_until_counted()
        return self._room.free(size, "disk_full") > 0

    def _count_on(self) -> None:
        """Count the rest in the background."""
        told = False
        while not self._closing.is_set():
            try:
                if self._shelves.count(_COUNTED_AT_ONCE):
                    self._room.trim()
                    self._counted.set()
                    return
            except SpoolError as error:
                if not told:
                    _LOG.warning("what waits cannot be counted, and is not delivered until it is: %s", error)
                told = True
                self._closing.wait(_COUNT_AGAIN_S)


def _read(path: str, name: str) -> tuple[SpoolItem, bytes]:
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    try:
        return footer.read(descriptor, name)
    finally:
        os.close(descriptor)
