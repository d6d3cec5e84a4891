"""Who is measured, each used as an expert of that library would.

A contender is opened for one case, so whatever its library lets one keep is kept: encoders, graphs, buffers. ``load``
brings a frame into the library's own form and is not timed, ``still`` makes the JPEG and is. Every JPEG is baseline
4:2:0 by the accurate integer DCT at IJG quality 80; where a library has another scale (FFmpeg), the quality is the one
whose bytes come nearest.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from benchmarks.cases import Size
from benchmarks.frames import SourceFrame


@dataclass(frozen=True, slots=True)
class Job:
    """Stills of ``target`` size from frames of ``source`` size; quality on the library's own scale."""

    source: Size
    target: Size
    quality: int


class Maker(Protocol):
    """A library set up for a job. What ``load`` returned is passed to ``still``."""

    def load(self, frame: SourceFrame) -> Any: ...

    def still(self, loaded: Any) -> bytes: ...


IJG = (50, 60, 70, 80, 85, 90, 94)
FFMPEG = (2, 3, 4, 5, 6, 8, 12)


@dataclass(frozen=True, slots=True)
class Peer:
    """One row of the tables. ``kind``: floor, ours, Python (called from Python, its parts from PyPI) or native."""

    name: str
    kind: str
    format: str  # of the frames that it takes
    module: str
    maker: str
    qualities: tuple[int, ...] = IJG
    quality: int | None = 80  # None: the one between the ends of ``qualities`` whose bytes come nearest to the floor's
    arguments: tuple[object, ...] = ()

    def open(self, job: Job) -> Maker:
        """ImportError where the library is missing."""
        make: Callable[..., Maker] = getattr(importlib.import_module(f"benchmarks.peers.{self.module}"), self.maker)
        return make(job, *self.arguments)


FLOOR = Peer("floor", "floor", "I420", "floor", "Floor")
OURS = Peer("stillcast", "ours", "I420", "ours", "Stillcast", arguments=("I420",))

PEERS: tuple[Peer, ...] = (
    FLOOR,
    OURS,
    Peer("stillcast, NV12", "ours", "NV12", "ours", "Stillcast", arguments=("NV12",)),
    Peer("stillcast, YUY2", "ours", "YUY2", "ours", "Stillcast", arguments=("YUY2",)),
    Peer("stillcast, BGR24", "ours", "BGR24", "ours", "Stillcast", arguments=("BGR24",)),
    Peer("stillcast in C++, AVX-512", "ours", "I420", "ours", "InCpp", arguments=("AVX-512",)),
    Peer("stillcast in C++, AVX2", "ours", "I420", "ours", "InCpp", arguments=("AVX2",)),
    Peer("stillcast in C++, libjpeg-turbo", "ours", "I420", "ours", "InCpp", arguments=("turbo",)),
    Peer("libyuv box + libjpeg-turbo", "native", "I420", "libyuv", "Libyuv"),
    Peer("GStreamer", "native", "I420", "gstreamer", "GStreamer"),
    Peer("OpenCV planes + simplejpeg", "Python", "I420", "opencv", "PlanesWithSimplejpeg"),
    Peer("OpenCV planes + PyTurboJPEG", "Python", "I420", "opencv", "PlanesWithPyTurboJpeg"),
    Peer("OpenCV through BGR", "Python", "I420", "opencv", "ThroughBgr"),
    Peer("OpenCV, BGR24", "Python", "BGR24", "opencv", "OfBgr"),
    Peer("PyAV", "Python", "I420", "pyav", "PyAV", FFMPEG, None, ("I420",)),
    Peer("PyAV, BGR24", "Python", "BGR24", "pyav", "PyAV", FFMPEG, None, ("BGR24",)),
    Peer("Pillow planes", "Python", "I420", "pillow", "Planes"),
    Peer("Pillow through RGB", "Python", "I420", "pillow", "ThroughRgb"),
    Peer("pyvips", "Python", "I420", "vips", "Vips"),
)
