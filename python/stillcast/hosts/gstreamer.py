"""GStreamer: an appsink of the host's, or a ready bin for its pipelines.

Needs PyGObject, and GStreamer 1.20 or newer with its introspection: see docs/hosts/gstreamer.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import Any, Final

import gi

from stillcast.capture import Frame
from stillcast.errors import FrameFormatError
from stillcast.hosts.offering import FrameSink, OfferCounts, Offering
from stillcast.hosts.planes import plane

gi.require_version("Gst", "1.0")
gi.require_version("GstApp", "1.0")
gi.require_version("GstVideo", "1.0")

from gi.repository import Gst, GstApp, GstVideo  # noqa: E402  # its versions have to be said before

# GStreamer's name -> stillcast's, the order of planes, and of each the bytes of a row as (bytes, pixels), and the lines
# of the picture that a row serves.
_Y, _C = (1, 1, 1), (1, 2, 2)
_LAYOUTS: Final = {
    "I420": ("I420", (0, 1, 2), (_Y, _C, _C)),
    "YV12": ("I420", (0, 2, 1), (_Y, _C, _C)),
    "NV12": ("NV12", (0, 1), (_Y, (2, 2, 2))),
    "NV21": ("NV21", (0, 1), (_Y, (2, 2, 2))),
    "YUY2": ("YUY2", (0,), ((4, 2, 1),)),
    "UYVY": ("UYVY", (0,), ((4, 2, 1),)),
    "GRAY8": ("GRAY8", (0,), (_Y,)),
    "RGB": ("RGB24", (0,), ((3, 1, 1),)),
    "BGR": ("BGR24", (0,), ((3, 1, 1),)),
    "RGBA": ("RGBA", (0,), ((4, 1, 1),)),
    "RGBx": ("RGBA", (0,), ((4, 1, 1),)),
    "BGRA": ("BGRA", (0,), ((4, 1, 1),)),
    "BGRx": ("BGRA", (0,), ((4, 1, 1),)),
}
CAPS: Final = f"video/x-raw, format=(string){{ {', '.join(_LAYOUTS)} }}"

_MATRICES: Final = {
    GstVideo.VideoColorMatrix.BT601: "bt601",
    GstVideo.VideoColorMatrix.BT709: "bt709",
    GstVideo.VideoColorMatrix.BT2020: "bt2020",
}
# By the numbers of GstVideoColorRange: its names begin with digits, and PyGObject's versions mend that differently.
_RANGES: Final = {1: True, 2: False}
_ORIENTATIONS: Final = {"rotate-0": 0, "rotate-90": 90, "rotate-180": 180, "rotate-270": 270}


class Stills:
    """Stills of what reaches an appsink. Frames come on GStreamer's streaming thread.

    The sink is set to keep the newest buffer only and not to hold the pipeline: ``max-buffers=1 drop=true
    wait-on-eos=false``. Every buffer is taken off it at once, and mapped only when a still is due.
    """

    def __init__(self, feed: FrameSink, appsink: GstApp.AppSink, *, name: str = "") -> None:
        """Begin to take what reaches a sink.

        Args:
            feed: takes the frames; its owner closes it.
            appsink: its caps should be within ``CAPS``; frames of another format are refused.
            name: what log lines call it; the element's own name if empty.
        """
        self._offering = Offering(feed, name or appsink.get_name())
        self._appsink = appsink
        self._rotation = 0
        for key, value in {"max-buffers": 1, "drop": True, "wait-on-eos": False, "emit-signals": True}.items():
            appsink.set_property(key, value)
        self._handler = appsink.connect("new-sample", self._on_sample)
        pad = appsink.get_static_pad("sink")
        self._probe = pad.add_probe(Gst.PadProbeType.EVENT_DOWNSTREAM, self._on_event)
        for event in _tags_of(pad):
            self._look_at(event)

    @property
    def counts(self) -> OfferCounts:
        """What was offered, pushed and refused."""
        return self._offering.counts

    def close(self) -> None:
        """Let go of the sink; what reaches it later is dropped by it. May be called again."""
        if self._handler:
            self._appsink.disconnect(self._handler)
            self._appsink.set_property("emit-signals", False)
            self._appsink.get_static_pad("sink").remove_probe(self._probe)
            self._handler = 0

    def _on_sample(self, appsink: GstApp.AppSink) -> Gst.FlowReturn:
        sample = appsink.emit("pull-sample")
        if sample is not None:
            _offer(self._offering, sample, self._rotation)
        return Gst.FlowReturn.OK

    def _on_event(self, _pad: Gst.Pad, info: Gst.PadProbeInfo) -> Gst.PadProbeReturn:
        self._look_at(info.get_event())
        return Gst.PadProbeReturn.OK

    # Rotation is a tag of the stream, not of its frames.
    def _look_at(self, event: Gst.Event) -> None:
        if event.type == Gst.EventType.STREAM_START:
            self._rotation = 0
        if event.type == Gst.EventType.TAG:
            found, orientation = event.parse_tag().get_string(Gst.TAG_IMAGE_ORIENTATION)
            if found:
                self._rotation = _ORIENTATIONS.get(orientation, 0)


def _tags_of(pad: Gst.Pad) -> Iterator[Gst.Event]:
    """Find the tags of the stream that runs through a pad already."""
    for index in count():
        event = pad.get_sticky_event(Gst.EventType.TAG, index)
        if event is None:
            return
        yield event


def stills_bin(feed: FrameSink, *, name: str = "stillcast") -> Gst.Bin:
    """Make a bin that ends a branch of a pipeline in a feed: ``tee name=t ! ...   t. ! <bin>``.

    Frames that no still is due of go no further than its sink pad; those that are due are converted there if their
    format is none of ``CAPS``. The branch has a thread of its own and never holds up the others.

    Args:
        feed: takes the frames; its owner closes it.
        name: of the element; log lines call it so.

    Raises:
        FrameFormatError: GStreamer lacks one of the elements queue, videoconvert, appsink.
    """
    try:
        made = Gst.parse_bin_from_description(
            "queue name=gate leaky=downstream max-size-buffers=1 max-size-bytes=0 max-size-time=0 "
            f"! videoconvert ! {CAPS} ! appsink name=sink sync=false async=false",
            ghost_unlinked_pads=True,
        )
    except Exception as error:
        raise FrameFormatError(f"stills_bin: {error}: install GStreamer's base plugins") from None
    made.set_name(name)
    made.stills = Stills(feed, made.get_by_name("sink"), name=name)

    def gate(_pad: Gst.Pad, _info: Gst.PadProbeInfo) -> Gst.PadProbeReturn:
        return Gst.PadProbeReturn.OK if feed.wanted else Gst.PadProbeReturn.DROP

    made.get_by_name("gate").get_static_pad("sink").add_probe(Gst.PadProbeType.BUFFER, gate)
    return made


def _offer(offering: Offering, sample: Gst.Sample, rotation: int) -> bool:
    mapped: list[tuple[Gst.Buffer, Gst.MapInfo]] = []

    def make() -> Frame:
        buffer = sample.get_buffer()
        ok, memory = buffer.map(Gst.MapFlags.READ)
        if not ok:
            raise FrameFormatError("frame: GStreamer cannot map it to main memory: put a download element before it")
        mapped.append((buffer, memory))
        return frame_from_memory(memory.data, sample.get_caps(), buffer, rotation=rotation)

    try:
        return offering.offer(make)
    finally:
        for buffer, memory in mapped:
            buffer.unmap(memory)


def frame_from_memory(memory: Any, caps: Gst.Caps, buffer: Gst.Buffer, *, rotation: int = 0) -> Frame:
    """Look at mapped memory as a ``Frame``; strides are the buffer's own where it says them (``GstVideoMeta``).

    Args:
        memory: what ``buffer.map`` gave; it has to stay mapped as long as the result is used.
        caps: of the sample: format, size, pixel aspect, matrix and range.
        buffer: what was mapped.
        rotation: clockwise turn that brings the picture upright.

    Raises:
        FrameFormatError: a format that is none of ``CAPS``, or memory that does not suffice.
    """
    info = GstVideo.VideoInfo.new_from_caps(caps)
    if info is None or info.finfo.name not in _LAYOUTS:
        raise FrameFormatError(f'frame: "{caps.to_string()}" is none of {CAPS}: put a videoconvert before the sink')
    format_name, order, shapes = _LAYOUTS[info.finfo.name]
    if len(memory) == 0:
        raise FrameFormatError("frame: GStreamer's buffer is empty: end the stream by EOS, or leave the frame out")
    meta = GstVideo.buffer_get_video_meta(buffer)
    strides, offsets = (meta.stride, meta.offset) if meta else (info.stride, info.offset)
    planes = [
        plane(
            memory,
            stride_bytes=strides[index],
            row_bytes=-(-info.width // pixels) * row_bytes,
            rows=(rows := -(-info.height // share)),
            offset=offsets[index] + min(0, strides[index] * (rows - 1)),  # GStreamer's is that of the first row
            name=f"plane {index}",
        )
        for index, (row_bytes, pixels, share) in zip(order, shapes, strict=True)
    ]
    return Frame(
        planes,
        format_name,
        info.width,
        info.height,
        matrix=_MATRICES.get(info.colorimetry.matrix),
        full_range=_RANGES.get(int(info.colorimetry.range)),
        rotation=rotation,
        pixel_aspect=(info.par_n, info.par_d),
        pts_ns=None if buffer.pts == Gst.CLOCK_TIME_NONE else buffer.pts,
    )
