"""Video sources: addresses, pacing, playing, and what is said when there is no video."""

from __future__ import annotations

import random
import socket
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import av
import numpy as np
import pytest

from stillcast.backoff import Backoff
from stillcast.capture import Frame, encode_still
from stillcast.errors import SourceError
from stillcast.sources import Source, SourceKind, SourceOptions, SourceState, Timeouts, frame_from_av, locate
from stillcast.sources.pacing import Pacer
from stillcast.sources.reader import ReadCounts, open_video
from support.canaries import PASSWORD, SECRET_KEY, found_in
from support.clips import clip, damaged, frames_of, remuxed, truncated


@dataclass
class Sink:
    """A feed that keeps what it is given."""

    wanted: bool = True
    frames: list[Frame] = field(default_factory=list)
    times_s: list[float] = field(default_factory=list)

    def push(self, frame: Frame) -> bool:
        self.frames.append(frame)
        self.times_s.append(time.monotonic())
        return True

    @property
    def pts_s(self) -> list[float]:
        return [(frame.pts_ns or 0) / 1e9 for frame in self.frames]


def play(url: str | Path, sink: Sink | None = None, **options: object) -> tuple[Source, list[str]]:
    """Play a source to its end."""
    lines: list[str] = []
    source = Source(str(url), sink or Sink(), name="room/7", options=SourceOptions(**options), report=lines.append)
    source.start()
    assert source.join(60)
    return source, lines


