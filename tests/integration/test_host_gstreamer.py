"""GStreamer from test pictures and from a file, through the real library."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from stillcast import FrameFormatError
from support.clips import clip, turned
from support.host_frames import StillSink, picture

pytest.importorskip("gi", reason="GStreamer for Python is not there: docs/hosts/gstreamer.md")

from stillcast.hosts import gstreamer
from stillcast.hosts.gstreamer import Gst, GstVideo

PATIENCE_S = 20.0


@pytest.fixture(scope="module", autouse=True)
def initialised() -> None:
    Gst.init(None)


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def ends(pipeline: Gst.Pipeline) -> bool:
    """Whether a pipeline comes to its end by itself."""
    message = pipeline.get_bus().timed_pop_filtered(
        round(PATIENCE_S) * Gst.SECOND, Gst.MessageType.EOS | Gst.MessageType.ERROR
    )
    return message is not None and message.type == Gst.MessageType.EOS


def play(description: str, sink: StillSink, until_stills: int = 1) -> gstreamer.Stills:
    """Run a pipeline that ends in an appsink of the host's, until there are so many stills."""
    pipeline = Gst.parse_launch(f"{description} ! appsink name=sink sync=false")
    stills = gstreamer.Stills(sink, pipeline.get_by_name("sink"), name="camera")
    pipeline.set_state(Gst.State.PLAYING)
    try:
        until(lambda: len(sink.stills) >= until_stills)
    finally:
        pipeline.set_state(Gst.State.NULL)
        stills.close()
    return stills


@pytest.mark.parametrize(
    "format_", ["I420", "YV12", "NV12", "NV21", "YUY2", "UYVY", "RGB", "BGR", "RGBA", "BGRA", "RGBx", "BGRx"]
)
@pytest.mark.parametrize("size", [(320, 240), (322, 242), (321, 241)])
def test_every_format_gives_the_same_picture_at_sizes_with_padded_rows(format_: str, size: tuple[int, int]):
    sink = StillSink()
    width, height = size
    colours = "" if format_.startswith(("RGB", "BGR")) else ",colorimetry=bt601"
    caps = f"video/x-raw,format={format_},width={width},height={height}{colours}"
    play(f"videotestsrc pattern=smpte75 ! {caps}", sink)
    # The bars of SMPTE at 75 %: their middles, from left to right, in the upper half.
    bars = [(191, 191, 191), (191, 191, 0), (0, 191, 191), (0, 191, 0), (191, 0, 191), (191, 0, 0), (0, 0, 191)]
    image = picture(sink.stills[0])
    for number, colour in enumerate(bars):
        column = round((number + 0.5) * image.shape[1] / 7)
        found = image[20:100, column - 5 : column + 5].mean(axis=(0, 1))
        assert np.abs(found - colour).max() <= 6, (number, found)


def test_only_frames_that_are_due_are_mapped():
    sink = StillSink(wanted=False)
    pipeline = Gst.parse_launch("videotestsrc num-buffers=200 ! video/x-raw,format=I420 ! appsink name=sink sync=false")
    stills = gstreamer.Stills(sink, pipeline.get_by_name("sink"))
    pipeline.set_state(Gst.State.PLAYING)
    until(lambda: stills.counts.offered >= 50)
    pipeline.set_state(Gst.State.NULL)
    assert stills.counts.pushed == 0
    assert not sink.stills


def test_a_file_beside_a_host_that_plays_it(tmp_path: Path):
    sink = StillSink()
    pipeline = Gst.parse_launch(f'uridecodebin uri="{clip("bigbuckbunny").as_uri()}" ! tee name=t ! queue ! fakesink')
    branch = gstreamer.stills_bin(sink)
    pipeline.add(branch)
    pipeline.get_by_name("t").link(branch)
    pipeline.set_state(Gst.State.PLAYING)
    until(lambda: len(sink.stills) >= 2)
    pipeline.set_state(Gst.State.NULL)
    assert (sink.stills[0].width, sink.stills[0].height) == (1280, 720)


