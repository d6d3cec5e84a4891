"""Measure stills beside their peers and write the report: ``PYTHONPATH=tests python -m benchmarks [--quick]``.

Everything goes to benchmarks/results, of ``--quick`` and ``--only`` to build/bench/results. Each case is kept as a file
in build/bench/cases as soon as it is measured; ``--resume`` takes those of the same build of stillcast from there.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import sys
import time
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks import cases, host, machine, native, plots, report, stages
from benchmarks.cases import Case, Plan
from benchmarks.claims import claims
from benchmarks.measure import measure
from benchmarks.ratios import spread
from benchmarks.stages import StageFigures
from stillcast import _native

ROOT = Path(__file__).parents[1]
KEPT = Path(__file__).parent / "results"
PASSING = ROOT / "build" / "bench"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer sizes, two minutes")
    parser.add_argument("--only", metavar="PATTERN", help='cases whose name matches, as in "4K to 640"')
    parser.add_argument("--resume", action="store_true", help="keep cases that this build has measured already")
    parser.add_argument("--report", action="store_true", help="measure nothing: the report anew from results.json")
    given = parser.parse_args()
    directory = PASSING / "results" if given.quick or given.only else KEPT
    if given.report:
        write_report(json.loads((directory / "results.json").read_text()), directory)
        return
    results = run(given)
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "results.json").write_text(report.in_lines(results) + "\n")
    write_report(results, directory)


def run(given: argparse.Namespace) -> dict[str, Any]:
    plan = cases.quick() if given.quick else cases.full()
    chosen = [case for case in plan.cases if re.search(given.only or "", case.name)]
    if not chosen:
        sys.exit(f"--only {given.only}: no case has such a name")
    results: dict[str, Any] = {
        "command": "make bench-quick" if given.quick else "make bench",
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "machine": machine.facts(),
        "cases": {case.key: one_case(case, plan, resume=given.resume) for case in chosen},
    }
    say("push")
    results["host"] = asdict(host.measure(plan.rounds))
    say("stages")
    results["stages"] = {run.name: summary(stages.measure(run)) for run in stages.runs_of(chosen)}
    return results


def one_case(case: Case, plan: Plan, *, resume: bool) -> dict[str, Any]:
    kept = PASSING / "cases" / f"{case.key}.json"
    build = fingerprint(plan)
    if resume and kept.exists() and (found := json.loads(kept.read_text()))["build"] == build:
        return dict(found)
    began = time.perf_counter()
    result = {**measure(case, plan), "build": build}
    kept.parent.mkdir(parents=True, exist_ok=True)
    kept.write_text(json.dumps(result))
    say(f"{case.name}: {time.perf_counter() - began:.0f} s")
    return dict(json.loads(kept.read_text()))


def fingerprint(plan: Plan) -> str:
    """Of the compiled parts and of how much is measured."""
    amounts = {**asdict(plan), "cases": None}
    parts = [Path(_native.__file__), native.BUILD / "libstillcast_peers.so"]
    return hashlib.sha256(b"".join(map(Path.read_bytes, parts)) + repr(amounts).encode()).hexdigest()[:16]


def summary(figures: StageFigures) -> dict[str, float]:
    return {"median_ns": spread(figures.ns).median, "allocations": figures.allocations}


def write_report(results: dict[str, Any], directory: Path) -> None:
    text = report.report(results, plots.draw(results, directory))
    (directory / "report.md").write_text(text)
    print(report.claims_table(claims(results)))
    say(f"the report: {(directory / 'report.md').relative_to(ROOT)}")


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
