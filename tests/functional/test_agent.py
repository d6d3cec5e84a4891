"""The agent as a host embeds it: real threads, real files, a real receiver on loopback."""

from __future__ import annotations

import io
import math
import threading
import time
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from unittest.mock import MagicMock

import numpy as np
import pytest
from PIL import ExifTags, Image

import stillcast
from stillcast.capture import Encoder, encoder_in_use, monotonic_ns
from stillcast.receiver import Receiver
from support.agents import GREY, Host, settings, stored
from support.stills import wait_until, without_exif

BARE = stillcast.Frame.__new__(stillcast.Frame)  # its __init__ has not run


def test_every_still_of_two_feeds_is_stored_and_announced_under_its_name(tmp_path: Path) -> None:
    told: list[stillcast.Still] = []
    receiver = Receiver()
    receiver.start()
    try:
        config = settings(tmp_path, callback={"url": receiver.url}, storage={"prefix": ["a", "b"]})
        with stillcast.Agent(config) as agent:
            agent.on_still(told.append)
            feeds = [agent.open_feed("lobby", uid=uid, extra_info=f"info {uid}") for uid in ("91", "a/b")]
            with Host(*feeds):
                wait_until(lambda: len(told) >= 8)
            assert agent.flush(10)
        stats = agent.stats()
        calls = {call.object_key: call for call in receiver.received}
    finally:
        receiver.stop()
    assert {still.object_key for still in told} == stored(tmp_path) == set(calls)
    assert stats.stills == stats.spooled == stats.stored == stats.announced == len(calls)
    assert {still.uid for still in told} == {"91", "a/b"}
    for still in told:
        key = stillcast.parse_object_key(still.object_key)
        assert (key.prefix, key.sid, key.cname, key.uid) == (("a", "b"), still.sid, "lobby", still.uid)
        assert key.captured_at == still.captured_at
        jpeg = (tmp_path / "stills" / still.object_key).read_bytes()
        assert jpeg == still.jpeg
        assert Image.open(io.BytesIO(jpeg)).size == (still.width, still.height) == (256, 144)


def test_every_tick_is_a_still_or_missed_with_a_reason(tmp_path: Path) -> None:
    with stillcast.Agent(settings(tmp_path)) as agent:
        shown, dark = agent.open_feed("lobby", "shown"), agent.open_feed("lobby", "dark")
        with Host(shown):
            wait_until(lambda: agent.stats().missed["no_frame"] >= 3)
        dark.close()
    stats = agent.stats()
    assert stats.missed["no_frame"] >= 3
    assert stats.ticks == stats.stills + sum(stats.missed.values())
    assert stats.waiting_ticks == stats.queued == stats.feeds == 0
    assert stats.stills == stats.spooled == stats.stored


def test_ticks_without_a_frame_are_reported_where_that_is_asked_for(tmp_path: Path) -> None:
    with Receiver() as receiver:
        config = settings(tmp_path, callback={"url": receiver.url, "report_failures": True, "extra_info": "whose"})
        with stillcast.Agent(config) as agent:
            agent.open_feed("lobby", "dark")
            wait_until(lambda: agent.stats().reported >= 3)
        reports = receiver.received
        assert receiver.problems == []
    assert {(report.code, report.msg, report.uid, report.extra_info) for report in reports} == {
        (206, "No frame", "dark", "whose")
    }
    times = [stillcast.parse_object_key(report.object_key).captured_at.timestamp() for report in reports]
    assert all(abs(later - earlier - 0.1) < 0.002 for earlier, later in pairwise(times))
    assert stored(tmp_path) == set()


