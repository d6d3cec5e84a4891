"""Frames of Agora's SDK and of picamera2, by their shape: the picture that comes out, decoded by Pillow."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from types import SimpleNamespace

import numpy as np
import pytest

from stillcast import ConfigError, FrameFormatError
from stillcast.hosts import agora, picamera2
from support.host_frames import StillSink, quarters

RED, GREEN, BLUE, GREY = (200, 30, 30), (30, 200, 30), (30, 30, 200), (128, 128, 128)
COLOURS = (RED, GREEN, BLUE, GREY)  # of the quarters, clockwise
WIDTH, HEIGHT = 96, 64


def rgb() -> np.ndarray:
    image = np.empty((HEIGHT, WIDTH, 3), np.uint8)
    image[: HEIGHT // 2, : WIDTH // 2], image[: HEIGHT // 2, WIDTH // 2 :] = RED, GREEN
    image[HEIGHT // 2 :, WIDTH // 2 :], image[HEIGHT // 2 :, : WIDTH // 2] = BLUE, GREY
    return image


def ycbcr(red: float, blue: float, *, full_range: bool) -> list[np.ndarray]:
    """The recommendations' own formulas, 4:2:0."""
    levels = rgb() / 255.0
    luma = levels @ [red, 1 - red - blue, blue]
    pb, pr = (levels[..., 2] - luma) / (2 * (1 - blue)), (levels[..., 0] - luma) / (2 * (1 - red))
    scale, zero, chroma = (255, 0, 255) if full_range else (219, 16, 224)
    planes = [zero + scale * luma, (128 + chroma * pb)[::2, ::2], (128 + chroma * pr)[::2, ::2]]
    return [np.rint(plane).astype(np.uint8) for plane in planes]


def padded(plane: np.ndarray, stride: int) -> bytes:
    rows = np.full((plane.shape[0], stride), 77, np.uint8)
    rows[:, : plane.shape[1]] = plane
    return rows.tobytes()


def assert_colours(sink: StillSink, colours: tuple[tuple[int, int, int], ...] = COLOURS) -> None:
    found = quarters(sink.stills[-1])
    assert np.abs(np.array(found) - np.array(colours)).max() <= 4, found


@dataclass
class VideoFrame:
    """As the SDK's dataclass of that name."""

    type: int = 1
    width: int = WIDTH
    height: int = HEIGHT
    y_stride: int = 128
    u_stride: int = 64
    v_stride: int = 72
    y_buffer: bytes | None = None
    u_buffer: bytes | None = None
    v_buffer: bytes | None = None
    rotation: int = 0


def agora_i420(**facts: object) -> VideoFrame:
    luma, cb, cr = ycbcr(0.299, 0.114, full_range=False)
    frame = VideoFrame(y_buffer=padded(luma, 128), u_buffer=padded(cb, 64), v_buffer=padded(cr, 72))
    for name, value in facts.items():
        setattr(frame, name, value)
    return frame


@dataclass
class Users:
    """Opens feeds as an agent does."""

    sinks: dict[tuple[str, str], list[StillSink]] = field(default_factory=dict)

    def open_feed(self, cname: str, uid: str) -> StillSink:
        if uid == "":
            raise ConfigError('uid: "" is empty: name the user')
        sink = StillSink()
        self.sinks.setdefault((cname, uid), []).append(sink)
        return sink


def test_agoras_frames_become_stills_with_strides_and_rotation():
    users = Users()
    observer = agora.VideoFrameObserver(users.open_feed)
    for rotation, first in ((0, 0), (90, 3), (180, 2), (270, 1)):
        observer.on_frame("lobby", "91", agora_i420(rotation=rotation))
        (sink,) = users.sinks["lobby", "91"]
        assert_colours(sink, tuple(COLOURS[(first + i) % 4] for i in range(4)))


