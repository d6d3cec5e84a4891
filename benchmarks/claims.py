"""What the project wants of its hot path, and whether this run has it."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from benchmarks.peers import FLOOR, OURS, PEERS
from benchmarks.ratios import at_bytes, best, paired

Result = Mapping[str, Any]

LIBYUV = "libyuv box + libjpeg-turbo"
TURBO, AVX2 = "stillcast in C++, libjpeg-turbo", "stillcast in C++, AVX2"
EQUAL = 0.0005  # likeness is equal if its first three digits are


@dataclass(frozen=True, slots=True)
class Claim:
    what: str
    wanted: float
    at_most: bool
    got: float
    unit: str = ""
    on_the_floor: float | None = None  # what it would be if our still cost no more than the floor

    @property
    def met(self) -> bool:
        return self.got <= self.wanted if self.at_most else self.got >= self.wanted


@dataclass(frozen=True, slots=True)
class Limits:
    """Of one case: at most so many times the floor, at least so many times as fast as others."""

    floor: float
    floor_with_turbo: float | None = None
    floor_with_avx2: float | None = None
    python: tuple[float, ...] = ()
    libyuv: float | None = None


def claims(results: Mapping[str, Any]) -> list[Claim]:
    """One row for each figure; a case that was not run has none."""
    cases: dict[str, Result] = results["cases"]
    return [*of_cases(cases), *of_formats(cases), *of_host(results), *of_quality(cases)]


def of_cases(cases: Mapping[str, Result]) -> Iterator[Claim]:
    limits = {
        "bigbuckbunny-1920x1080-640x360": Limits(0.75, 1.25, 0.95, (2.9, 4.5), 1.35),
        "bigbuckbunny-1920x1080-854x480": Limits(0.65, 1.4, 0.85, (2.6, 4.5)),
        "bigbuckbunny-1920x1080-1280x720": Limits(0.6, 1.4, 0.8, (2.3, 4.5)),
        "bigbuckbunny-3840x2160-640x360": Limits(1.4),
    }
    for key, limit in limits.items():
        if key not in cases:
            continue
        name, cpu = name_of(cases[key]), cases[key]["cpu_us"]
        of_floor = {OURS.name: limit.floor, TURBO: limit.floor_with_turbo, AVX2: limit.floor_with_avx2}
        for contender, wanted in of_floor.items():
            if wanted is not None and contender in cpu:
                got = paired(cpu[contender], cpu[FLOOR.name]).median
                yield Claim(f"{name}: {contender}, times the floor", wanted, True, got)
        peer = best_python(cases[key])
        for wanted in limit.python if peer is not None else ():
            yield faster_than(cpu, peer, f"{name}: as fast as the best Python peer ({peer})", wanted)
        if limit.libyuv is not None and LIBYUV in cpu:
            yield faster_than(cpu, LIBYUV, f"{name}: as fast as {LIBYUV} in C++", limit.libyuv)


def faster_than(cpu: Mapping[str, list[float]], peer: str, what: str, wanted: float) -> Claim:
    possible = paired(cpu[peer], cpu[FLOOR.name]).median
    return Claim(what, wanted, False, paired(cpu[peer], cpu[OURS.name]).median, "times", possible)


def of_formats(cases: Mapping[str, Result]) -> Iterator[Claim]:
    for case in cases.values():
        if case["case"]["source_name"] != "1080p":
            continue
        name, cpu = name_of(case), case["cpu_us"]
        got = paired(cpu["stillcast, NV12"], cpu[OURS.name]).median
        yield Claim(f"{name}: NV12, times I420", 1.1, True, got)
        if "OpenCV, BGR24" in cpu:
            got = paired(cpu["OpenCV, BGR24"], cpu["stillcast, BGR24"]).median
            yield Claim(f"{name}: BGR24, as fast as OpenCV", 2.0, False, got, "times")


def of_host(results: Mapping[str, Any]) -> Iterator[Claim]:
    host, stages = results.get("host"), results.get("stages", {})
    if host:
        yield Claim("push with nothing due, from Python", 1000.0, True, statistics.median(host["idle_ns"]), "ns")
    if "push-idle, I420, 1080p to 640x360" in stages:
        got = stages["push-idle, I420, 1080p to 640x360"]["median_ns"]
        yield Claim("push with nothing due, in C++", 30.0, True, got, "ns")
    if host:
        got = paired(host["due_us"], host["memcpy_us"]).median
        yield Claim("push that is due, 1080p I420: times a memcpy of its bytes", 1.2, True, got)
    if "whole, I420, 1080p to 640x360" in stages:
        got = stages["whole, I420, 1080p to 640x360"]["allocations"]
        yield Claim("heap allocations a still, native, output kept by the caller", 0.0, True, got)


def of_quality(cases: Mapping[str, Result]) -> Iterator[Claim]:
    """The smallest lead over any peer, at the bytes of our stills."""
    measures = {"ssim_y": "SSIM", "ssim_fitted": "SSIM after the best gain and offset of each"}
    for case in cases.values():
        if not case["sweep"]:
            continue
        for key, title in measures.items():
            leads = leads_at_same_bytes(case, key)
            if leads:
                peer = min(leads, key=lambda name: leads[name])
                what = f"{name_of(case)}: {title} at the same bytes, lead over the best peer ({peer})"
                yield Claim(what, -EQUAL, False, leads[peer])


def leads_at_same_bytes(case: Result, measure: str) -> dict[str, float]:
    mine = case["stills"][OURS.name]
    peers = {peer.name for peer in PEERS if peer.kind in ("Python", "native")}
    leads = {}
    for name, points in case["sweep"].items():
        if name not in peers:
            continue
        found = at_bytes([(point["bytes"], point["quality"][measure]) for point in points], mine["bytes"])
        if found is not None:
            leads[name] = mine["quality"][measure] - found
    return leads


def best_python(case: Result) -> str | None:
    """Of those that take I420 as we do; None where no such library is there."""
    names = [peer.name for peer in PEERS if peer.kind == "Python" and peer.format == "I420"]
    found = {name: case["cpu_us"][name] for name in names if name in case["cpu_us"]}
    return best(found) if found else None


def name_of(case: Result) -> str:
    width, height = case["case"]["target"]
    return f"{case['case']['source_name']} to {width}x{height}"