def until(is_so: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + 30
    while not is_so():
        assert time.monotonic() < end, f"not within 30 s: {what}"
        time.sleep(0.01)


@contextmanager
def stream_server(*acts: Callable[[socket.socket], None]) -> Iterator[str]:
    """A live sender over TCP: each connection gets the next act, later ones the last; gives the address."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            for number in range(1000):
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    try:
                        acts[min(number, len(acts) - 1)](connection)
                    except OSError:
                        continue

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield f"tcp://127.0.0.1:{server.getsockname()[1]}"
        finally:
            server.shutdown(socket.SHUT_RDWR)
    thread.join(10)


def live(url: str, sink: Sink, lines: list[str], *, read_s: float = 5.0) -> Source:
    return Source(
        url,
        sink,
        name="room/7",
        options=SourceOptions(timeouts=Timeouts(open_s=5.0, read_s=read_s)),
        report=lines.append,
        backoff=Backoff(base_s=0.05, cap_s=0.1, random=random.Random(1)),
    )


@pytest.fixture(scope="module")
def short_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return remuxed(clip("bigbuckbunny"), tmp_path_factory.mktemp("clips") / "short.mp4", seconds=0.6)


@pytest.fixture(scope="module")
def transport_stream(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return remuxed(clip("bigbuckbunny"), tmp_path_factory.mktemp("clips") / "short.ts", seconds=0.6).read_bytes()


# Addresses


@pytest.mark.parametrize(
    ("url", "kind", "target"),
    [
        ("clip.mp4", SourceKind.FILE, "clip.mp4"),
        ("file:///video/clip.mp4", SourceKind.FILE, "/video/clip.mp4"),
        ("lavfi:testsrc2=size=64x64", SourceKind.LAVFI, "testsrc2=size=64x64"),
        ("v4l2:/dev/video3", SourceKind.CAMERA, "/dev/video3"),
        ("/dev/video0", SourceKind.CAMERA, "/dev/video0"),
        ("avfoundation:0", SourceKind.CAMERA, "0"),
        ("rtmp://host/live/x", SourceKind.LIVE, "rtmp://host/live/x"),
        ("srt://host:9000?mode=caller", SourceKind.LIVE, "srt://host:9000?mode=caller"),
        ("udp://@239.0.0.1:1234", SourceKind.LIVE, "udp://@239.0.0.1:1234"),
        ("https://host/live.m3u8", SourceKind.HTTP, "https://host/live.m3u8"),
    ],
)
def test_an_address_says_what_kind_of_source_it_is(url: str, kind: SourceKind, target: str) -> None:
    location = locate(url)
    assert (location.kind, location.target) == (kind, target)


def test_rtsp_goes_over_tcp() -> None:
    assert locate("rtsp://camera/1").options["rtsp_transport"] == "tcp"


def test_user_password_and_token_of_an_address_are_in_no_message() -> None:
    lines: list[str] = []
    source = live("nosuch://operator:hunter2@host/live?token=s3cret", Sink(), lines)
    source.start()
    assert source.join(30)
    said = f"{lines} {source.error} {source.location.shown}"
    assert "nosuch://" in said
    for secret in ("operator", "hunter2", "s3cret"):
        assert secret not in said


@pytest.mark.parametrize("scheme", ["rtmp", "rtsp", "http", "nosuch"])
def test_the_traceback_of_a_source_that_fails_shows_no_password(scheme: str) -> None:
    location = locate(f"{scheme}://operator:{quote(PASSWORD, safe='')}@127.0.0.1:1/live?token={SECRET_KEY}")
    with pytest.raises(SourceError) as failure:
        open_video(location, Timeouts(open_s=5, read_s=5), ReadCounts())
    assert found_in("".join(traceback.format_exception(failure.value)) + repr(location)) is None
    assert "127.0.0.1:1/live" in str(failure.value)


# Pacing, with the clock moved by hand


def test_the_pacer_waits_until_a_frame_is_due() -> None:
    now = [100.0]
    pacer = Pacer(lambda: now[0])
    assert pacer.delay_s(7.0) == 0.0
    assert pacer.delay_s(7.04) == pytest.approx(0.04)
    now[0] = 100.03
    assert pacer.delay_s(7.04) == pytest.approx(0.01)
    assert pacer.restarts == 0


def test_a_pacer_that_fell_behind_starts_afresh_and_never_catches_up_in_a_burst() -> None:
    now = [0.0]
    pacer = Pacer(lambda: now[0])
    pacer.delay_s(0.0)
    now[0] = 3.0
    assert pacer.delay_s(0.04) == 0.0
    assert pacer.delay_s(0.08) == pytest.approx(0.04)
    assert pacer.restarts == 1


def test_a_time_stamp_that_jumps_does_not_stop_the_video() -> None:
    now = [0.0]
    pacer = Pacer(lambda: now[0])
    pacer.delay_s(0.0)
    assert pacer.delay_s(95_000.0) == 0.0
    assert pacer.delay_s(95_000.04) == pytest.approx(0.04)
    assert pacer.delay_s(1.0) == 0.0


# Files and test pictures


def test_a_file_plays_every_frame_at_its_own_speed_and_ends(short_clip: Path) -> None:
    sink = Sink()
    source, lines = play(short_clip, sink)
    assert source.state is SourceState.ENDED
    assert sink.pts_s == pytest.approx([0.04 * number for number in range(len(sink.frames))])
    assert len(sink.frames) >= 14
    # A sleep may be long, never short: so it cannot have been faster.
    assert sink.times_s[-1] - sink.times_s[0] >= sink.pts_s[-1] - 0.05
    assert lines == ["room/7: playing: 1280x720 h264 25 fps, 0.6 s", "room/7: ended"]


def test_frames_are_not_even_made_while_no_still_is_due(short_clip: Path) -> None:
    sink = Sink(wanted=False)
    source, _ = play(short_clip, sink)
    assert sink.frames == []
    assert source.stats().frames >= 14
    assert source.stats().pushed == 0


def test_a_loop_starts_again_when_the_file_ends(short_clip: Path) -> None:
    sink = Sink()
    source = Source(str(short_clip), sink, options=SourceOptions(loop=True))
    source.start()
    until(lambda: len(sink.frames) >= 35, "two and a half passes")
    assert source.stop(30)
    assert source.state is SourceState.STOPPED
    assert sum(pts == 0.0 for pts in sink.pts_s) >= 2


def test_the_first_pass_can_start_later_in_the_file(short_clip: Path) -> None:
    sink = Sink()
    play(short_clip, sink, start_s=0.3)
    assert sink.pts_s[0] == pytest.approx(0.32)


def test_test_pictures_move() -> None:
    sink = Sink()
    source = Source("lavfi:testsrc2=size=128x72:rate=25", sink)
    source.start()
    until(lambda: len(sink.frames) >= 5, "five test pictures")
    assert source.stop(30)
    assert len(set(sink.pts_s)) == len(sink.frames)


def test_a_truncated_file_gives_what_it_has_and_then_says_so(tmp_path: Path) -> None:
    whole = remuxed(clip("bigbuckbunny"), tmp_path / "whole.mp4", seconds=2.4)
    sink = Sink()
    source, _ = play(truncated(whole, tmp_path / "cut.mp4", 0.3), sink)
    assert len(sink.frames) > 5
    assert source.state is SourceState.FAILED
    assert 'cut.mp4": ended early, at ' in str(source.error)
    assert "the file is truncated or damaged: copy it again" in str(source.error)


def test_sound_that_goes_on_after_the_pictures_is_no_early_end(tmp_path: Path) -> None:
    source, _ = play(remuxed(clip("bigbuckbunny"), tmp_path / "sound.mkv", seconds=2.5, video_seconds=0.5))
    assert source.state is SourceState.ENDED


def test_no_damaged_picture_is_pushed(tmp_path: Path) -> None:
    whole = remuxed(clip("bigbuckbunny"), tmp_path / "whole.mp4", seconds=2.4)
    true_frames = {pts * 1_000_000_000 // 12800: frame for pts, frame in frames_of(whole).items()}
    sink = Sink()
    source, lines = play(damaged(whole, tmp_path / "damaged.mp4"), sink)
    stats = source.stats()
    assert stats.damaged_frames > 10
    assert len(sink.frames) >= 10
    assert sum("damaged picture at" in line for line in lines) == 1
    for frame in sink.frames:
        true_frame = frame_from_av(true_frames[frame.pts_ns or 0])
        assert encode_still(frame).jpeg == encode_still(true_frame).jpeg


def test_each_file_that_is_no_video_is_named_with_its_fault_and_the_way_out(tmp_path: Path) -> None:
    (tmp_path / "garbage.mp4").write_bytes(random.Random(7).randbytes(100_000))
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "notes.txt").write_text("no video\n" * 50)
    with av.open(str(tmp_path / "sound.wav"), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000)
        samples = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), "s16", "mono")
        samples.sample_rate = 8000
        container.mux(stream.encode(samples))
    (tmp_path / "index_lost.mp4").write_bytes(clip("bigbuckbunny").read_bytes()[:300_000])
    for name, fault in {
        "missing.mp4": "no such file: check the path",
        "": "is a directory: name one video file",
        "empty.mp4": "is empty (0 bytes): check how the file was made or copied",
        "garbage.mp4": "is no video that FFmpeg knows",
        "index_lost.mp4": "its start or index is damaged",
        "notes.txt": "is a text, not a video",
        "sound.wav": "no video stream (it has: audio): name a source with pictures",
    }.items():
        source, lines = play(tmp_path / name)
        assert source.state is SourceState.FAILED
        assert str(source.error).startswith(f'source: "{tmp_path / name}": ')
        assert fault in str(source.error)
        assert len(lines) == 1


@pytest.mark.parametrize(
    ("url", "fault"),
    [
        ("lavfi:nosuchfilter", "FFmpeg cannot build this filter graph"),
        ("v4l2:/dev/video97", "check that the camera is plugged in"),
        ("nosuch://host/x", "this build of FFmpeg does not speak its protocol"),
    ],
)
def test_a_source_that_can_never_work_fails_at_once(url: str, fault: str) -> None:
    source, lines = play(url)
    assert source.state is SourceState.FAILED
    assert fault in str(source.error)
    assert len(lines) == 1


def test_a_source_that_fails_leaves_the_others_playing(short_clip: Path, tmp_path: Path) -> None:
    sink = Sink()
    good, bad = Source(str(short_clip), sink), Source(str(tmp_path / "missing.mp4"), Sink())
    good.start()
    bad.start()
    assert bad.join(30)
    assert good.join(30)
    assert (good.state, bad.state) == (SourceState.ENDED, SourceState.FAILED)
    assert len(sink.frames) >= 14


def test_frames_too_large_are_counted_and_said_once() -> None:
    lines: list[str] = []
    source = Source("lavfi:color=size=16386x16:rate=100", Sink(), name="room/7", report=lines.append)
    source.start()
    until(lambda: source.stats().refused_frames >= 3, "three refused frames")
    assert source.stop(30)
    assert sum("frames refused" in line for line in lines) == 1


# Live sources


def test_a_live_source_that_is_not_there_is_told_once_and_stops_when_asked() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    lines: list[str] = []
    source = live(f"tcp://127.0.0.1:{port}", Sink(), lines)
    source.start()
    until(lambda: source.state is SourceState.RECONNECTING, "reconnecting")
    time.sleep(0.5)  # a few more attempts
    assert source.stop(30)
    assert lines == [
        f'room/7: reconnecting: source: "tcp://127.0.0.1:{port}": connection refused: check host and port, and that '
        "the server runs; trying again until it comes",
        "room/7: stopped",
    ]


def test_a_live_source_that_breaks_off_comes_back(transport_stream: bytes) -> None:
    sink, lines = Sink(), []
    with stream_server(lambda connection: connection.sendall(transport_stream)) as url:
        source = live(url, sink, lines)
        source.start()
        until(lambda: source.stats().reconnects >= 2, "two returns")
        source.stop(30)
    assert sink.frames
    assert any("the stream ended: it goes on when the sender does; trying again" in line for line in lines)
    assert any("playing: back after" in line for line in lines)


def test_a_live_source_that_falls_silent_is_noticed(transport_stream: bytes) -> None:
    may_end = threading.Event()

    def fall_silent(connection: socket.socket) -> None:
        connection.sendall(transport_stream)
        may_end.wait(30)

    sink, lines = Sink(), []
    with stream_server(fall_silent) as url:
        source = live(url, sink, lines, read_s=0.5)
        source.start()
        until(lambda: source.state is SourceState.RECONNECTING, "the stall")
        may_end.set()
        source.stop(30)
    assert sink.frames
    assert any("stalled, no video for 0.5 s: check that it is being sent" in line for line in lines)


def test_sound_does_not_hide_that_the_pictures_stopped(tmp_path: Path) -> None:
    whole = remuxed(clip("bigbuckbunny"), tmp_path / "s.ts", seconds=5.0, video_seconds=0.5).read_bytes()

    def drip(connection: socket.socket) -> None:
        # All pictures are in the first part; what follows is sound that never pauses for half a second.
        connection.sendall(whole[: len(whole) // 2])
        for start in range(len(whole) // 2, len(whole), 188 * 5):
            connection.sendall(whole[start : start + 188 * 5])
            time.sleep(0.05)

    sink, lines = Sink(), []
    with stream_server(drip) as url:
        source = live(url, sink, lines, read_s=0.5)
        source.start()
        until(lambda: source.state is SourceState.RECONNECTING, "the stall")
        source.stop(30)
    assert sink.frames
    assert any("stalled, no video for 0.5 s" in line for line in lines)
