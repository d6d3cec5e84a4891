"""The report: Markdown for people, made from results.json alone, so it can be made again without measuring."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from benchmarks.claims import LIBYUV, Claim, best_python, claims, name_of
from benchmarks.measure import READ
from benchmarks.peers import FLOOR, OURS, PEERS
from benchmarks.ratios import paired, spread
from benchmarks.timing import WARM_UPS

Result = Mapping[str, Any]

HEAD = """# What a still costs, and what it is worth

Made by `{command}` on {date}; do not edit. Figures of one run compare, figures of two machines or two moments do not.

Every contender made the same stills on one core, taking turns in {rounds} rounds or more. In each turn every still is
made {warm_ups} times untimed before, so that frames, code and tables are as near for one contender as for another.
The floor is one read of the source and libjpeg-turbo's encode of the small picture, scaled beforehand. CPU is that of
the whole process. A ratio is the median of the ratios of the rounds; in brackets its quartiles. A peer that leaves the
limited range has fewer bits to code, and so may come near the floor or below.

Stills are compared with a float64 area filter of the frame with the colours that JFIF means, plane by plane. *fitted*
is the likeness of luma after the gain and offset that suit it best: it leaves out whether blacks are black, and keeps
sharpness and noise. *colour error* is the mean of |ΔCb| and |ΔCr| in levels.
"""

PLOTS = {
    "ratios.svg": "Times the floor, by size of the still, from 1080p I420",
    "sources.svg": "CPU of a still of 640x360, by size of the frame",
    "distortion.svg": "Likeness and bytes, 1080p to 640x360",
}


def report(results: Mapping[str, Any], plots: Iterable[str] = PLOTS) -> str:
    parts = [
        HEAD.format(command=results["command"], date=results["date"], rounds=fewest_rounds(results), warm_ups=WARM_UPS),
        "## Machine\n",
        table(("what", "is"), results["machine"].items()),
        "## Wanted and got\n",
        claims_table(claims(results)),
        "## stillcast, I420, every size\n",
        overview(results["cases"]),
        *(f"![{PLOTS[name]}]({name})\n" for name in plots),
        *(case_section(case) for case in results["cases"].values()),
        stages_section(results.get("stages", {})),
        missing_section(results["cases"]),
    ]
    return "\n".join(part for part in parts if part)


def fewest_rounds(results: Mapping[str, Any]) -> int:
    return min(case["rounds"] for case in results["cases"].values())


def claims_table(rows: Sequence[Claim]) -> str:
    def cells(claim: Claim) -> tuple[str, ...]:
        wanted = f"{'at most' if claim.at_most else 'at least'} {claim.wanted:g}"
        possible = f"{claim.on_the_floor:.3g}" if claim.on_the_floor is not None else ""
        return claim.what, wanted, f"{claim.got:.3g} {claim.unit}".strip(), "yes" if claim.met else "**no**", possible

    return table(("figure", "wanted", "got", "met", "if it cost what the floor costs"), map(cells, rows))


def overview(cases: Mapping[str, Result]) -> str:
    def cells(case: Result) -> tuple[str, ...]:
        cpu, peer = case["cpu_us"], best_python(case)
        return (
            name_of(case),
            number(spread(cpu[FLOOR.name]).median),
            number(spread(cpu[READ]).median),
            number(spread(cpu[OURS.name]).median),
            ratio(cpu[OURS.name], cpu[FLOOR.name]),
            f"{paired(cpu[peer], cpu[OURS.name]).median:.2f} ({peer})" if peer else "",
            f"{paired(cpu[LIBYUV], cpu[OURS.name]).median:.2f}" if LIBYUV in cpu else "",
        )

    head = ("still", "floor, us", "of it the read", "stillcast, us", "times the floor", "best Python peer", "libyuv")
    return table(head, map(cells, cases.values())) + "\nThe last two: their time as a multiple of ours.\n"


def case_section(case: Result) -> str:
    head = (
        "contender", "takes", "CPU, us", "times the floor", "times stillcast", "bytes", "PSNR Y, dB", "SSIM Y",
        "SSIM fitted", "colour error",
    )  # fmt: skip
    amounts = f"{case['rounds']} rounds of {case['batch']} stills"
    title = f"## {name_of(case)}\n\n{case['frames']} frames of {case['case']['clip']} in rotation, {amounts}.\n"
    return f"{title}\n{table(head, contender_rows(case))}"


def contender_rows(case: Result) -> Iterator[tuple[str, ...]]:
    cpu, formats = case["cpu_us"], {peer.name: peer.format for peer in PEERS}
    for name in sorted(case["stills"], key=lambda name: spread(cpu[name]).median):
        still = case["stills"][name]
        quality = still["quality"]
        yield (
            f"**{name}**" if name.startswith(OURS.name) else name,
            formats.get(name, ""),
            number(spread(cpu[name]).median),
            ratio(cpu[name], cpu[FLOOR.name]),
            f"{paired(cpu[name], cpu[OURS.name]).median:.2f}",
            number(still["bytes"]),
            f"{quality['psnr_y']:.1f}",
            f"{quality['ssim_y']:.4f}",
            f"{quality['ssim_fitted']:.4f}",
            f"{quality['colour_error']:.2f}",
        )


def stages_section(stages: Mapping[str, Result]) -> str:
    if not stages:
        return ""
    rows = ((name, number(one["median_ns"] / 1000), f"{one['allocations']:g}") for name, one in stages.items())
    text = "One frame again and again, so its memory is warm: what the stages cost beside each other.\n"
    return f"## Stages, in C++\n\n{text}\n{table(('stage', 'us', 'heap allocations'), rows)}"


def missing_section(cases: Mapping[str, Result]) -> str:
    missing = {name: why for case in cases.values() for name, why in case["missing"].items()}
    return f"## Not measured\n\n{table(('contender', 'why'), missing.items())}" if missing else ""


def in_lines(results: dict[str, Any]) -> str:
    """JSON with a line for each case: short enough to be kept, and a change is seen where it is."""
    parts = {name: value for name, value in results.items() if name != "cases"}
    cases_ = ",\n".join(f"{json.dumps(key)}: {json.dumps(case)}" for key, case in results["cases"].items())
    return f'{json.dumps(parts, indent=1)[:-2]},\n "cases": {{\n{cases_}\n}}}}'


def ratio(numbers: Sequence[float], others: Sequence[float]) -> str:
    found = paired(numbers, others)
    return f"{found.median:.2f} ({found.low:.2f}-{found.high:.2f})"


def number(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:.3g}"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |\n" for line in lines)
