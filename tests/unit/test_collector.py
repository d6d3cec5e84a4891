"""The collector between the sampler and the spool, with a source that tests feed and a spool that may fail."""

from __future__ import annotations

import queue
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from stillcast.agent.collector import Collector
from stillcast.errors import SpoolError
from support.fakes import FakeFeed
from support.stills import make_spool, wait_until

UTC_NS = 1_700_000_000_123_999_999


def picture(feed_id: int = 0, **facts: object) -> Any:
    measured = {"mean_luma": 1.0, "luma_deviation": 0.0, "dhash": 0}
    looks = {name: facts.pop(name, usual) for name, usual in measured.items()}
    encoded = SimpleNamespace(jpeg=b"\xff\xd8", width=2, height=2, **looks)
    given = {
        "picture": encoded,
        "feed_id": feed_id,
        "tick": True,
        "snapshot": False,
        "missed": None,
        "captured_utc_ns": UTC_NS,
        "pushed_ns": 0,
        "frame_age_ms": 1.5,
        "lateness_ms": 2.5,
        "source_width": 4,
        "source_height": 4,
        "pts_ns": None,
    }
    return SimpleNamespace(**{**given, **facts})


class Source:
    """Gives what tests put; ``busy`` keeps it from ever being empty."""

    def __init__(self) -> None:
        self.pictures: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self.busy = False

    def take(self, timeout_s: float) -> Any:
        if self.busy:
            return picture()
        try:
            return self.pictures.get(timeout=min(timeout_s, 0.01))
        except queue.Empty:
            return None

    def queued(self) -> int:
        return self.pictures.qsize()


class Rig:
    def __init__(self, path: Path, heartbeat_s: float | None = None) -> None:
        self.source, self.feed = Source(), FakeFeed()
        self.delivered: list[Any] = []
        self.told: list[Any] = []
        self.reports: list[tuple[Any, str]] = []
        self.spool = make_spool(path)
        self.spool.open()
        self.collector = Collector(
            self.source,
            self.spool,
            prefix=("a",),
            deliver=self.delivered.append,
            report_missed=lambda missed, msg: self.reports.append((missed, msg)),
            tell=self.told.append,
            heartbeat_s=heartbeat_s,
        )
        self.collector.add(0, self.feed)  # type: ignore[arg-type]
        self.collector.start()

    def end(self) -> bool:
        ended = self.collector.stop(30)
        self.spool.close()
        return ended


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    rig = Rig(tmp_path / "spool")
    yield rig
    rig.source.busy = False
    rig.end()


@pytest.fixture
def skipping(tmp_path: Path) -> Iterator[Rig]:
    """Keeps no still of a tick that shows no change, for up to a minute."""
    rig = Rig(tmp_path / "spool", heartbeat_s=60.0)
    yield rig
    rig.end()


