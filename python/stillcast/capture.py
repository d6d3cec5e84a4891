"""The hot path as Python sees it; the one module that imports ``_native``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from stillcast._native import (
    DELAY_BOUNDS_MS,
    CapturedPicture,
    EncodedPicture,
    Frame,
    Sampler,
    encode,
    encoder_name,
    monotonic_ns,
)
from stillcast._native import Feed as NativeFeed
from stillcast.config import CaptureConfig, Encoder, picture_arguments
from stillcast.histograms import Histogram
from stillcast.stills import EncodedStill

__all__ = [
    "Capture",
    "CaptureCounters",
    "CapturedPicture",
    "Frame",
    "NativeFeed",
    "age_ms",
    "change",
    "encode_still",
    "encoder_in_use",
    "monotonic_ns",
]


def encode_still(frame: Frame, *, max_size: tuple[int, int] = (640, 360), quality: int = 80) -> EncodedStill:
    """Make a still of a frame: downscale, colours, upright, JPEG; the GIL is released.

    Args:
        frame: read only during the call.
        max_size: box in pixels, (width, height), each 2 to 16,384, that the still fits into. The display aspect is
            kept, nothing is enlarged, both sides come out even.
        quality: of the JPEG, 1 to 100.

    Returns:
        The JPEG and what was measured of it.

    Raises:
        ConfigError: ``max_size`` or ``quality`` is out of range.
    """
    jpeg, width, height, mean_luma, luma_deviation, dhash = encode(frame, *picture_arguments(max_size, quality))
    return EncodedStill(
        jpeg=jpeg, width=width, height=height, mean_luma=mean_luma, luma_deviation=luma_deviation, dhash=dhash
    )


def encoded_still(picture: EncodedPicture) -> EncodedStill:
    """Copy a native picture into its public form."""
    return EncodedStill(
        jpeg=picture.jpeg,
        width=picture.width,
        height=picture.height,
        mean_luma=picture.mean_luma,
        luma_deviation=picture.luma_deviation,
        dhash=picture.dhash,
    )


def encoder_in_use(encoder: Encoder) -> str:
    """Say what a setting comes to on this machine: ``turbo``, or ``native`` and its instruction set in brackets."""
    return encoder_name(encoder)


def age_ms(captured: CapturedPicture) -> float:
    """How old the picture's frame is by now, in milliseconds."""
    return (monotonic_ns() - captured.pushed_ns) / 1e6


def change(feed: NativeFeed, settings: CaptureConfig) -> bool:
    """Give a running feed other settings; False when it is closed."""
    return feed.change(settings.interval, *settings.max_size, settings.quality)


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptureCounters:
    """What the sampler counted since it began.

    Every tick is a still, or missed with a reason, or waits for its frame:
    ``ticks == tick_stills + sum(missed.values()) + waiting``, where at most one tick a feed waits, and none after the
    end. ``in_work`` counts frames that were copied and whose still is not queued yet. ``missed_snapshots`` are stills
    for a snapshot and for no tick that were lost. ``lateness`` and ``frame_age`` have every still that was made, those
    that were lost afterwards included.
    """

    ticks: int
    tick_stills: int
    snapshot_stills: int
    in_work: int
    queued: int
    missed: Mapping[str, int]
    missed_snapshots: Mapping[str, int]
    refused: Mapping[str, int]
    lateness: Histogram
    frame_age: Histogram


class Capture:
    """The native sampler: its threads open the gates of feeds when ticks are due and make stills of their frames.

    Any thread may call anything; ``start`` and ``stop`` once each. In a forked child only ``in_child`` may be asked,
    and the object may be let go of.
    """

    def __init__(self, *, workers: int = 1, report_missed: bool = False, encoder: Encoder = "auto") -> None:
        """Describe a capture; nothing runs before ``start``.

        Args:
            workers: threads that make stills, 1 to 64; one more opens the gates.
            report_missed: let ``take`` also tell of ticks that brought no still; ``missed`` says why then.
            encoder: what makes the JPEGs, as ``CaptureConfig.encoder``.
        """
        self._sampler = Sampler(workers=workers, report_missed=report_missed, encoder=encoder)
        self._encoder = encoder_in_use(encoder)

    @property
    def in_child(self) -> bool:
        """Whether this process got the object by a fork, and so none of the threads that work with it."""
        return self._sampler.in_child

    @property
    def encoder(self) -> str:
        """What makes the JPEGs; see ``encoder_in_use``."""
        return self._encoder

    def start(self) -> None:
        """Start the sampler's threads.

        Raises:
            RuntimeError: there are no threads to be had.
        """
        self._sampler.start()

    def stop(self) -> None:
        """Take no further frame, make stills of those that were copied, and end; ``take`` gives what is queued."""
        self._sampler.stop()

    def open_feed(self, settings: CaptureConfig) -> NativeFeed:
        """Open a feed whose ticks begin now."""
        return self._sampler.open_feed(settings.interval, *settings.max_size, settings.quality)

    def take(self, timeout_s: float) -> CapturedPicture | None:
        """Wait for a still; None after ``timeout_s`` seconds, or at once when all is over."""
        return self._sampler.take(timeout_s)

    def queued(self) -> int:
        """How many pictures ``take`` would give now."""
        return self.counters().queued

    def counters(self) -> CaptureCounters:
        """Read the counters; each is right, together they are a snapshot in motion."""
        counters = self._sampler.counters()
        return CaptureCounters(
            ticks=counters["ticks"],
            tick_stills=counters["tick_stills"],
            snapshot_stills=counters["snapshot_stills"],
            in_work=counters["in_work"],
            queued=counters["queued"],
            missed=counters["missed"],
            missed_snapshots=counters["missed_snapshots"],
            refused=counters["refused"],
            lateness=_histogram(*counters["lateness"]),
            frame_age=_histogram(*counters["frame_age"]),
        )


def _histogram(counts: list[int], sum_ms: float) -> Histogram:
    return Histogram(bounds_ms=DELAY_BOUNDS_MS, counts=tuple(counts), sum_ms=sum_ms)
