"""The directories of a spool, one a state, and the counts of what lies in them."""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Container, Mapping
from pathlib import Path

from stillcast.errors import SpoolError
from stillcast.spool import files, reasons
from stillcast.spool.agenda import Agenda
from stillcast.spool.census import TMP, Census
from stillcast.spool.errors import spool_errors
from stillcast.spool.item import WITH_REASON, State
from stillcast.spool.ledger import Ledger, Measure
from stillcast.spool.lock import Ownership
from stillcast.spool.privacy import require_own


class Shelves:
    """Puts files on, moves them and takes them off; keeps the counts as they move. For any thread.

    Only the single renames and removals that change the counts wait for one another, so counts and disk agree. Names of
    an earlier owner wait until it is counted; those of this one do not.
    """

    def __init__(self, root: Path, *, sync: bool, feed_share: float) -> None:
        """Describe the shelves.

        Args:
            root: the spool's directory.
            sync: whether what is put is on the disk itself before it counts.
            feed_share: the part of everything above which a feed is heavy.
        """
        self._root = root
        self._sync = sync
        self._feed_share = feed_share
        self._tmp = f"{root}/{TMP}"
        self._ownership = Ownership(root, self._after_fork)
        self._mutex = threading.Lock()  # guards all below, and the renames and removals that change them
        self._agenda = Agenda()
        self._ledger = Ledger(feed_share=feed_share)
        self._reserved_bytes = 0
        self._reserved_files = 0
        self._dropped: Counter[str] = Counter()
        self._live: set[str] = set()  # names put since the start of the census, while that is under way
        self._census: Census | None = None
        self._settled = threading.Event()  # the census is over, or the shelves are closed

    def open(self) -> None:
        """Become the owner, and begin the census that ``count`` works through.

        Raises:
            SpoolError: another owner has it, or the directory cannot be used.
        """
        with spool_errors(self._root, "open the spool"):
            self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
            require_own(self._root)
            self._ownership.take()
            try:
                for name in (TMP, *State):
                    files.make_private_directory(self._root / name)
            except BaseException:
                self._ownership.release()
                raise
        with self._mutex:
            self._agenda = Agenda()
            self._ledger = Ledger(feed_share=self._feed_share)
            self._dropped.clear()
            self._live = set()
            self._settled.clear()
        self._begin_census()

    def close(self) -> None:
        """Let go of the lock."""
        with self._mutex:
            self._ownership.release()
        self._settled.set()

    def count(self, entries: int) -> bool:
        """Look at so many further files of an earlier owner; True once all are counted.

        Raises:
            SpoolError: a directory cannot be read, and the next call begins again; or the spool is closed.
        """
        self._ownership.require()
        census = self._census
        with spool_errors(self._root, "count what waits"):
            try:
                if census is None or not census.step(entries):
                    return census is None
            except OSError:
                self._begin_census()
                raise
        with self._mutex:
            self._ledger.absorb(census.ledger)
            self._census, self._live = None, set()
        self._settled.set()
        return True

    def counts(self) -> Mapping[State, int]:
        """How many files stand in each state; of an earlier owner's, those that are counted."""
        with self._mutex:
            counted = self._census.ledger.states if self._census is not None else {}
            return {state: count + counted.get(state, 0) for state, count in self._ledger.states.items()}

    def bytes_used(self) -> int:
        """Length of all files together, those being written included."""
        with self._mutex:
            counted = self._census.ledger.bytes if self._census is not None else 0
            return self._ledger.bytes + self._reserved_bytes + counted

    def files_held(self) -> int:
        """Number of all files, those being written included."""
        with self._mutex:
            return self._ledger.files + self._reserved_files

    def dropped(self) -> Mapping[str, int]:
        """How many files were removed for each reason."""
        with self._mutex:
            return dict(self._dropped)

    def heaviest(self, by: Measure) -> str | None:
        """The feed that holds most, if that is more than its share."""
        with self._mutex:
            return self._ledger.heaviest(by)

    def heavy(self, *, weigh: bool = False) -> set[str]:
        """Feeds that hold more than their share; those that became so by what others lost are found by ``weigh``."""
        with self._mutex:
            if weigh:
                self._ledger.weigh()
            return set(self._ledger.heavy())

    def path(self, state: State, name: str) -> str:
        """Where a file of that state is.

        Raises:
            SpoolError: no spool file has such a name.
        """
        if not files.is_name(name):
            raise SpoolError(f"spool.path: {self._root}: {name!r} is no name of a spooled still: take one from ls()")
        return f"{self._root}/{state}/{name}"

    def holds(self, name: str) -> bool:
        """Whether a file is there, in any state."""
        return any(os.path.lexists(f"{self._root}/{state}/{name}") for state in State)

    def reserve(self, name: str, size: int, *, max_bytes: float, max_files: float) -> Measure | None:
        """Take bytes and a file of the caps before they are written, so that these hold at every instant.

        Returns:
            what there is too much of; nothing is taken then.

        Raises:
            SpoolError: the spool is closed.
        """
        self._ownership.require()
        with self._mutex:
            self._ownership.require()
            if self._ledger.bytes + self._reserved_bytes + size > max_bytes:
                return "bytes"
            if self._ledger.files + self._reserved_files + 1 > max_files:
                return "files"
            self._reserved_bytes += size
            self._reserved_files += 1
            if self._census is not None:
                self._live.add(name)
        return None

    def put(self, name: str, data: bytes) -> None:
        """Put a file that was reserved into ``ready``; all of it, or nothing. The reservation is used up either way.

        Raises:
            SpoolError: the disk failed, or the spool is closed.
        """
        draft = f"{self._tmp}/{name}"
        with spool_errors(self._root, "spool a still"):
            try:
                files.write(draft, data, sync=self._sync)
            except BaseException:
                with self._mutex:
                    self._give_back(len(data))
                raise
            self._publish(draft, name, len(data))
            if self._sync:
                self._sync_or_withdraw(name)

    def move(self, name: str, from_state: State, to_state: State, reason: str | None) -> bool:
        """Move a file, its reason beside it where it is given up; False if it was not there.

        Raises:
            SpoolError: the disk failed, or the spool is closed.
        """
        self.path(from_state, name)
        self._wait_for_census(name)
        with spool_errors(self._root, f"move {name} to {to_state}"), self._mutex:
            return self._move(name, from_state, to_state, reason)

    def revive(self, name: str) -> State | None:
        """Move a dead file to where its reason says that it was; None if it was not there.

        Raises:
            SpoolError: the disk failed, or the spool is closed.
        """
        self.path(State.DEAD, name)
        self._wait_for_census(name)
        with spool_errors(self._root, f"revive {name}"), self._mutex:
            self._ownership.require()
            reason = reasons.read(self._root / State.DEAD, name)
            state = State.STORED if reason is not None and reason.from_state == State.STORED else State.READY
            return state if self._move(name, State.DEAD, state, None) else None

    def defer(self, name: str, from_state: State, due_s: float, reason: reasons.Reason) -> bool:
        """Move a file to ``deferred``, or leave it there, its due time in its times; False if it was not there.

        Raises:
            SpoolError: the disk failed, or the spool is closed.
        """
        source = self.path(from_state, name)
        self._wait_for_census(name)
        with spool_errors(self._root, f"defer {name}"), self._mutex:
            self._ownership.require()
            try:
                os.utime(source, (due_s, due_s), follow_symlinks=False)
            except FileNotFoundError:
                return False
            reasons.write(self._root / State.DEFERRED, self._root / TMP, name, reason)
            if from_state is not State.DEFERRED:
                self._rename(name, from_state, State.DEFERRED)
            self._agenda.note(name, due_s)
        return True

    def due(self, now: float, limit: int, exclude: Container[str]) -> list[str]:
        """Names of deferred files whose time has come, earliest first.

        Raises:
            SpoolError: the disk failed, or the spool is closed.
        """
        self._ownership.require()
        with spool_errors(self._root, f"list {State.DEFERRED}"):
            return self._agenda.due(now, limit, exclude, lambda: files.due_times(self._root / State.DEFERRED))

    def remove(self, state: State, name: str) -> bool:
        """Remove a file; False if it was not there.

        Raises:
            SpoolError: the disk failed, or the spool is closed.
        """
        self.path(state, name)
        self._wait_for_census(name)
        with spool_errors(self._root, f"remove {state}/{name}"), self._mutex:
            return self._unlink(state, name) is not None

    def drop(self, name: str, reason: str) -> int | None:
        """Remove a file from whichever state it is in, and count why; its length, or None if it was not there.

        Raises:
            SpoolError: the disk failed, or the spool is closed.
        """
        with spool_errors(self._root, f"drop {name}"), self._mutex:
            for state in State:
                size = self._unlink(state, name)
                if size is not None:
                    self._dropped[reason if state is State.READY else f"{reason}_{state}"] += 1
                    return size
        return None

    def require_open(self) -> None:
        """Refuse what only the owner may do.

        Raises:
            SpoolError: the spool is closed, or belongs to the process that this one was forked from.
        """
        self._ownership.require()

    @property
    def is_inherited(self) -> bool:
        """Whether this is a copy in a process that was forked from the owner's."""
        return self._ownership.is_inherited

    def require_not_inherited(self) -> None:
        """Refuse what the owner, or anybody who knows that there is none, may do.

        Raises:
            SpoolError: the spool belongs to the process that this one was forked from.
        """
        if self._ownership.is_inherited:
            self._ownership.require()

    def wait_until_counted(self) -> None:
        """Wait for the end of the census, or for ``close``."""
        self._settled.wait()

    def _after_fork(self) -> None:
        self._mutex = threading.Lock()  # whoever held the old one is not in this process
        self._settled.set()

    def _begin_census(self) -> None:
        self._census = Census(self._root, self._live, Ledger(feed_share=self._feed_share))

    def _give_back(self, size: int) -> None:
        self._reserved_bytes -= size
        self._reserved_files -= 1

    def _publish(self, draft: str, name: str, size: int) -> None:
        target = self.path(State.READY, name)
        with self._mutex:
            self._give_back(size)
            try:
                self._ownership.require()
                if os.path.lexists(target):
                    raise SpoolError(f"spool.path: {target}: was spooled already: give each still a sid of its own")
                os.rename(draft, target)  # noqa: PTH104
            except BaseException:
                files.remove(draft)
                raise
            self._ledger.add(State.READY, name, size)

    def _sync_or_withdraw(self, name: str) -> None:
        try:
            files.sync_directory(f"{self._root}/{State.READY}")
        except BaseException:  # nobody was told that it is there
            with self._mutex:
                self._unlink(State.READY, name)
            raise

    def _wait_for_census(self, name: str) -> None:
        self._ownership.require()
        if self._census is not None and name not in self._live:
            self._settled.wait()

    def _move(self, name: str, from_state: State, to_state: State, reason: str | None) -> bool:
        self._ownership.require()
        if reason is not None and to_state in WITH_REASON:
            if not os.path.lexists(self.path(from_state, name)):
                return False
            back_to = State.STORED if from_state is State.DEFERRED else from_state
            reasons.write(self._root / to_state, self._root / TMP, name, reasons.Reason(reason, back_to))
        try:
            self._rename(name, from_state, to_state)
        except FileNotFoundError:
            return False
        return True

    def _rename(self, name: str, from_state: State, to_state: State) -> None:
        os.rename(f"{self._root}/{from_state}/{name}", f"{self._root}/{to_state}/{name}")  # noqa: PTH104
        self._ledger.move(from_state, to_state)
        self._left(from_state, name)

    def _unlink(self, state: State, name: str) -> int | None:
        self._ownership.require()
        path = f"{self._root}/{state}/{name}"
        try:
            size = os.stat(path, follow_symlinks=False).st_size  # noqa: PTH116
            os.unlink(path)  # noqa: PTH108
        except FileNotFoundError:
            return None
        self._ledger.take(state, name, size)
        self._left(state, name)
        return size

    def _left(self, state: State, name: str) -> None:
        if state in WITH_REASON:
            reasons.remove(self._root / state, name)
        if state is State.DEFERRED:
            self._agenda.forget(name)