def test_facts_of_a_still_come_from_its_frame(agent: stillcast.Agent) -> None:
    feed = agent.open_feed("lobby", "91", interval=60, max_size=(64, 64), quality=30)
    frame = stillcast.Frame.from_array(np.full((144, 256), 90, np.uint8), "GRAY8", pts_ns=4_000, rotation=90)
    before = time.time()
    with Host(feed, frame=frame):
        still = feed.snapshot(5)
    assert before - 0.001 <= still.captured_at.timestamp() <= time.time()
    assert still.captured_at.microsecond % 1000 == 0
    assert (still.source_width, still.source_height, still.width, still.height) == (256, 144, 36, 64)
    assert still.pts_ns == 4_000
    assert still.mean_luma == 90
    assert still.frame_age_ms >= 0
    assert still.lateness_ms >= 0


def test_a_stored_still_says_when_it_was_captured_and_is_the_picture_that_was_encoded(
    tmp_path: Path, agent: stillcast.Agent
) -> None:
    feed = agent.open_feed("lobby", "91", interval=3600)
    with Host(feed):
        still = feed.snapshot(5)
    assert agent.flush(5)
    path = tmp_path / "stills" / still.object_key
    assert path.read_bytes() == still.jpeg
    with Image.open(path) as picture:
        found = picture.getexif().get_ifd(ExifTags.IFD.Exif)
    date, milliseconds, offset = (found[tag] for tag in (0x9003, 0x9291, 0x9011))
    told = datetime.strptime(f"{date}.{milliseconds}{offset}", "%Y:%m:%d %H:%M:%S.%f%z")
    assert told == still.captured_at
    assert without_exif(still.jpeg) == stillcast.encode_still(GREY).jpeg


def test_geometry_and_format_may_change_in_mid_stream(agent: stillcast.Agent) -> None:
    feed = agent.open_feed("lobby", "91", interval=3600)
    rng = np.random.default_rng(1)
    frames = [
        stillcast.Frame.from_array(rng.integers(0, 256, shape, dtype=np.uint8), format_)
        for format_, shape in [
            ("I420", (54, 64)),
            ("BGRA", (2160, 4096, 4)),
            ("NV12", (54, 64)),
            ("RGB24", (99, 33, 3)),
        ]
    ]
    sizes = []
    for frame in frames:
        with Host(feed, frame=frame):
            still = feed.snapshot(10)
        sizes.append((still.source_width, still.source_height))
    assert sizes == [(64, 36), (4096, 2160), (64, 36), (33, 99)]


def test_a_feed_says_how_long_until_it_is_due(agent: stillcast.Agent) -> None:
    feed = agent.open_feed("lobby", "91", interval=60.0)
    wait_until(lambda: feed.wanted)
    assert feed.due_in == 0.0
    feed.push(GREY)
    wait_until(lambda: not feed.wanted)
    assert 0.0 < feed.due_in <= 60.0
    feed.close()
    assert feed.due_in == math.inf


@pytest.mark.parametrize(
    "thing", [None, 3, "frame", b"bytes", np.zeros((4, 4), np.uint8), object(), BARE, MagicMock(spec=stillcast.Frame)]
)
def test_push_never_raises_and_counts_what_is_no_frame(agent: stillcast.Agent, thing: object) -> None:
    feed = agent.open_feed("lobby", "91")
    wait_until(lambda: feed.wanted)
    assert feed.push(thing) is False  # type: ignore[arg-type]
    assert agent.stats().refused["not_a_frame"] == 1
    feed.close()
    assert feed.push(thing) is False  # type: ignore[arg-type]
    assert feed.push(GREY) is False
    assert agent.stats().refused["closed"] == 2


@pytest.mark.parametrize(
    ("arguments", "texts"),
    [
        ({"cname": ""}, ['cname: "": is empty']),
        ({"uid": 91}, ["uid: 91"]),
        ({"interval": 0, "quality": 0, "max_size": (1, 1)}, ["interval: 0", "quality: 0", "max_size: "]),
        ({"extra_info": "x" * 1025}, ["extra_info: "]),
        ({"uid": "x" * 1000}, ["object key: 1", "use shorter names"]),
        ({"uid": "x" * 300}, ["longer than the 255 bytes of a file name: shorten cname or uid, or store in S3"]),
        ({"cname": "\ud800"}, ["cname: "]),
    ],
)
def test_a_feed_that_breaks_a_rule_is_refused_when_it_is_opened(
    agent: stillcast.Agent, arguments: dict[str, object], texts: list[str]
) -> None:
    with pytest.raises(stillcast.ConfigError) as caught:
        agent.open_feed(**{"cname": "lobby", "uid": "91", **arguments})  # type: ignore[arg-type]
    for text in texts:
        assert any(problem.startswith(text) or text in problem for problem in caught.value.problems), caught.value


