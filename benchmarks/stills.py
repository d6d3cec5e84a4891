"""What comes out of a contender, read back by a second decoder: FFmpeg's, which gives the planes as they were coded."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, fields

import av
import numpy as np

from benchmarks.cases import Size
from benchmarks.frames import SourceFrame
from benchmarks.peers import Job, Maker, Peer
from benchmarks.quality import Planes, Quality, compare


@dataclass(frozen=True, slots=True)
class Judged:
    """Means over some stills."""

    bytes: float
    quality: Quality


def decode(jpeg: bytes) -> Planes:
    """Planes of a 4:2:0 JPEG; ValueError for any other picture."""
    decoder = av.CodecContext.create("mjpeg", "r")
    frame = decoder.decode(av.Packet(jpeg))[0]
    if frame.format.name != "yuvj420p":
        raise ValueError(f"the still is {frame.format.name}, not full-range 4:2:0")
    planes = []
    for plane in frame.planes:
        rows = np.frombuffer(bytes(plane), np.uint8).reshape(plane.height, plane.line_size)
        planes.append(rows[:, : plane.width].astype(np.float64))
    return Planes(*planes)


def judge(maker: Maker, frames: Sequence[SourceFrame], size: Size) -> Judged:
    """Make a still of each frame, and compare each with its reference."""
    sizes, found = [], []
    for frame in frames:
        jpeg = maker.still(maker.load(frame))
        sizes.append(len(jpeg))
        found.append(compare(decode(jpeg), frame.reference(size)))
    means = {field.name: statistics.fmean(getattr(one, field.name) for one in found) for field in fields(Quality)}
    return Judged(statistics.fmean(sizes), Quality(**means))


def mean_bytes(maker: Maker, frames: Sequence[SourceFrame]) -> float:
    return statistics.fmean(len(maker.still(maker.load(frame))) for frame in frames)


def matched_quality(peer: Peer, job: Job, frames: Sequence[SourceFrame], wanted_bytes: float) -> int:
    """The quality of a peer with another scale whose stills are nearest in bytes. More means fewer bytes (FFmpeg)."""
    low, high = peer.qualities[0], peer.qualities[-1]
    sizes: dict[int, float] = {}

    def size(quality: int) -> float:
        if quality not in sizes:
            sizes[quality] = mean_bytes(peer.open(Job(job.source, job.target, quality)), frames)
        return sizes[quality]

    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if size(middle) > wanted_bytes else (low, middle)
    return min((low, high), key=lambda quality: abs(size(quality) - wanted_bytes))
