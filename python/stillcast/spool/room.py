"""Makes room: keeps the caps of a spool by dropping what is oldest."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from stillcast.errors import SpoolError
from stillcast.naming import format_utc
from stillcast.spool import filesystem
from stillcast.spool.errors import spool_errors
from stillcast.spool.ledger import Measure
from stillcast.spool.oldest import Oldest
from stillcast.spool.shelves import Shelves

_UTC_DIGITS: Final = 17
_AGE_SCAN_S: Final = 60.0
_NEAR: Final = 0.9  # the part of a cap from which victims are looked for ahead of need
_GONE_AT_ONCE: Final = 4096


@dataclass(frozen=True, slots=True)
class Caps:
    """What a spool may hold.

    Attributes:
        max_bytes: of all its files.
        max_files: number of its files.
        max_age_s: seconds after capture.
        min_free: bytes of its disk that are left free for others.
    """

    max_bytes: int
    max_files: int
    max_age_s: float
    min_free: int


class Room:
    """Drops the oldest stills where a cap asks for it: those of a feed that holds too much first. For any thread.

    Note [Drops without a pause]: which file is oldest is found by a scan of the directories, half a second for a
    million files. So ``tidy`` scans in the background when a cap is near, and ``reserve`` takes what is known; it scans
    itself only where that was not enough.
    """

    def __init__(self, root: Path, shelves: Shelves, caps: Caps, clock: Callable[[], float]) -> None:
        """Describe it.

        Args:
            root: the spool's directory.
            shelves: where the files are.
            caps: to be kept.
            clock: seconds since 1970.
        """
        self._root = root
        self._shelves = shelves
        self._caps = caps
        self._clock = clock
        self._oldest = Oldest(root)
        self._scanned_at = -math.inf
        self._trimmed = False
        self._freed_ahead = 0  # bytes that were dropped for want of free space, and not used up yet
        self._pressed = False  # something was dropped since the last ``tidy``

    def reserve(self, name: str, size: int) -> None:
        """Take room for a still that is about to be put.

        Until ``trim`` has brought what an earlier owner left within the caps, none is enforced.

        Raises:
            SpoolError: it is larger than the whole cap, there is nothing to drop, or the spool is closed.
        """
        caps = self._caps
        if size > caps.max_bytes:
            way_out = "raise it, or lower capture.max_size or capture.quality"
            raise SpoolError(f"spool.max_bytes: {caps.max_bytes}: one still alone has {size} bytes: {way_out}")
        if not self._trimmed:
            self._shelves.reserve(name, size, max_bytes=math.inf, max_files=math.inf)
            return
        self._leave_free(size)
        while cap := self._shelves.reserve(name, size, max_bytes=caps.max_bytes, max_files=caps.max_files):
            if not self._drop_oldest(f"max_{cap}", cap):
                value = caps.max_bytes if cap == "bytes" else caps.max_files
                raise SpoolError(f"spool.max_{cap}: {value}: too small for the stills that are being written: raise it")

    def came(self, name: str) -> None:
        """Know of a still that was put."""
        self._oldest.note(name)

    def free(self, size: int, reason: str) -> int:
        """Drop the oldest stills, of as many bytes as that; how many it were, 0 if there was nothing to drop.

        Raises:
            SpoolError: the disk failed, or the spool is closed.
        """
        freed = 0
        while freed < size:
            dropped = self._drop_oldest(reason, "bytes")
            if not dropped:
                break
            freed += dropped
        return freed

    def trim(self) -> None:
        """Enforce the caps on what was found at the start.

        Raises:
            SpoolError: the disk failed, or the spool is closed.
        """
        while self._shelves.bytes_used() > self._caps.max_bytes and self._drop_oldest("max_bytes", "bytes"):
            pass
        while self._shelves.files_held() > self._caps.max_files and self._drop_oldest("max_files", "files"):
            pass
        self._trimmed = True

    def tidy(self) -> None:
        """Drop what is too old, and know victims ahead of need.

        Raises:
            SpoolError: the disk failed, or the spool is closed.
        """
        self._shelves.require_open()
        with spool_errors(self._root, "look for what is too old"):
            self._drop_too_old()
            self._look_ahead()

    def _leave_free(self, size: int) -> None:
        """Make room on a disk that is short of it: as much as comes in, no more, as it may be others who fill it."""
        if self._caps.min_free == 0:
            return
        with spool_errors(self._root, "ask for the free space"):
            free = filesystem.free_bytes(self._root)
        if free - size >= self._caps.min_free:
            self._freed_ahead = 0
            return
        self._freed_ahead -= size
        if self._freed_ahead >= 0:
            return
        freed = self.free(-self._freed_ahead, "min_free")
        self._freed_ahead += freed
        if not freed:
            self._freed_ahead = 0
            left = f"its disk has {free} bytes free, and the spool has nothing to drop"
            raise SpoolError(f"spool.min_free: {self._caps.min_free}: {left}: free space on that disk, or lower it")

    def _drop_oldest(self, reason: str, by: Measure) -> int:
        """Drop one still; its length, or 0 if there was none."""
        self._pressed = True
        with spool_errors(self._root, "look for the oldest still"):
            for feed in (self._shelves.heaviest(by), None):
                while (name := self._oldest.pop(feed)) is not None:
                    size = self._shelves.drop(name, reason)
                    if size is not None:
                        return size
        return 0

    def _drop_too_old(self) -> None:
        cutoff = self._utc_before(self._caps.max_age_s)
        if self._oldest.peek() is None and self._age_scan_is_due():
            self._oldest.refill([None])
        for _ in range(_GONE_AT_ONCE):
            name = self._oldest.peek()
            if name is None:
                return
            if name[:_UTC_DIGITS] < cutoff:
                self._shelves.drop(name, "max_age")
                self._scanned_at = -math.inf  # when all that is known is gone, look for more at once
            elif self._shelves.holds(name):
                return
            self._oldest.discard(name)

    def _look_ahead(self) -> None:
        heavy = self._shelves.heavy(weigh=True)
        self._oldest.keep([None, *heavy])
        if self._is_near() and self._shelves.files_held() > _GONE_AT_ONCE:
            self._oldest.refill_low([None, *heavy])
        self._pressed = False

    def _is_near(self) -> bool:
        caps = self._caps
        if self._pressed or self._shelves.bytes_used() > _NEAR * caps.max_bytes:
            return True
        if self._shelves.files_held() > _NEAR * caps.max_files:
            return True
        return caps.min_free > 0 and filesystem.free_bytes(self._root) < caps.min_free / _NEAR

    def _age_scan_is_due(self) -> bool:
        now, interval = self._clock(), min(_AGE_SCAN_S, self._caps.max_age_s / 10)
        if abs(now - self._scanned_at) < interval:  # a clock that was set back makes it due too
            return False
        self._scanned_at = now
        return True

    def _utc_before(self, age_s: float) -> str:
        try:
            return format_utc(datetime.fromtimestamp(self._clock(), UTC) - timedelta(seconds=age_s))
        except (OverflowError, ValueError):
            return ""  # before the year 1: nothing is as old