def test_a_running_feed_is_changed_and_keeps_what_is_not_named(tmp_path: Path) -> None:
    sizes: list[tuple[int, int]] = []
    with stillcast.Agent(settings(tmp_path)) as agent:
        feed = agent.open_feed("lobby", "91", interval=3600)
        agent.on_still(lambda still: sizes.append((still.width, still.height)))
        with Host(feed):
            wait_until(lambda: len(sizes) == 1)
            feed.change(interval=0.05)
            wait_until(lambda: len(sizes) >= 3)
            assert set(sizes) == {(256, 144)}
            feed.change(max_size=(64, 64))
            wait_until(lambda: sizes[-2:] == [(64, 36), (64, 36)])
            feed.change(interval=3600, quality=1)
            ticks = agent.stats().ticks
            assert len(feed.snapshot(5).jpeg) < 1000
            assert agent.stats().ticks <= ticks + 1


@pytest.mark.parametrize(
    ("arguments", "texts"),
    [
        ({"interval": 0, "quality": 0, "max_size": (1, 1)}, ["interval: 0", "quality: 0", "max_size: "]),
        ({"quality": "high"}, ["quality: "]),
        ({"extra_info": "x" * 1025}, ["extra_info: "]),
    ],
)
def test_a_change_that_breaks_a_rule_is_refused_as_when_a_feed_is_opened_and_changes_nothing(
    agent: stillcast.Agent, arguments: dict[str, object], texts: list[str]
) -> None:
    feed = agent.open_feed("lobby", "91", interval=3600)
    with pytest.raises(stillcast.ConfigError) as changing:
        feed.change(**{"max_size": (2, 2), **arguments})  # type: ignore[arg-type]
    with pytest.raises(stillcast.ConfigError) as opening:
        agent.open_feed("lobby", "92", **arguments)  # type: ignore[arg-type]
    assert changing.value.problems == opening.value.problems
    assert len(texts) == len(changing.value.problems)
    with Host(feed):
        assert feed.snapshot(5).width == 256


def test_a_changed_extra_info_is_for_frames_that_are_pushed_from_then_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow, resumed = threading.Event(), threading.Event()
    with (
        Receiver() as receiver,
        stillcast.Agent(settings(tmp_path, callback={"url": receiver.url, "extra_info": "of the settings"})) as agent,
    ):
        put = agent._spool.put

        def slow_put(still: stillcast.Still, **facts: str) -> object:
            slow.set()
            assert resumed.wait(60)
            return put(still, **facts)

        other, feed = agent.open_feed("lobby", "other", interval=3600), agent.open_feed("lobby", "91", interval=3600)
        monkeypatch.setattr(agent._spool, "put", slow_put)
        other._native.request_snapshot()
        assert other.push(GREY)
        assert slow.wait(60)  # and what is captured now waits for the disk
        for extra_info in ("", "first", "second", "second", "third"):
            feed.change(extra_info=extra_info)
            feed._native.request_snapshot()
            assert feed.push(GREY)
            wait_until(lambda: feed._native.frames_in_work == 0)
        feed.change(extra_info="last")
        resumed.set()
        assert agent.flush(20)
        with Host(feed):
            feed.snapshot(10)
        assert agent.flush(20)
        told = sorted((call.uid, call.extra_info) for call in receiver.received)
    of_the_feed = ["", "first", "last", "second", "second", "third"]
    assert told == [*(("91", extra_info) for extra_info in of_the_feed), ("other", "of the settings")]


