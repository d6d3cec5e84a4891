"""What an adapter adds to its host: CPU of a frame with and without it, at 1080p, a still of every 60th frame.

``python -m benchmarks.hosts`` runs each host on the same frames, with and without its adapter, taking turns, as fast as
they go; a still every 60 frames is one every 2 s at 30 frames a second. LiveKit's room goes at its own speed, 30 frames
a second. The adapter's cost includes the stills. What is compared is the CPU of the whole process.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import av
import numpy as np

from benchmarks.host_sinks import DUE_EVERY, FPS, HEIGHT, WIDTH, DueSink, Host
from support.clips import clip
from support.livekit_room import SERVER


@dataclass(frozen=True, slots=True)
class Cost:
    """CPU of a frame, in microseconds: medians, and the quartiles of what the adapter adds."""

    host: str
    alone_us: float
    added_us: float
    low_us: float
    high_us: float
    frames: int

    @property
    def core(self) -> float:
        """Share of a core that the adapter adds at 30 frames a second."""
        return self.added_us * FPS / 1e6


def measure(name: str, host: Host, rounds: int) -> Cost:
    host(None), host(DueSink())
    alone, added, frames = [], [], 0
    for number in range(rounds):
        spent, watching = {}, DueSink()
        for sink in (None, watching) if number % 2 else (watching, None):
            begin = time.process_time()
            frames = host(sink)
            spent[sink is not None] = (time.process_time() - begin) / frames * 1e6
        if set(watching.sizes) != {(WIDTH, HEIGHT)}:
            raise SystemExit(f"{name}: stills are wanted of {WIDTH}x{HEIGHT}, got {watching.sizes}")
        alone.append(spent[False])
        added.append(spent[True] - spent[False])
    low, median, high = statistics.quantiles(added, n=4)
    return Cost(name, statistics.median(alone), median, low, high, frames)


@contextmanager
def video() -> Iterator[Path]:
    """The first 120 frames of Big Buck Bunny in 1080p, as H.264: two stills."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, "1080p.mp4")
        with av.open(str(clip("bigbuckbunny"))) as reader, av.open(str(path), "w") as writer:
            out = writer.add_stream("libx264", rate=FPS, options={"preset": "veryfast"})
            out.width, out.height, out.pix_fmt = WIDTH, HEIGHT, "yuv420p"
            for number, frame in zip(range(2 * DUE_EVERY), reader.decode(video=0), strict=False):
                large = frame.reformat(width=WIDTH, height=HEIGHT, format="yuv420p")
                large.pts, large.time_base = number, Fraction(1, FPS)
                writer.mux(out.encode(large))
            writer.mux(out.encode(None))
        yield path


def hosts(path: Path) -> Iterator[tuple[str, Host]]:
    """The hosts that are installed here."""
    with av.open(str(path)) as reader:
        planes = [frame.to_ndarray() for _, frame in zip(range(8), reader.decode(video=0), strict=False)]
    yield "PyAV, decoding", _pyav(path)
    yield "PyAV, frames at hand", _pyav_frames(planes)
    yield "OpenCV, grabbing", _opencv(path)
    yield "GStreamer, test pictures", _gstreamer()
    yield "aiortc, a track", _aiortc(planes)
    if SERVER.exists():
        from benchmarks.livekit_host import room_hosts

        with room_hosts(path) as rooms:
            yield from rooms.items()
    else:
        print(f"LiveKit: left out, {SERVER} is not there")
    yield "Agora, frames at hand", _agora(planes)
    yield "picamera2, frames at hand", _picamera2(planes)


def _pyav(path: Path) -> Host:
    from stillcast.hosts import pyav

    def play(sink: DueSink | None) -> int:
        stills = pyav.Stills(sink) if sink else None
        count = 0
        with av.open(str(path)) as reader:
            for frame in reader.decode(video=0):
                count += 1
                if stills:
                    stills.offer(frame)
        return count

    return play


def _at_hand(frames: Sequence[Any], offer_to: Callable[[DueSink], Callable[[Any], object]]) -> Host:
    """A host that has its frames already, and does nothing else with them."""

    def play(sink: DueSink | None) -> int:
        offer = offer_to(sink) if sink else None
        for number in range(6000):
            frame = frames[number % len(frames)]
            if offer:
                offer(frame)
        return 6000

    return play


def _pyav_frames(planes: list[np.ndarray]) -> Host:
    from stillcast.hosts import pyav

    frames = [av.VideoFrame.from_ndarray(each, format="yuv420p") for each in planes]
    return _at_hand(frames, lambda sink: pyav.Stills(sink).offer)


def _opencv(path: Path) -> Host:
    import cv2

    from stillcast.hosts import opencv

    def play(sink: DueSink | None) -> int:
        capture = cv2.VideoCapture(str(path))
        stills = opencv.Stills(sink) if sink else None
        count = 0
        while stills.grab(capture) if stills else capture.grab():
            count += 1
        return count

    return play


