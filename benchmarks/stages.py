"""The program of the stages (``cpp/stages.cpp``): its inputs, its runs, its figures."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks import native
from benchmarks.cases import QUALITY, Case, Size
from benchmarks.frames import SourceFrame, source_frames
from benchmarks.machine import cpu_flags

FRAME_FILES = Path(__file__).parents[1] / "build" / "bench" / "frames"
STAGES = ("whole", "scale", "colour", "encode", "encode-turbo", "encode-avx2", "luma")
WANTS_AVX2 = ("encode-avx2",)
FORMATS = ("I420", "NV12", "YUY2", "BGR24")
RUNS = 60

assert QUALITY == 80  # stages.cpp has the same


@dataclass(frozen=True, slots=True)
class StageRun:
    stage: str
    format: str
    case: Case

    @property
    def name(self) -> str:
        return f"{self.stage}, {self.format}, {self.case.name}"


@dataclass(frozen=True, slots=True)
class StageFigures:
    ns: list[float]
    allocations: float  # a run


def command(run: StageRun, count: int) -> list[str]:
    """The program with its arguments; writes the files that it reads."""
    source, small = frame_files(run.case, run.format)
    sizes = [f"{width}x{height}" for width, height in (run.case.source, run.case.target)]
    return [str(native.STAGES), str(source), run.format, sizes[0], str(small), sizes[1], run.stage, str(count)]


def measure(run: StageRun, count: int = RUNS) -> StageFigures:
    done = subprocess.run(command(run, count), check=True, capture_output=True, text=True)
    *times, allocations = done.stdout.splitlines()
    return StageFigures([float(time) for time in times], float(allocations.split()[1]))


def frame_files(case: Case, format_: str) -> tuple[Path, Path]:
    """The middle frame of a clip in that format, and what the reference makes of it as I420."""
    source = FRAME_FILES / f"{case.clip}-{name_of(case.source)}.{format_}"
    small = FRAME_FILES / f"{case.clip}-{name_of(case.source)}-{name_of(case.target)}.small"
    if not (source.exists() and small.exists()):
        FRAME_FILES.mkdir(parents=True, exist_ok=True)
        frame = middle_frame(case)
        source.write_bytes(frame.array(format_).tobytes())
        small.write_bytes(frame.reference(case.target).planes.as_i420().tobytes())
    return source, small


def middle_frame(case: Case) -> SourceFrame:
    return source_frames(case.clip, case.source, 2)[1]


def name_of(size: Size) -> str:
    return f"{size[0]}x{size[1]}"


def runs_of(cases: Sequence[Case]) -> list[StageRun]:
    """The whole still of every case; for 1080p also each stage, and each format to 640x360."""
    runs = [StageRun("whole", "I420", case) for case in cases]
    for case in cases:
        if case.source_name != "1080p":
            continue
        here = [stage for stage in STAGES if stage not in WANTS_AVX2 or "avx2" in cpu_flags()]
        runs += [StageRun(stage, "I420", case) for stage in here if stage != "whole"]
        if case.target == (640, 360):
            runs += [StageRun("whole", format_, case) for format_ in FORMATS if format_ != "I420"]
            runs += [StageRun(stage, "I420", case) for stage in ("push-idle", "push-due", "memcpy")]
    return runs