def test_only_so_many_changes_of_extra_info_are_remembered(agent: stillcast.Agent) -> None:
    feed = agent.open_feed("lobby", "91", extra_info="0")
    began_ns = monotonic_ns()
    for number in range(1, 20):
        feed.change(extra_info=str(number))
    assert (feed.extra_info_at(began_ns), feed.extra_info_at(monotonic_ns())) == ("11", "19")
    feed.change(quality=50)
    assert feed.extra_info_at(monotonic_ns()) == "19"


def test_a_closed_feed_is_not_changed(agent: stillcast.Agent) -> None:
    feed = agent.open_feed("lobby", "91")
    feed.close()
    with pytest.raises(stillcast.ClosedError, match="is closed: open a new one"):
        feed.change(quality=50)


def test_delays_of_all_stills_are_told(tmp_path: Path) -> None:
    with stillcast.Agent(settings(tmp_path)) as agent:
        feeds = [agent.open_feed("lobby", str(number)) for number in range(3)]
        with Host(*feeds):
            wait_until(lambda: agent.stats().stills >= 9)
            feeds[0].snapshot(5)
    stats = agent.stats()
    assert stats.lateness.count == stats.stills - stats.snapshots
    assert stats.frame_age.count == stats.stills
    assert 0 <= stats.frame_age.quantile(0.5) <= stats.frame_age.quantile(0.99)
    assert stats.lateness.sum_ms >= 0


@pytest.mark.parametrize("workers", [1, 3])
def test_as_many_threads_make_stills_as_the_settings_say(tmp_path: Path, workers: int) -> None:
    def threads(name: str) -> int:
        return sum(path.read_text() == f"{name}\n" for path in Path("/proc/self/task").glob("*/comm"))

    with stillcast.Agent(settings(tmp_path, capture={"workers": workers})):
        wait_until(lambda: (threads("stillcast-still"), threads("stillcast-timer")) == (workers, 1))
    wait_until(lambda: (threads("stillcast-still"), threads("stillcast-timer")) == (0, 0))


@pytest.mark.parametrize("encoder", ["auto", "turbo", "native"])
def test_the_figures_say_which_encoder_is_in_use(tmp_path: Path, encoder: Encoder) -> None:
    with stillcast.Agent(settings(tmp_path, capture={"encoder": encoder})) as agent:
        assert agent.stats().encoder == encoder_in_use(encoder)


def test_agents_with_different_encoders_store_the_same_bytes(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    frame = stillcast.Frame.from_array(rng.integers(0, 256, (150, 202, 3), dtype=np.uint8), "BGR24")
    stills = {}
    for encoder in ("turbo", "native"):
        root = tmp_path / encoder
        with stillcast.Agent(settings(root, capture={"encoder": encoder, "interval": 3600})) as agent:
            feed = agent.open_feed("lobby", "91")
            with Host(feed, frame=frame):
                still = feed.snapshot(10)
            assert agent.flush(10)
        stills[encoder] = (root / "stills" / still.object_key).read_bytes()
    assert without_exif(stills["native"]) == without_exif(stills["turbo"])
    assert Image.open(io.BytesIO(stills["native"])).size == (202, 150)


@pytest.mark.parametrize("name", ["a/b/../c", "..", "\U0001f600", "new\nline\0", "x" * 60, "__uid_s_", "%41", "Zoë"])
def test_any_text_is_a_name_that_reads_back(tmp_path: Path, agent: stillcast.Agent, name: str) -> None:
    feed = agent.open_feed(name, name, interval=3600)
    with Host(feed):
        still = feed.snapshot(5)
    assert agent.flush(5)
    key = stillcast.parse_object_key(still.object_key)
    assert (key.cname, key.uid) == (name, name)
    assert (tmp_path / "stills" / still.object_key).is_file()


def test_closed_feeds_are_forgotten(agent: stillcast.Agent) -> None:
    for number in range(20):
        with agent.open_feed("lobby", str(number)) as feed:
            feed.push(GREY)
    wait_until(lambda: agent.stats().feeds == 0)
    wait_until(lambda: not agent._collector.feeds())
