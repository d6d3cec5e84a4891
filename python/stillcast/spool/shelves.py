"""The directories of a spool, one a state, and the counts of what lies in them."""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from stillcast.errors import SpoolError
from stillcast.spool import files
from stillcast.spool.errors import spool_errors
from stillcast.spool.item import WITH_REASON, State
from stillcast.spool.lock import take_lock

_TMP: Final = "tmp"


class Shelves:
    """Puts files on, moves them and takes them off; keeps the counts as they move. For any thread.

    Only the single renames and removals that change the counts wait for one another, so counts and disk agree.
    """

    def __init__(self, root: Path, *, sync: bool) -> None:
        """Describe the shelves.

        Args:
            root: the spool's directory.
            sync: whether what is put is on the disk itself before it counts.
        """
        self._root = root
        self._sync = sync
        self._mutex = threading.Lock()  # guards all below, and the renames and removals that change them
        self._lock: int | None = None
        self._counts: dict[State, int] = dict.fromkeys(State, 0)
        self._bytes = 0
        self._dropped: Counter[str] = Counter()

    def open(self) -> None:
        """Become the owner: take the lock, clear what a dead owner was writing, count what waits.

        Raises:
            SpoolError: another owner has it, or the directory cannot be used.
        """
        with spool_errors(self._root, "open the spool"):
            self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = take_lock(self._root)
            try:
                self._prepare()
            except BaseException:
                os.close(lock)
                raise
        self._lock = lock

    def close(self) -> None:
        """Let go of the lock."""
        with self._mutex:
            if self._lock is not None:
                os.close(self._lock)
            self._lock = None

    def counts(self) -> Mapping[State, int]:
        """How many files stand in each state."""
        with self._mutex:
            return dict(self._counts)

    def bytes_used(self) -> int:
        """Length of all files together, those being written included."""
        with self._mutex:
            return self._bytes

    def dropped(self) -> Mapping[str, int]:
        """How many files were removed for each reason."""
        with self._mutex:
            return dict(self._dropped)

    def path(self, state: State, name: str) -> Path:
        """Where a file of that state is.

        Raises:
            SpoolError: no spool file has such a name.
        """
        if not files.is_name(name):
            raise SpoolError(f"spool.path: {self._root}: {name!r} is no name of a spooled still: take one from ls()")
        return self._root / state / name

    def reserve(self, needed: int, cap: int) -> bool:
        """Take bytes of the cap before they are written, so that it holds at every instant; False if they do not fit.

        Raises:
            SpoolError: the spool is closed.
        """
        with self._mutex:
            self._require_open()
            fits = self._bytes + needed <= cap
            self._bytes += needed if fits else 0
        return fits

    def put(self, name: str, data: bytes) -> None:
        """Put a file whose bytes were reserved into ``ready``; all of it, or nothing and the bytes given back.

        Raises:
            SpoolError: the disk failed, or the spool is closed.
        """
        try:
            with spool_errors(self._root, "spool a still"):
                self._put(name, data)
        except BaseException:
            with self._mutex:
                self._bytes -= len(data)
            raise

    def move(self, name: str, from_state: State, to_state: State, reason: str | None) -> bool:
        """Move a file, its reason beside it where it is given up; False if it was not there.

        Raises:
            SpoolError: the disk failed, or the spool is closed.
        """
        source, target = self.path(from_state, name), self.path(to_state, name)
        if reason is not None and to_state in WITH_REASON:
            back_to = State.STORED if from_state is State.DEFERRED else from_state
            self._write_reason(name, to_state, files.Reason(reason, back_to))
        with spool_errors(self._root, f"move {name} to {to_state}"), self._mutex:
            self._require_open()
            try:
                source.rename(target)
            except FileNotFoundError:
                return False
            self._counts[from_state] -= 1
            self._counts[to_state] += 1
        if from_state in WITH_REASON:
            files.remove_reason(self._root / from_state, name)
        return True

    def defer(self, name: str, from_state: State, due_s: float, reason: files.Reason) -> bool:
        """Move a file to ``deferred``, or leave it there, its due time in its times; False if it was not there.

        Raises:
            SpoolError: the disk failed, or the spool is closed.
        """
        source, target = self.path(from_state, name), self.path(State.DEFERRED, name)
        with spool_errors(self._root, f"defer {name}"), self._mutex:
            self._require_open()
            try:
                os.utime(source, (due_s, due_s), follow_symlinks=False)
                self._write_reason(name, State.DEFERRED, reason)
                source.rename(target)
            except FileNotFoundError:
                return False
            self._counts[from_state] -= 1
            self._counts[State.DEFERRED] += 1
            if from_state in WITH_REASON and from_state is not State.DEFERRED:
                files.remove_reason(self._root / from_state, name)
        return True

    def remove(self, state: State, name: str, dropped_for: str | None = None) -> bool:
        """Remove a file, counted if it is dropped; False if it was not there.

        Raises:
            SpoolError: the disk failed, or the spool is closed.
        """
        path = self.path(state, name)
        with spool_errors(self._root, f"remove {state}/{name}"), self._mutex:
            self._require_open()
            try:
                size = path.stat().st_size
                path.unlink()
            except FileNotFoundError:
                return False
            self._counts[state] -= 1
            self._bytes -= size
            if dropped_for is not None:
                self._dropped[dropped_for if state is State.READY else f"{dropped_for}_{state}"] += 1
        if state in WITH_REASON:
            files.remove_reason(self._root / state, name)
        return True

    def _prepare(self) -> None:
        for name in (_TMP, *State):
            directory = self._root / name
            directory.mkdir(mode=0o700, exist_ok=True)
            directory.chmod(0o700)
        files.sweep_tmp(self._root / _TMP)
        for state in WITH_REASON:
            files.sweep_reasons(self._root / state)
        self._bytes = 0
        self._dropped.clear()
        for state in State:
            self._counts[state], size = files.measure(self._root / state)
            self._bytes += size

    def _require_open(self) -> None:
        if self._lock is None:
            raise SpoolError(f"spool.path: {self._root}: the spool is not open: call open() first")

    def _put(self, name: str, data: bytes) -> None:
        draft, target = self._root / _TMP / name, self.path(State.READY, name)
        files.write(draft, data, sync=self._sync)
        try:
            with self._mutex:
                self._require_open()
                if target.exists():
                    raise SpoolError(f"spool.path: {target}: was spooled already: give each still a sid of its own")
                draft.rename(target)
                self._counts[State.READY] += 1
        except BaseException:
            draft.unlink(missing_ok=True)
            raise
        if self._sync:
            files.sync_directory(target.parent)

    def _write_reason(self, name: str, state: State, reason: files.Reason) -> None:
        """Best effort: a still can be given up on a full disk too, then without its reason."""
        try:
            files.write_reason(self._root / state, self._root / _TMP, name, reason)
        except OSError:
            files.remove_reason(self._root / _TMP, name)