def kept_of(rig: Rig, *pictures: Any) -> list[int]:
    """Which of these pictures became stills, by when they were pushed; ends the rig."""
    for each in pictures:
        rig.source.pictures.put(each)
    assert rig.end()
    pushed = {each.captured_utc_ns // 1_000_000: each.pushed_ns for each in pictures}
    return [pushed[round(still.captured_at.timestamp() * 1000)] for still in rig.told]


def at_second(second: float, **facts: object) -> Any:
    """A picture that was pushed at a second of the rig's life."""
    pushed_ns = int(second * 1_000_000_000)
    return picture(pushed_ns=pushed_ns, captured_utc_ns=UTC_NS + pushed_ns, **facts)


def seconds(pushed_ns: list[int]) -> list[float]:
    return [each / 1_000_000_000 for each in pushed_ns]


def fail_puts(rig: Rig, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def put(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(rig.spool, "put", put)


def test_a_picture_becomes_a_still_that_is_spooled_delivered_and_told_of(rig: Rig) -> None:
    rig.source.pictures.put(picture())
    wait_until(lambda: rig.told)
    (still,) = rig.told
    assert still.captured_at.timestamp() == pytest.approx(1_700_000_000.123, abs=1e-6)  # cut, not rounded
    assert (still.frame_age_ms, still.lateness_ms) == (1.5, 2.5)
    assert [item.sid for item in rig.delivered] == [still.sid]
    assert still.object_key.startswith("a/20231114/")
    assert rig.collector.tally().spooled == 1


def test_all_that_is_queued_is_collected_before_the_end(rig: Rig) -> None:
    for _ in range(50):
        rig.source.pictures.put(picture())
    assert rig.end()
    assert len(rig.told) == 50


@pytest.mark.parametrize("error", [SpoolError("spool.path: full"), RuntimeError("new")], ids=["spool", "any"])
def test_a_still_that_cannot_be_spooled_is_counted_and_answered_and_the_next_one_is_made(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    with monkeypatch.context() as broken:
        fail_puts(rig, broken, error)
        rig.source.pictures.put(picture(snapshot=True))
        assert rig.feed.answer.result(30) is error
        wait_until(lambda: rig.collector.tally().spool_failed == 1)
    rig.source.pictures.put(picture())
    wait_until(lambda: rig.collector.tally().spooled == 1)
    assert [msg for _, msg in rig.reports] == ["Not spooled"] * isinstance(error, SpoolError)
    assert len(caplog.records) == 1


def test_spool_errors_are_logged_once_a_minute(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    fail_puts(rig, monkeypatch, SpoolError("spool.path: full"))
    for _ in range(20):
        rig.source.pictures.put(picture())
    wait_until(lambda: rig.collector.tally().spool_failed == 20)
    assert len(caplog.records) == 1


def test_a_missed_tick_is_reported_as_the_still_it_would_have_been(rig: Rig) -> None:
    rig.source.pictures.put(picture(missed="no_frame"))
    wait_until(lambda: rig.reports)
    ((missed, msg),) = rig.reports
    assert msg == "No frame"
    assert missed.request_id.startswith(missed.object_key.split("/")[-1][:32])
    assert not rig.told


def test_a_picture_of_an_unknown_feed_ends_nothing(rig: Rig) -> None:
    rig.source.pictures.put(picture(feed_id=7))
    rig.source.pictures.put(picture())
    wait_until(lambda: rig.told)
    assert rig.collector.tally().unknown == 1


def test_a_retired_feed_is_forgotten_however_busy_the_others_are(rig: Rig) -> None:
    gone = FakeFeed()
    gone.retired = True
    rig.collector.add(1, gone)  # type: ignore[arg-type]
    rig.source.busy = True
    wait_until(lambda: len(rig.collector.feeds()) == 1)
    assert rig.collector.feeds() == [rig.feed]


def test_a_picture_shown_again_is_a_still_of_its_own(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stillcast.agent.collector.age_ms", lambda _captured: 700.0)
    stills = [rig.collector.accept_again(rig.feed, picture()) for _ in range(2)]  # type: ignore[arg-type]
    assert {still.frame_age_ms for still in stills} == {700.0}
    assert len({still.sid for still in stills}) == 2
    assert rig.collector.tally().shown_again == 2


def flags_of(rig: Rig, *pictures: Any) -> list[tuple[str, ...]]:
    """The flags of the stills that these pictures become."""
    told = len(rig.told)
    for each in pictures:
        rig.source.pictures.put(each)
    wait_until(lambda: len(rig.told) == told + len(pictures))
    return [still.flags for still in rig.told[told:]]


def test_flags_of_a_still_are_told_spooled_and_counted(rig: Rig) -> None:
    dark = [picture(pushed_ns=number, frame_age_ms=age_ms) for number, age_ms in ((1, 0.0), (2, 2500.0))]
    assert flags_of(rig, *dark, picture(pushed_ns=3, mean_luma=90.0)) == [("black",), ("black", "frozen", "stale"), ()]
    assert [item.flags for item in rig.delivered] == [still.flags for still in rig.told]
    assert rig.collector.tally().flagged == {"black": 2, "frozen": 1, "stale": 1}


def test_a_still_that_is_not_spooled_is_not_counted_by_its_flags(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    fail_puts(rig, monkeypatch, SpoolError("spool.path: full"))
    rig.source.pictures.put(picture())
    wait_until(lambda: rig.collector.tally().spool_failed == 1)
    assert rig.collector.tally().flagged == {"black": 0, "frozen": 0, "stale": 0}


def test_feeds_are_frozen_each_for_itself(rig: Rig) -> None:
    other = FakeFeed()
    rig.collector.add(1, other)  # type: ignore[arg-type]
    grey = {"mean_luma": 90.0}
    assert flags_of(rig, picture(0, pushed_ns=1, **grey), picture(1, pushed_ns=2, **grey)) == [(), ()]
    assert flags_of(rig, picture(0, pushed_ns=3, **grey), picture(1, pushed_ns=4, **grey)) == [("frozen",)] * 2


def test_a_picture_shown_again_is_not_frozen_for_that_but_stale_once_it_is_old(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = picture(pushed_ns=1, mean_luma=90.0)
    assert flags_of(rig, shown) == [()]
    ages = iter([1900.0, 2100.0])
    monkeypatch.setattr("stillcast.agent.collector.age_ms", lambda _captured: next(ages))
    again = [rig.collector.accept_again(rig.feed, shown).flags for _ in range(2)]  # type: ignore[arg-type]
    assert again == [(), ("stale",)]
    assert flags_of(rig, picture(pushed_ns=2, mean_luma=90.0)) == [("frozen",)]


def test_unchanged_pictures_are_skipped_and_counted_until_the_heartbeat(skipping: Rig) -> None:
    kept = kept_of(skipping, *(at_second(second) for second in range(0, 130, 2)))
    assert seconds(kept) == [0, 60, 120]
    tally = skipping.collector.tally()
    assert (tally.spooled, tally.skipped, tally.spool_failed) == (3, 62, 0)
    assert not skipping.reports
    assert tally.flagged["frozen"] == 2


def test_a_change_is_kept_at_once_and_then_compared_with(skipping: Rig) -> None:
    changes = [(0, 90.0), (2, 90.0), (4, 95.0), (6, 95.0), (8, 90.0)]
    assert seconds(kept_of(skipping, *(at_second(at, mean_luma=mean) for at, mean in changes))) == [0, 4, 8]


def test_a_snapshot_is_never_skipped(skipping: Rig) -> None:
    facts = [(0, {}), (2, {"snapshot": True}), (4, {}), (6, {"tick": False, "snapshot": True})]
    skipping.feed.answer_snapshots = lambda _answer: None  # type: ignore[method-assign]
    assert seconds(kept_of(skipping, *(at_second(at, **each) for at, each in facts))) == [0, 2, 6]
    assert skipping.collector.tally().skipped == 1


def test_what_could_not_be_spooled_is_not_compared_with(skipping: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as broken:
        fail_puts(skipping, broken, SpoolError("spool.path: full"))
        skipping.source.pictures.put(at_second(0))
        wait_until(lambda: skipping.collector.tally().spool_failed == 1)
    assert seconds(kept_of(skipping, at_second(2), at_second(4))) == [2]


def test_without_the_setting_every_picture_is_kept(rig: Rig) -> None:
    assert seconds(kept_of(rig, *(at_second(second) for second in (0, 2, 4)))) == [0, 2, 4]
    assert rig.collector.tally().skipped == 0