def _gstreamer() -> Host:
    from stillcast.hosts import gstreamer
    from stillcast.hosts.gstreamer import Gst

    Gst.init(None)

    def play(sink: DueSink | None) -> int:
        source = (
            f"videotestsrc num-buffers=600 ! video/x-raw,format=I420,width={WIDTH},height={HEIGHT},framerate={FPS}/1"
        )
        pipeline = Gst.parse_launch(f"{source} ! tee name=t ! queue ! fakesink name=end sync=false")
        if sink:
            branch = gstreamer.stills_bin(sink)
            pipeline.add(branch)
            pipeline.get_by_name("t").link(branch)
        pipeline.set_state(Gst.State.PLAYING)
        pipeline.get_bus().timed_pop_filtered(Gst.CLOCK_TIME_NONE, Gst.MessageType.EOS | Gst.MessageType.ERROR)
        count = pipeline.get_by_name("end").get_property("stats").get_uint64("rendered")[1]
        pipeline.set_state(Gst.State.NULL)
        return int(count)

    return play


def _aiortc(planes: list[np.ndarray]) -> Host:
    from aiortc import MediaStreamTrack
    from aiortc.contrib.media import MediaRelay
    from aiortc.mediastreams import MediaStreamError

    from stillcast.hosts import aiortc

    frames = [av.VideoFrame.from_ndarray(each, format="yuv420p") for each in planes]
    count = 600

    class Camera(MediaStreamTrack):
        kind = "video"
        at = 0

        async def recv(self) -> av.VideoFrame:
            self.at += 1
            if self.at > count:
                self.stop()
                raise MediaStreamError
            await asyncio.sleep(0)
            return frames[self.at % len(frames)]

    async def watch(sink: DueSink | None) -> None:
        relay, camera = MediaRelay(), Camera()
        reader = relay.subscribe(camera, buffered=False)
        if sink:
            aiortc.Stills(sink, camera, relay=relay)
        try:
            while True:
                await reader.recv()
        except MediaStreamError:
            pass

    def play(sink: DueSink | None) -> int:
        asyncio.run(watch(sink))
        return count

    return play


def _agora(planes: list[np.ndarray]) -> Host:
    from stillcast.hosts import agora

    luma, chroma = WIDTH * HEIGHT, WIDTH * HEIGHT // 4
    frames = [
        SimpleNamespace(
            type=1, width=WIDTH, height=HEIGHT, rotation=0, y_stride=WIDTH, u_stride=WIDTH // 2, v_stride=WIDTH // 2,
            y_buffer=each.ravel()[:luma], u_buffer=each.ravel()[luma : luma + chroma], v_buffer=each.ravel()[-chroma:],
        )
        for each in planes
    ]  # fmt: skip

    def offer_to(sink: DueSink) -> Callable[[Any], object]:
        observer = agora.VideoFrameObserver(lambda _cname, _uid: sink)
        return lambda frame: observer.on_frame("lobby", "91", frame)

    return _at_hand(frames, offer_to)


def _picamera2(planes: list[np.ndarray]) -> Host:
    from stillcast.hosts import picamera2

    config = {"main": {"format": "YUV420", "size": (WIDTH, HEIGHT), "stride": WIDTH}}
    requests = [SimpleNamespace(config=config, make_buffer=lambda _name, each=each: each.copy()) for each in planes]

    return _at_hand(requests, lambda sink: picamera2.Stills(sink).offer)


def table(costs: list[Cost]) -> str:
    lines = [
        "| host | a frame alone, us | the adapter adds, us (quartiles) | of a core, at 30 frames a second |",
        "| --- | --- | --- | --- |",
    ]
    lines += [
        f"| {c.host} | {c.alone_us:,.1f} | {c.added_us:.1f} ({c.low_us:.1f} to {c.high_us:.1f}) | {c.core:.3%} |"
        for c in costs
    ]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=25)
    parser.add_argument("--only", default="", help="hosts whose name has this; prints and keeps nothing")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results"))
    options = parser.parse_args()
    costs = []
    with video() as path:
        for name, host in hosts(path):
            if options.only not in name:
                continue
            costs.append(measure(name, host, options.rounds))
            print(table(costs[-1:]).splitlines()[-1], flush=True)
    if options.only:
        return
    (options.out / "hosts.md").write_text(
        "# What adapters add to their hosts\n\nMade by `make bench-hosts`; do not edit. CPU of the process, 1080p, a"
        f" still of 640x360 of every 60th frame; quartiles of the rounds.\n\n{table(costs)}\n"
    )
    (options.out / "hosts.json").write_text(
        json.dumps([{f: getattr(c, f) for f in c.__slots__} for c in costs], indent=2)
    )


if __name__ == "__main__":
    main()
