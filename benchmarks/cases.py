"""What is measured: sources, targets, rounds."""

from __future__ import annotations

from dataclasses import dataclass

Size = tuple[int, int]

SOURCES: dict[str, Size] = {"720p": (1280, 720), "1080p": (1920, 1080), "1440p": (2560, 1440), "4K": (3840, 2160)}
TARGETS: tuple[Size, ...] = ((320, 180), (640, 360), (854, 480), (1280, 720))
QUALITY = 80
MEGABYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Case:
    """Frames of one clip and size to stills of one size."""

    clip: str
    source_name: str
    source: Size
    target: Size

    @property
    def name(self) -> str:
        return f"{self.source_name} to {self.target[0]}x{self.target[1]}"

    @property
    def key(self) -> str:
        return f"{self.clip}-{self.source[0]}x{self.source[1]}-{self.target[0]}x{self.target[1]}"


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is measured."""

    cases: tuple[Case, ...]
    rounds: int
    batch: int  # stills a round and contender
    frames_bytes: int  # of the frames in rotation, at least; beyond the second-level cache by far
    quality_frames: int
    sweep: bool  # also rate and distortion over several qualities

    def frames_of(self, case: Case) -> int:
        frame_bytes = case.source[0] * case.source[1] * 3 // 2
        return min(24, max(6, -(-self.frames_bytes // frame_bytes)))


# bikes is 640x272 by itself; its small stills are those of a film with little detail.
BIKES = Case("bikes", "bikes 1920x816", (1920, 816), (640, 272))


def case(source: str, target: Size) -> Case:
    return Case("bigbuckbunny", source, SOURCES[source], target)


def full() -> Plan:
    every = tuple(case(source, target) for source in SOURCES for target in TARGETS)
    return Plan((*every, BIKES), rounds=30, batch=3, frames_bytes=32 * MEGABYTES, quality_frames=3, sweep=True)


def quick() -> Plan:
    chosen = (*(case("1080p", target) for target in TARGETS[1:]), case("4K", (640, 360)))
    return Plan(chosen, rounds=30, batch=2, frames_bytes=24 * MEGABYTES, quality_frames=2, sweep=False)