def test_the_bin_lets_no_frame_pass_that_is_not_due_and_holds_nothing_up():
    sink = StillSink(wanted=False)
    pipeline = Gst.parse_launch("videotestsrc num-buffers=100 ! tee name=t ! queue ! fakesink name=end sync=false")
    branch = gstreamer.stills_bin(sink)
    pipeline.add(branch)
    pipeline.get_by_name("t").link(branch)
    pipeline.set_state(Gst.State.PLAYING)
    ended = ends(pipeline)
    pipeline.set_state(Gst.State.NULL)
    assert ended
    assert branch.stills.counts.offered == 0


def test_a_turned_file_gives_upright_stills(tmp_path: Path):
    sink = StillSink()
    path = turned(clip("bigbuckbunny"), tmp_path / "phone.mp4", 90)
    play(f'uridecodebin uri="{path.as_uri()}" ! videoconvert ! video/x-raw,format=I420', sink)
    assert (sink.stills[0].width, sink.stills[0].height) == (720, 1280)


def test_pixels_that_are_not_square_are_undone():
    sink = StillSink()
    play("videotestsrc ! video/x-raw,format=I420,width=720,height=576,pixel-aspect-ratio=16/15", sink)
    assert sink.stills[0].width / sink.stills[0].height == pytest.approx(4 / 3, rel=0.01)


def test_a_change_of_size_and_format_in_mid_stream_goes_on():
    sink = StillSink()
    pipeline = Gst.parse_launch("videotestsrc ! capsfilter name=caps ! appsink name=sink sync=false")
    stills = gstreamer.Stills(sink, pipeline.get_by_name("sink"))
    filter_ = pipeline.get_by_name("caps")
    filter_.set_property("caps", Gst.Caps.from_string("video/x-raw,format=I420,width=320,height=240"))
    pipeline.set_state(Gst.State.PLAYING)
    until(lambda: len(sink.stills) >= 1)
    filter_.set_property("caps", Gst.Caps.from_string("video/x-raw,format=BGRx,width=640,height=360"))
    until(lambda: sink.stills[-1].width == 640)
    pipeline.set_state(Gst.State.NULL)
    assert stills.counts.refused == 0


def test_a_format_that_is_not_known_is_refused_in_words(caplog: pytest.LogCaptureFixture):
    sink = StillSink()
    pipeline = Gst.parse_launch(
        "videotestsrc num-buffers=20 ! video/x-raw,format=I420_10LE ! appsink name=sink sync=false"
    )
    stills = gstreamer.Stills(sink, pipeline.get_by_name("sink"), name="camera")
    pipeline.set_state(Gst.State.PLAYING)
    until(lambda: stills.counts.refused >= 2)
    pipeline.set_state(Gst.State.NULL)
    lines = [record.getMessage() for record in caplog.records if record.name == "stillcast.hosts"]
    assert len(lines) == 1
    assert lines[0].startswith('camera: frames refused: frame: "video/x-raw')
    assert "put a videoconvert before the sink" in lines[0]


def test_a_pipeline_ends_after_its_stills_were_closed():
    source = "videotestsrc num-buffers=50 ! video/x-raw,width=64,height=48 ! identity sleep-time=5000"
    pipeline = Gst.parse_launch(f"{source} ! tee name=t ! queue ! appsink name=sink sync=false")
    sink = StillSink()
    branch = gstreamer.stills_bin(StillSink())
    stills = gstreamer.Stills(sink, pipeline.get_by_name("sink"))
    pipeline.add(branch)
    pipeline.get_by_name("t").link(branch)
    pipeline.set_state(Gst.State.PLAYING)
    try:
        until(lambda: len(sink.stills) >= 1)
        stills.close()
        branch.stills.close()
        assert ends(pipeline)
    finally:
        pipeline.set_state(Gst.State.NULL)


