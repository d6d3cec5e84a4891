"""One case: all contenders open at once, timed in alternation, then judged."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from benchmarks.cases import QUALITY, Case, Plan
from benchmarks.frames import SourceFrame, source_frames
from benchmarks.peers import FLOOR, PEERS, Job, Maker, Peer
from benchmarks.peers.floor import Floor
from benchmarks.ratios import spread
from benchmarks.stills import judge, matched_quality, mean_bytes
from benchmarks.timing import alternate

READ = "floor: the read alone"

Result = dict[str, Any]


@dataclass(slots=True)
class Field:
    """The contenders of a case that could be opened, and why the others could not."""

    makers: dict[str, Maker] = field(default_factory=dict)
    qualities: dict[str, int] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)


def measure(case: Case, plan: Plan) -> Result:
    """Everything that is known of a case, as plain data for a file."""
    frames = source_frames(case.clip, case.source, plan.frames_of(case))
    opened = open_all(case, frames[:2])
    loaded = {name: [maker.load(frame) for frame in frames] for name, maker in opened.makers.items()}
    works = {name: work_of(maker.still, loaded[name]) for name, maker in opened.makers.items()}
    floor = opened.makers[FLOOR.name]
    assert isinstance(floor, Floor)
    works[READ] = work_of(floor.read, loaded[FLOOR.name])
    series = alternate(works, frames=len(frames), rounds=plan.rounds, batch=plan.batch)
    judged = frames[: plan.quality_frames]
    rows = {
        name: {
            "setting": opened.qualities[name],
            **asdict(judge(maker, judged, case.target)),
        }
        for name, maker in opened.makers.items()
    }
    return {
        "case": asdict(case),
        "frames": len(frames),
        "rounds": plan.rounds,
        "batch": plan.batch,
        "missing": opened.missing,
        "cpu_us": {name: rounded(one.cpu_us) for name, one in series.items()},
        "wall_us": {name: spread(one.wall_us).median for name, one in series.items()},
        "stills": rows,
        "sweep": sweep(case, judged) if plan.sweep and case.source_name == "1080p" else {},
    }


def open_all(case: Case, samples: Sequence[SourceFrame]) -> Field:
    """Set up every contender whose library is there."""
    opened = Field()
    wanted_bytes = 0.0
    for peer in PEERS:
        try:
            job = Job(case.source, case.target, peer.quality or QUALITY)
            if peer.quality is None:
                job = Job(case.source, case.target, matched_quality(peer, job, samples, wanted_bytes))
            opened.makers[peer.name] = peer.open(job)
        except (ImportError, OSError, RuntimeError) as error:
            opened.missing[peer.name] = str(error).splitlines()[0]
            continue
        opened.qualities[peer.name] = job.quality
        if peer is FLOOR:
            wanted_bytes = mean_bytes(opened.makers[peer.name], samples)
    return opened


def work_of(make: Callable[[Any], object], loaded: Sequence[Any]) -> Callable[[int], object]:
    return lambda index: make(loaded[index])


def sweep(case: Case, frames: Sequence[SourceFrame]) -> dict[str, list[Result]]:
    """Bytes and likeness at several qualities, of those that take I420."""
    found: dict[str, list[Result]] = {}
    for peer in swept():
        try:
            found[peer.name] = [
                {"setting": quality, **asdict(judge(maker_at(peer, case, quality), frames, case.target))}
                for quality in peer.qualities
            ]
        except (ImportError, OSError, RuntimeError):
            continue  # missing, as the table says
    return found


def swept() -> list[Peer]:
    """The floor among them: the reference itself under libjpeg's tables, and so the best that any scaler can do."""
    return [peer for peer in PEERS if peer.format == "I420"]


def maker_at(peer: Peer, case: Case, quality: int) -> Maker:
    return peer.open(Job(case.source, case.target, quality))


def rounded(numbers: Sequence[float]) -> list[float]:
    return [round(number, 1) for number in numbers]
