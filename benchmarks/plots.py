"""The report's plots as SVG. Each shows what was measured: medians with their quartiles, axes that say their scale."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.cases import SOURCES, TARGETS
from benchmarks.peers import FLOOR, OURS, PEERS
from benchmarks.ratios import Spread, paired, spread

Result = Mapping[str, Any]

_KINDS = {"floor": "#7f7f7f", "ours": "#c1272d", "native": "#1f6f8b", "Python": "#3b4cc0"}
_LABELS = {
    "floor": "the floor",
    "ours": "stillcast",
    "native": "peers in C and C++",
    "Python": "peers called from Python",
}
_LINES = {
    "floor": ("#7f7f7f", "--", "s"),
    "stillcast": ("#c1272d", "-", "o"),
    "libyuv box + libjpeg-turbo": ("#1f6f8b", "-", "^"),
    "GStreamer": ("#5fa8b8", "-", "v"),
    "OpenCV planes + simplejpeg": ("#3b4cc0", "-", "D"),
    "OpenCV through BGR": ("#8d9bef", "-", "d"),
    "PyAV": ("#2e8b57", "-", "P"),
    "Pillow planes": ("#b8860b", "-", "X"),
    "Pillow through RGB": ("#e0b040", "-", "x"),
    "pyvips": ("#8b5a9f", "-", "*"),
}


def draw(results: Mapping[str, Any], directory: Path) -> list[str]:
    """Write the plots for which there are figures; returns their names."""
    mpl.rcParams.update(
        {
            "svg.hashsalt": "stillcast",
            "svg.fonttype": "none",
            "font.size": 9,
            "axes.spines.top": False,
            "axes.spines.right": False,
        }
    )
    drawn = []
    plots: dict[str, Callable[[Mapping[str, Result]], Figure | None]] = {
        "ratios.svg": ratios,
        "sources.svg": sources,
        "distortion.svg": distortion,
    }
    for name, plot in plots.items():
        figure = plot(results["cases"])
        if figure is not None:
            figure.savefig(directory / name, metadata={"Date": None})
            drawn.append(name)
    return drawn


def ratios(cases: Mapping[str, Result]) -> Figure | None:
    """A panel for each size of the still: every contender as a multiple of the floor."""
    found = [case for target in TARGETS if (case := case_of(cases, "1080p", target))]
    if not found:
        return None
    figure = Figure(figsize=(11, 0.9 + 3.6 * ((len(found) + 1) // 2)), layout="constrained")
    for case, axes in zip(found, figure.subplots((len(found) + 1) // 2, 2, squeeze=False).flat, strict=False):
        ratio_panel(axes, case)
    handles = [mpl.lines.Line2D([], [], color=_KINDS[kind], marker="o", ls="", label=_LABELS[kind]) for kind in _KINDS]
    figure.legend(handles=handles, loc="outside lower center", ncols=4, frameon=False)
    figure.suptitle("1080p to a still: CPU time as a multiple of the floor (medians, quartiles; logarithmic)")
    for axes in figure.axes[len(found) :]:
        axes.remove()
    return figure


def ratio_panel(axes: Axes, case: Result) -> None:
    cpu, kinds = case["cpu_us"], {peer.name: peer.kind for peer in PEERS}
    spreads = {name: paired(cpu[name], cpu[FLOOR.name]) for name in case["stills"]}
    names = sorted(spreads, key=lambda name: -spreads[name].median)
    for y, name in enumerate(names):
        colour, found = _KINDS[kinds[name]], spreads[name]
        axes.errorbar(found.median, y, xerr=arms(found), fmt="o", color=colour, capsize=2, ms=5)
        axes.annotate(
            f"{found.median:.2f}", (found.high, y), (5, 0), textcoords="offset points", va="center", fontsize=8
        )
    axes.set_yticks(range(len(names)), names)
    for label, name in zip(axes.get_yticklabels(), names, strict=True):
        label.set_color(_KINDS[kinds[name]])
    axes.set_xscale("log")
    ticks = [0.5, 0.7, 1, 1.5, 2, 3, 5, 10, 20, 40]
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.set_xticks([], minor=True)
    lows, highs = [found.low for found in spreads.values()], [found.high for found in spreads.values()]
    axes.set_xlim(min(lows) * 0.9, max(highs) * 1.5)
    axes.axvline(1, color=_KINDS["floor"], lw=0.8, ls=":")
    axes.grid(axis="x", lw=0.3)
    width, height = case["case"]["target"]
    axes.set_title(f"to {width}x{height}: the floor is {spread(cpu[FLOOR.name]).median:,.0f} us")


def arms(found: Spread) -> list[list[float]]:
    return [[found.median - found.low], [found.high - found.median]]


def sources(cases: Mapping[str, Result]) -> Figure | None:
    """How the cost of one still grows with the frame."""
    found = {source: case for source in SOURCES if (case := case_of(cases, source, (640, 360)))}
    if len(found) < 2:
        return None
    figure = Figure(figsize=(9, 5), layout="constrained")
    axes = figure.subplots()
    for name, (colour, style, marker) in _LINES.items():
        points = [
            (at, spread(case["cpu_us"][name])) for at, case in enumerate(found.values()) if name in case["cpu_us"]
        ]
        axes.errorbar(
            [at for at, _ in points],
            [one.median for _, one in points],
            yerr=[[one.median - one.low for _, one in points], [one.high - one.median for _, one in points]],
            color=colour, ls=style, marker=marker, ms=5, lw=2 if name == OURS.name else 1.2, capsize=2, label=name,
        )  # fmt: skip
    axes.set_xticks(range(len(found)), found)
    axes.set_yscale("log")
    ticks = [500, 1000, 2000, 5000, 10000, 20000, 50000]
    axes.set_yticks(ticks, [f"{tick / 1000:g}" for tick in ticks])
    axes.set_yticks([], minor=True)
    axes.set_ylabel("CPU of a still, ms (logarithmic)")
    axes.set_title("A still of 640x360 from I420 of different sizes: medians and quartiles")
    axes.grid(lw=0.3)
    figure.legend(loc="outside right upper", frameon=False)
    return figure


def distortion(cases: Mapping[str, Result]) -> Figure | None:
    """Likeness by bytes, as it is and with gain and offset out of the way."""
    case = case_of(cases, "1080p", (640, 360))
    if case is None or not case["sweep"]:
        return None
    figure = Figure(figsize=(11, 4.6), layout="constrained")
    titles = {"ssim_y": "SSIM of luma", "ssim_fitted": "SSIM of luma, best gain and offset"}
    for axes, (measure, title) in zip(figure.subplots(1, 2, sharey=True), titles.items(), strict=True):
        for name, points in case["sweep"].items():
            if name not in _LINES:
                continue
            colour, style, marker = _LINES[name]
            line = sorted((point["bytes"] / 1000, point["quality"][measure]) for point in points)
            axes.plot(*zip(*line, strict=True), color=colour, ls=style, marker=marker, ms=4,
                      lw=2 if name == OURS.name else 1.2, label=name)  # fmt: skip
        axes.set_title(title)
        axes.set_xlabel("bytes of a still, thousands")
        axes.grid(lw=0.3)
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside right upper", frameon=False)
    figure.suptitle("1080p to 640x360 at several qualities")
    return figure


def case_of(cases: Mapping[str, Result], source: str, target: tuple[int, int]) -> Result | None:
    for case in cases.values():
        if case["case"]["source_name"] == source and tuple(case["case"]["target"]) == target:
            return case
    return None