@pytest.mark.parametrize(("type_", "order"), [(2, [2, 1, 0, 3]), (4, [0, 1, 2, 3])], ids=["BGRA", "RGBA"])
def test_agoras_packed_frames(type_: int, order: list[int]):
    pixels = np.dstack([rgb(), np.full((HEIGHT, WIDTH), 9, np.uint8)])[..., order].reshape(HEIGHT, -1)
    sink = StillSink()
    sink.push(agora.frame_from_agora(VideoFrame(type=type_, y_stride=400, y_buffer=padded(pixels, 400))))
    assert_colours(sink)


@pytest.mark.parametrize("type_", [8, 3], ids=["NV12", "NV21"])
def test_agoras_semi_planar_frames(type_: int):
    luma, cb, cr = ycbcr(0.299, 0.114, full_range=False)
    pairs = np.stack([cb, cr] if type_ == 8 else [cr, cb], axis=-1).reshape(HEIGHT // 2, WIDTH)
    frame = VideoFrame(type=type_, u_stride=100, y_buffer=padded(luma, 128), u_buffer=padded(pairs, 100))
    sink = StillSink()
    sink.push(agora.frame_from_agora(frame))
    assert_colours(sink)


def test_an_odd_height_of_agoras_costs_its_last_row():
    # The SDK copies height // 2 rows of chroma.
    frame = agora_i420(height=HEIGHT - 1)
    frame.u_buffer, frame.v_buffer = frame.u_buffer[: 31 * 64], frame.v_buffer[: 31 * 72]
    assert agora.frame_from_agora(frame).height == HEIGHT - 2


@pytest.mark.parametrize(
    ("frame", "says"),
    [
        (agora_i420(type=16), "pixel format 16 is not one of 1"),
        (agora_i420(v_buffer=None), "v_buffer is missing"),
        (agora_i420(y_buffer=b"short"), "y_buffer: has 5 bytes"),
        (agora_i420(width=0, height=0), "for 0 rows of 0"),
    ],
)
def test_agoras_bad_frames_are_refused_in_words_and_the_observer_goes_on(
    frame: VideoFrame, says: str, caplog: pytest.LogCaptureFixture
):
    with pytest.raises(FrameFormatError, match=says):
        agora.frame_from_agora(frame)
    users = Users()
    observer = agora.VideoFrameObserver(users.open_feed)
    assert observer.on_frame("lobby", "91", frame) == 0
    assert observer.on_frame("lobby", "91", agora_i420()) == 0
    assert len(users.sinks["lobby", "91"][0].stills) == 1
    assert len(caplog.records) == 1


def test_users_of_agora_come_leave_and_come_back(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(agora, "_UNDER_WAY_S", 0.0)
    users = Users()
    observer = agora.VideoFrameObserver(users.open_feed)
    observer.on_frame("lobby", "91", agora_i420())
    observer.on_frame("lobby", "92", agora_i420())
    observer.leave("lobby", "91")
    observer.on_frame("lobby", "91", agora_i420())
    observer.leave("lobby", "nobody")
    assert [sink.closed for sink in users.sinks["lobby", "91"]] == [True, False]
    observer.close()
    assert all(sink.closed for sinks in users.sinks.values() for sink in sinks)


def test_a_frame_that_was_under_way_opens_no_feed_for_a_user_who_left():
    users = Users()
    observer = agora.VideoFrameObserver(users.open_feed)
    observer.on_frame("lobby", "91", agora_i420())
    observer.leave("lobby", "91")
    observer.on_frame("lobby", "91", agora_i420())
    observer.on_frame("lobby", "92", agora_i420())
    observer.close()
    observer.on_frame("lobby", "93", agora_i420())
    assert set(users.sinks) == {("lobby", "91"), ("lobby", "92")}
    assert [sink.closed for sinks in users.sinks.values() for sink in sinks] == [True, True]


def test_what_the_hosts_own_function_raises_does_not_reach_the_sdk(caplog: pytest.LogCaptureFixture):
    rooms: dict[str, StillSink] = {}
    observer = agora.VideoFrameObserver(lambda cname, _uid: rooms[cname])
    with caplog.at_level(logging.WARNING, "stillcast.hosts"):
        assert observer.on_frame("lobby", "91", agora_i420()) == 0
        assert observer.on_frame("lobby", "91", agora_i420()) == 0
    assert [record.getMessage() for record in caplog.records] == ["lobby/91: no stills: KeyError: 'lobby'"]


def test_a_user_who_cannot_have_a_feed_is_told_of_once(caplog: pytest.LogCaptureFixture):
    observer = agora.VideoFrameObserver(Users().open_feed)
    with caplog.at_level(logging.WARNING, "stillcast.hosts"):
        observer.on_frame("lobby", "", agora_i420())
        observer.on_frame("lobby", "", agora_i420())
        observer.leave("lobby", "")
        observer.close()
    assert [record.getMessage() for record in caplog.records] == ['lobby/: no stills: uid: "" is empty: name the user']


@dataclass
class Request:
    """As picamera2's ``CompletedRequest``: a configuration, and bytes."""

    config: dict[str, object]
    bytes_: bytes

    def make_buffer(self, name: str) -> np.ndarray:
        assert name in self.config
        return np.frombuffer(self.bytes_, np.uint8)


def request(format_: str, stride: int, bytes_: bytes, encoding: str = "Rec601", range_: str = "Full") -> Request:
    space = SimpleNamespace(ycbcrEncoding=SimpleNamespace(name=encoding), range=SimpleNamespace(name=range_))
    stream = {"format": format_, "size": (WIDTH, HEIGHT), "stride": stride}
    return Request({"main": stream, "colour_space": space}, bytes_)


@pytest.mark.parametrize(
    ("format_", "order"),
    [("RGB888", [2, 1, 0]), ("BGR888", [0, 1, 2]), ("XRGB8888", [2, 1, 0, 3]), ("XBGR8888", [0, 1, 2, 3])],
)
def test_picamera2s_packed_frames(format_: str, order: list[int]):
    pixels = np.dstack([rgb(), np.full((HEIGHT, WIDTH), 9, np.uint8)])[..., order].reshape(HEIGHT, -1)
    sink = StillSink()
    assert picamera2.Stills(sink).offer(request(format_, 448, padded(pixels, 448)))
    assert_colours(sink)


@pytest.mark.parametrize("format_", ["YUV420", "YVU420", "NV12", "NV21"])
@pytest.mark.parametrize(
    ("encoding", "range_", "shares"),
    [("Rec601", "Full", (0.299, 0.114)), ("Rec709", "Limited", (0.2126, 0.0722))],
)
def test_picamera2s_planar_frames_with_their_colour_space(
    format_: str, encoding: str, range_: str, shares: tuple[float, float]
):
    luma, cb, cr = ycbcr(*shares, full_range=range_ == "Full")
    first, second = (cb, cr) if format_ in {"YUV420", "NV12"} else (cr, cb)
    if format_.startswith("NV"):
        chroma = padded(np.stack([first, second], axis=-1).reshape(HEIGHT // 2, WIDTH), 128)
    else:
        chroma = padded(first, 64) + padded(second, 64)
    sink = StillSink()
    assert picamera2.Stills(sink).offer(request(format_, 128, padded(luma, 128) + chroma, encoding, range_))
    assert_colours(sink)


def test_a_camera_that_hangs_upside_down_gives_upright_stills():
    sink = StillSink()
    upside_down = np.ascontiguousarray(rgb()[::-1, ::-1]).tobytes()
    assert picamera2.Stills(sink, rotation=180).offer(request("BGR888", 3 * WIDTH, upside_down))
    assert_colours(sink)


def test_picamera2s_bayer_frames_are_refused_in_words(caplog: pytest.LogCaptureFixture):
    sink = StillSink()
    assert not picamera2.Stills(sink).offer(request("SBGGR10", 128, bytes(128 * HEIGHT)))
    assert 'the camera\'s format "SBGGR10" is not one of RGB888' in caplog.text
    assert not sink.stills