def test_the_turn_of_one_stream_is_not_that_of_the_next(tmp_path: Path):
    pipeline = Gst.parse_launch("concat name=c ! videoconvert ! video/x-raw,format=I420 ! appsink name=sink sync=false")
    sink = StillSink()
    gstreamer.Stills(sink, pipeline.get_by_name("sink"))
    for path in (turned(clip("bigbuckbunny"), tmp_path / "phone.mp4", 90), clip("bigbuckbunny")):
        reader = Gst.parse_bin_from_description(f"filesrc location={path} ! qtdemux ! decodebin name=d", False)
        pipeline.add(reader)
        end = pipeline.get_by_name("c").request_pad_simple("sink_%u")

        def link(_: Gst.Element, pad: Gst.Pad, reader: Gst.Bin = reader, end: Gst.Pad = end) -> None:
            ghost = Gst.GhostPad.new("src", pad)
            ghost.set_active(True)
            reader.add_pad(ghost)
            ghost.link(end)

        reader.get_by_name("d").connect("pad-added", link)
    pipeline.set_state(Gst.State.PLAYING)
    try:
        assert ends(pipeline)
    finally:
        pipeline.set_state(Gst.State.NULL)
    shapes = [(still.width, still.height) for still in sink.stills]
    assert (shapes[0], shapes[-1]) == ((720, 1280), (1280, 720))


def test_who_comes_late_learns_how_the_stream_is_turned(tmp_path: Path):
    path = turned(clip("bigbuckbunny"), tmp_path / "phone.mp4", 90)
    slow = "identity sleep-time=30000 ! appsink name=sink sync=false max-buffers=1 drop=true"
    pipeline = Gst.parse_launch(
        f"filesrc location={path} ! qtdemux ! decodebin ! videoconvert ! video/x-raw,format=I420 ! {slow}"
    )
    pipeline.set_state(Gst.State.PLAYING)
    try:
        assert pipeline.get_state(round(PATIENCE_S) * Gst.SECOND)[0] == Gst.StateChangeReturn.SUCCESS
        sink = StillSink()
        gstreamer.Stills(sink, pipeline.get_by_name("sink"))
        until(lambda: len(sink.stills) >= 1)
    finally:
        pipeline.set_state(Gst.State.NULL)
    assert (sink.stills[0].width, sink.stills[0].height) == (720, 1280)


def test_rows_that_lie_from_the_last_to_the_first_come_upright():
    width, height = 64, 48
    pixels = np.zeros((height, width, 4), np.uint8)
    pixels[: height // 2, :, 2] = 200  # red above, in BGRx
    buffer = Gst.Buffer.new_wrapped(pixels[::-1].tobytes())
    first_row, stride = width * 4 * (height - 1), -width * 4
    GstVideo.buffer_add_video_meta_full(
        buffer,
        GstVideo.VideoFrameFlags.NONE,
        GstVideo.VideoFormat.BGRX,
        width,
        height,
        1,
        [first_row, 0, 0, 0],
        [stride, 0, 0, 0],
    )
    caps = Gst.Caps.from_string(f"video/x-raw,format=BGRx,width={width},height={height},framerate=25/1")
    ok, memory = buffer.map(Gst.MapFlags.READ)
    assert ok
    sink = StillSink()
    sink.push(gstreamer.frame_from_memory(memory.data, caps, buffer))
    buffer.unmap(memory)
    above, below = picture(sink.stills[0])[5, 5], picture(sink.stills[0])[-5, 5]
    assert (abs(above - [200, 0, 0]) < 8).all()
    assert (below < 8).all()


def test_an_empty_buffer_is_refused_in_words():
    caps = Gst.Caps.from_string("video/x-raw,format=I420,width=64,height=48,framerate=25/1")
    with pytest.raises(FrameFormatError, match="buffer is empty"):
        gstreamer.frame_from_memory([], caps, Gst.Buffer.new())
