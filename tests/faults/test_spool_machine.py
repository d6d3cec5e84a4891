"""The spool against a plain model, on a real disk: everything that may happen to it, in any order.

``FAULTS_DEPTH=20 pytest tests/faults/test_spool_machine.py`` looks twenty times as long.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from stillcast.naming import format_utc
from stillcast.spool import SpoolItemCorruptError, SpoolItemGoneError, State
from stillcast.spool.item import WITH_REASON
from stillcast.stills import Still
from support.killed import KilledError, killed_before_call
from support.spool_model import Model, Record
from support.stills import Clock, make_spool, make_still, put

READY, STORED, DEFERRED, DEAD, QUARANTINE = State
MAX_AGE_S = 3600.0
PICK = st.integers(min_value=0)
FEEDS = st.sampled_from(["a", "b", "c"])
SIZES = st.sampled_from([100, 700, 2500])


class SpoolMachine(RuleBasedStateMachine):
    @initialize(
        max_bytes=st.sampled_from([9_000, 1 << 30]),
        max_files=st.sampled_from([4, 12]),
        feed_share=st.sampled_from([1.0, 0.5, 0.25]),
        durability=st.sampled_from(["process", "process", "process", "power"]),
    )
    def begin(self, max_bytes: int, max_files: int, feed_share: float, durability: str) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="stillcast-machine-"))
        self.clock = Clock()
        self.model = Model(max_bytes, max_files, feed_share)
        self.settings = {"max_files": max_files, "max_feed_share": feed_share, "durability": durability}
        self.made = 0
        self.earlier: Counter[str] = Counter()  # dropped by owners that are gone
        self.open()

    def open(self) -> None:
        self.spool = make_spool(
            self.directory, max_bytes=self.model.max_bytes, max_age_s=MAX_AGE_S, clock=self.clock, **self.settings
        )
        self.spool.open()
        assert self.spool.counted

    def teardown(self) -> None:
        if hasattr(self, "spool"):
            self.spool.close()
            shutil.rmtree(self.directory)

    # What an owner does.

    @rule(feeds=st.lists(FEEDS, min_size=1, max_size=8), size=SIZES, ago_s=st.sampled_from([0, 0, 1, 60, 600]))
    def put(self, feeds: list[str], size: int, ago_s: int) -> None:
        for feed in feeds:
            self.put_one(feed, size, ago_s)
            self.the_disk_is_as_the_model_says()

    def put_one(self, feed: str, size: int, ago_s: int) -> None:
        still = self.still(feed, size, ago_s)
        self.spool._shelves.heavy(weigh=True)  # as tidy() does every second
        item = put(self.spool, still)
        path = self.directory / READY / item.name
        self.model.put(item.name, Record(READY, path.stat().st_size, still.jpeg))

    @precondition(lambda self: self.model.records)
    @rule(pick=PICK)
    def read(self, pick: int) -> None:
        name = self.some(pick)
        record = self.model.records[name]
        if record.is_damaged:
            with pytest.raises(SpoolItemCorruptError):
                self.spool.read(record.state, name)
            self.model.move(name, QUARANTINE, with_reason=record.state is not QUARANTINE)
        else:
            item, jpeg = self.spool.read(record.state, name)
            assert (item.name, jpeg) == (name, record.jpeg)

    @precondition(lambda self: self.model.records)
    @rule(pick=PICK, to_state=st.sampled_from([READY, STORED, DEAD, QUARANTINE]), with_reason=st.booleans())
    def move(self, pick: int, to_state: State, with_reason: bool) -> None:
        name = self.some(pick)
        state = self.model.records[name].state
        if state is to_state:
            return
        assert self.spool.move(name, state, to_state, "why" if with_reason else None)
        self.model.move(name, to_state, with_reason=with_reason and to_state in WITH_REASON)

    @precondition(lambda self: self.model.of(READY, STORED, DEFERRED))
    @rule(pick=PICK, wait_s=st.integers(-100, 900), attempts=st.integers(1, 9))
    def defer(self, pick: int, wait_s: int, attempts: int) -> None:
        name = self.some(pick, READY, STORED, DEFERRED)
        due_s = float(int(self.clock()) + wait_s)
        state = self.model.records[name].state
        assert self.spool.defer(name, state, due_s=due_s, attempts=attempts, reason="status 500")
        self.model.change(name, state=DEFERRED, due_s=due_s, attempts=attempts)

    @precondition(lambda self: self.model.of(DEAD))
    @rule(pick=PICK)
    def revive(self, pick: int) -> None:
        name = self.some(pick, DEAD)
        back = self.model.records[name].goes_back_to
        assert self.spool.revive(name) is back
        self.model.move(name, back, with_reason=False)

    @precondition(lambda self: self.model.records)
    @rule(pick=PICK)
    def remove(self, pick: int) -> None:
        name = self.some(pick)
        assert self.spool.remove(self.model.records[name].state, name)
        self.model.remove(name)

    @precondition(lambda self: self.model.records)
    @rule(pick=PICK, other=st.sampled_from(list(State)))
    def ask_in_the_wrong_state(self, pick: int, other: State) -> None:
        name = self.some(pick)
        if other is self.model.records[name].state:
            return
        assert not self.spool.remove(other, name)
        assert not self.spool.move(name, other, DEAD, "why")
        assert not self.spool.defer(name, other, due_s=0.0, attempts=1, reason="why")
        with pytest.raises(SpoolItemGoneError):
            self.spool.read(other, name)

    # Time and owners.

    @rule(seconds=st.sampled_from([1, 61, 300, 1800, -1, -120]))
    def clock_jumps(self, seconds: int) -> None:
        self.clock.now_s += seconds

    @rule()
    def tidy(self) -> None:
        self.clock.now_s += 61  # so that a look at the disk is due
        for _ in range(3):
            self.spool.tidy()
        oldest = datetime.fromtimestamp(self.clock(), UTC) - timedelta(seconds=MAX_AGE_S)
        self.model.drop_older_than(format_utc(oldest))

    @rule()
    def close_and_open(self) -> None:
        self.earlier.update(self.spool.dropped)
        self.spool.close()
        self.open()

    @rule(
        calls=st.integers(0, 6),
        operation=st.sampled_from(["put", "defer", "dead", "revive", "remove", "store", "quarantine"]),
        pick=PICK,
    )
    def killed_in_the_midst(self, calls: int, operation: str, pick: int) -> None:
        """Death before any system call of an operation: the still is where it was, or where it should be."""
        names = self.model.of(DEAD) if operation == "revive" else sorted(self.model.records)
        name = names[pick % len(names)] if names else None
        with suppress(KilledError, SpoolItemCorruptError), killed_before_call(calls):
            self.operation(operation, name)()
        self.die()
        self.learn(operation, name)
        self.open()

    @rule(torn=st.booleans(), orphan=st.booleans(), bare=st.booleans(), damage=st.sampled_from(["", "cut", "flip"]),
          pick=PICK)  # fmt: skip
    def power_fails(self, torn: bool, orphan: bool, bare: bool, damage: str, pick: int) -> None:
        """A new owner finds what an earlier one, and the disk, left half done."""
        self.die()
        name = self.some(pick) if self.model.records else None
        if torn:
            still = self.still("a", 1)
            (self.directory / "tmp" / f"{format_utc(still.captured_at)}_{still.sid}_{'0' * 8}.jpg").write_bytes(b"\xff")
        if name is not None and orphan and self.model.records[name].state is not DEAD:
            (self.directory / DEAD / f"{name}.reason").write_text(json.dumps({"reason": "why", "from": "ready"}))
        if name is not None and bare and self.model.records[name].state in WITH_REASON:
            (self.directory / self.model.records[name].state / f"{name}.reason").unlink(missing_ok=True)
            self.model.change(name, goes_back_to=READY, attempts=1)
        if name is not None and damage:
            self.damage(name, damage)
        self.open()

    # What holds after each of these.

    @invariant()
    def the_disk_is_as_the_model_says(self) -> None:
        found = self.on_disk()
        assert len(found) == len({name for _, name in found}), "a still in two states"
        assert found == {(record.state, name): record.size for name, record in self.model.records.items()}
        assert self.spool.counts() == {state: len(self.model.of(state)) for state in State}
        assert self.spool.bytes_used == sum(found.values())

    @invariant()
    def every_still_is_accounted_for(self) -> None:
        dropped = Counter(self.spool.dropped) + self.earlier
        assert dropped == self.model.dropped
        gone = self.model.removed_count + dropped.total()
        assert self.model.put_count == len(self.on_disk()) + gone

    @invariant()
    def the_caps_hold(self) -> None:
        assert self.spool.bytes_used <= self.model.max_bytes
        assert sum(self.spool.counts().values()) <= self.model.max_files

    @invariant()
    def nothing_half_done_lies_about(self) -> None:
        assert os.listdir(self.directory / "tmp") == []  # noqa: PTH208
        for state in State:
            sidecars = {path.name.removesuffix(".reason") for path in (self.directory / state).glob("*.reason")}
            assert sidecars <= set(self.model.of(state))

    @invariant()
    def what_is_asked_for_comes_in_order(self) -> None:
        for state in State:
            assert self.spool.oldest(state, 5) == self.model.of(state)[:5]
        assert self.spool.due(99) == self.model.due(self.clock())
        for name in self.model.of(DEFERRED):
            assert self.spool.attempts(name) == self.model.records[name].attempts

    # How.

    def some(self, pick: int, *states: State) -> str:
        names = self.model.of(*(states or State))
        return names[pick % len(names)]

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.clock(), UTC).replace(microsecond=0)

    def still(self, feed: str, size: int, ago_s: int = 0) -> Still:
        """A new one; the same in every run of the same steps, so that a failure can be made again."""
        self.made += 1
        sid = hashlib.md5(str(self.made).encode()).hexdigest()
        jpeg = (sid.encode() * size)[:size]
        return make_still(sid=sid, uid=feed, jpeg=jpeg, captured_at=self.now() - timedelta(seconds=ago_s))

    def on_disk(self) -> dict[tuple[State, str], int]:
        return {
            (state, path.name): path.stat().st_size
            for state in State
            for path in (self.directory / state).glob("*.jpg")
        }

    def operation(self, operation: str, name: str | None) -> Callable[[], object]:
        spool = self.spool
        if operation == "put" or name is None:
            return lambda: put(spool, self.still("a", 100))
        state = self.model.records[name].state
        works: dict[str, Callable[[], object]] = {
            "defer": lambda: spool.defer(name, state, due_s=5.0, attempts=4, reason="status 500"),
            "dead": lambda: spool.move(name, state, DEAD, "why"),
            "revive": lambda: spool.revive(name),
            "remove": lambda: spool.remove(state, name),
            "store": lambda: spool.move(name, state, STORED),
            "quarantine": lambda: spool.move(name, state, QUARANTINE, "why"),
        }
        return works[operation]

    def die(self) -> None:
        """Let go of the lock as the kernel does, and of nothing else."""
        self.earlier.update(self.spool.dropped)
        self.spool._shelves._ownership.release()

    def learn(self, operation: str, name: str | None) -> None:
        """See which of the two outcomes it was; every other one is caught by the invariants."""
        found = {name: state for state, name in self.on_disk()}
        for new in found.keys() - self.model.records.keys():
            assert operation == "put" or name is None
            self.learn_put(new)
        lost = self.model.records.keys() - found.keys()
        self.learn_drops(lost - {name} if operation == "remove" else set(lost))
        if name is None or name not in self.model.records:
            return
        if operation == "remove" and name not in found:
            self.model.remove(name)
            return
        self.learn_state(operation, name, found[name])

    def learn_put(self, name: str) -> None:
        path = self.directory / READY / name
        data = path.read_bytes()
        self.model.records[name] = Record(READY, len(data), data[:100])
        self.model.put_count += 1

    def learn_drops(self, lost: set[str]) -> None:
        """The put may have died between a drop and its file; what it dropped was counted in the memory that died."""
        for name in lost:
            self.model.records.pop(name)
        dropped = +(Counter(self.earlier) - self.model.dropped)
        self.model.dropped += dropped
        self.model.removed_count += len(lost) - dropped.total()

    def learn_state(self, operation: str, name: str, state: State) -> None:
        before = self.model.records[name]
        wanted = {"defer": DEFERRED, "dead": DEAD, "store": STORED, "quarantine": QUARANTINE}
        assert state in (before.state, before.goes_back_to if operation == "revive" else wanted.get(operation))
        if operation == "defer":
            self.learn_deferral(name, state)
            return
        sidecar = self.directory / state / f"{name}.reason"
        origin = json.loads(sidecar.read_text())["from"] if sidecar.exists() else None
        attempts = before.attempts if state is before.state else 1
        self.model.change(name, state=state, goes_back_to=STORED if origin == STORED else READY, attempts=attempts)

    def learn_deferral(self, name: str, state: State) -> None:
        """The new due time may be there without the new count of attempts."""
        if state is not DEFERRED:
            return
        path = self.directory / DEFERRED / name
        sidecar = path.with_name(f"{name}.reason")
        attempts = json.loads(sidecar.read_text())["attempts"] if sidecar.exists() else 1
        assert attempts in (4, self.model.records[name].attempts)
        self.model.change(name, state=DEFERRED, due_s=path.stat().st_mtime, attempts=attempts)

    def damage(self, name: str, damage: str) -> None:
        path = self.directory / self.model.records[name].state / name
        times = path.stat()
        data = bytearray(path.read_bytes())
        if damage == "cut" and len(data) > 1:
            del data[len(data) // 2 :]
        elif not self.model.records[name].is_damaged:  # the same bit twice would mend it
            data[len(data) // 3] ^= 1
        path.write_bytes(data)
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
        self.model.change(name, size=len(data), is_damaged=True)


TestSpoolMachine = SpoolMachine.TestCase
TestSpoolMachine.settings = settings(
    max_examples=45 * int(os.environ.get("FAULTS_DEPTH", "1")),
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
