"""Many feeds in one process: CPU of a still, lateness, resident memory, for 1 to 10,000 feeds.

``make bench-feeds`` builds ``stillcast_feeds`` and runs this; ``ARGS=--quick`` takes a minute and keeps nothing. Real
pictures of 1080p are pushed to every feed 30 times a second. Writes ``feeds.md`` and ``feeds.svg``.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import matplotlib as mpl
from matplotlib.figure import Figure

from support.clips import clip

ROOT = Path(__file__).parents[1]
PROGRAM = ROOT / "build/bench/benchmarks/cpp/feeds/stillcast_feeds"
SIZE = (1920, 1080)
FRAMES_PER_S = 30
PICTURES = 8
LATENESS_MAX_MS = 1000 / FRAMES_PER_S + 5
RSS_MAX_MIB = 1024

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Case:
    """So many feeds, each with a still every so many seconds."""

    feeds: int
    interval_s: float = 2.0


CASES = (Case(1), Case(10), Case(100), Case(1_000), Case(10_000, 10.0))
COLUMNS = (
    ("feeds", "feeds", ",.0f"),
    ("a still every", "interval_s", "g"),
    ("ticks", "ticks", ",.0f"),
    ("stills", "stills", ",.0f"),
    ("missed", "missed", ""),
    ("CPU us a still", "still_cpu_us", ",.0f"),
    ("cores", "cores", ".3f"),
    ("copy us", "copy_us", ",.0f"),
    ("cores copying", "copy_cores", ".3f"),
    ("lateness p50 ms", "lateness_p50_ms", ".1f"),
    ("p99", "lateness_p99_ms", ".1f"),
    ("max", "lateness_max_ms", ".1f"),
    ("age p50 ms", "frame_age_p50_ms", ".2f"),
    ("age p99", "frame_age_p99_ms", ".2f"),
    ("RSS MiB", "rss_mib", ",.0f"),
)


def main() -> int:
    arguments = parsed()
    with tempfile.TemporaryDirectory() as scratch:
        pictures = Path(scratch) / "pictures.yuv"
        pictures.write_bytes(b"".join(raw_pictures()))
        rows = [measured(case, arguments.seconds, arguments.workers, pictures) for case in cases(arguments)]
    text = report(rows, arguments.seconds)
    print(text)
    if not arguments.quick:
        arguments.out.mkdir(parents=True, exist_ok=True)
        (arguments.out / "feeds.md").write_text(text)
        plotted(rows).savefig(arguments.out / "feeds.svg", metadata={"Date": None})
    return 0 if all(row["unaccounted"] == 0 for row in rows) else 1


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="of each case")
    parser.add_argument("--workers", type=int, default=min(4, len(os.sched_getaffinity(0))))
    parser.add_argument("--feeds", type=int, nargs="*", help="only these cases")
    parser.add_argument("--quick", action="store_true", help="a minute in all, nothing is written")
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks/results")
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.seconds = min(arguments.seconds, 10.0)
    return arguments


def cases(arguments: argparse.Namespace) -> list[Case]:
    return [case for case in CASES if not arguments.feeds or case.feeds in arguments.feeds]


def raw_pictures() -> Iterator[bytes]:
    """Frames of the real clip, half a second apart, enlarged to 1080p."""
    with av.open(str(clip("bigbuckbunny"))) as container:
        for number, frame in enumerate(container.decode(video=0)):
            if number % 15 == 5 and number < 15 * PICTURES:
                yield frame.reformat(width=SIZE[0], height=SIZE[1], format="yuv420p").to_ndarray().tobytes()


def measured(case: Case, seconds: float, workers: int, pictures: Path) -> Row:
    options = {
        "feeds": case.feeds, "interval": case.interval_s, "seconds": seconds, "fps": FRAMES_PER_S,
        "workers": workers, "pictures": pictures,
    }  # fmt: skip
    command = [str(PROGRAM), *(text for name, value in options.items() for text in (f"--{name}", str(value)))]
    print(f"{case.feeds:,} feeds for {seconds:g} s ...", file=sys.stderr)
    row = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    row["cores"] = row["timer_cores"] + row["worker_cores"]
    row["copy_cores"] = row["copy_cpu_s"] / row["wall_s"]
    return row


def report(rows: Sequence[Row], seconds: float) -> str:
    head = [title for title, _, _ in COLUMNS]
    table = [head, ["---"] * len(head), *(cells(row) for row in rows)]
    lines = [
        "# Many feeds",
        "",
        f"{SIZE[0]}x{SIZE[1]} I420 to 640x360, {FRAMES_PER_S} frames a second pushed to each feed by two threads of",
        f"the host, {seconds:g} s a case, all feeds opened at once at its start.",
        f"{cpu_model()}, {len(os.sched_getaffinity(0))} CPUs; {int(rows[0]['workers'])} workers. "
        f"Load average at the end: {os.getloadavg()[0]:.1f}.",
        "",
        *("| " + " | ".join(line) + " |" for line in table),
        "",
        "`cores` is the CPU of timer and workers: ticks, scale, colour, JPEG. `copying` is the host's CPU in pushes",
        "that copied. Lateness is from a tick's due time to the push of its frame, so half a frame interval is the",
        "best median there can be. Age is from there until the still is begun. RSS is beyond the host's own pictures.",
        "",
        *(f"- {line}" for row in rows for line in judged(row)),
    ]
    return "\n".join(lines) + "\n"


def cells(row: Row) -> list[str]:
    return [reasons(row[key]) if key == "missed" else format(row[key], form) for _, key, form in COLUMNS]


def reasons(missed: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in missed.items() if count) or "0"


def judged(row: Row) -> Iterator[str]:
    """What must hold, and whether it does."""
    name = f"{row['feeds']:,} feeds"
    yield f"{name}: every tick is a still or missed with a reason: {verdict(row['unaccounted'] == 0)}"
    late = row["lateness_p99_ms"]
    limit = f"a frame interval + 5 ms ({LATENESS_MAX_MS:.1f} ms)"
    yield f"{name}: 99 % of stills at most {limit} late: {late:.1f} ms, {verdict(late <= LATENESS_MAX_MS)}"
    rss = row["rss_mib"]
    yield f"{name}: resident below {RSS_MAX_MIB:,} MiB: {rss:,.0f}, {verdict(rss < RSS_MAX_MIB)}"


def verdict(holds: bool) -> str:
    return "holds" if holds else "**missed**"


def cpu_model() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())


def plotted(rows: Sequence[Row]) -> Figure:
    mpl.rcParams.update({"svg.hashsalt": "stillcast", "font.size": 9})
    figure = Figure(figsize=(10, 3.2), layout="constrained")
    panels = (
        ("CPU of a still, us", [("still_cpu_us", "timer and workers"), ("copy_us", "copy in push")], None),
        ("lateness, ms", [("lateness_p50_ms", "median"), ("lateness_p99_ms", "99 %")], LATENESS_MAX_MS),
        ("resident memory, MiB", [("rss_mib", "beyond the pictures")], None),
    )
    for axes, (title, lines, limit) in zip(figure.subplots(1, len(panels)), panels, strict=True):
        for key, label in lines:
            axes.plot([row["feeds"] for row in rows], [row[key] for row in rows], marker="o", label=label)
        if limit is not None:
            axes.axhline(limit, color="#7f7f7f", ls=":", label="frame interval + 5 ms")
        axes.set_xscale("log")
        axes.set_ylim(bottom=0)
        axes.set_xlabel("feeds (logarithmic)")
        axes.set_title(title)
        axes.legend(frameon=False)
        axes.grid(lw=0.3)
    return figure


if __name__ == "__main__":
    sys.exit(main())
