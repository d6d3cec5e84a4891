"""Instructions of a still, stage by stage, counted by callgrind: what a change costs, seen without a clock.

``make bench-instructions``, or ``PYTHONPATH=tests python -m benchmarks.instructions [--check]``. Compares with what is
kept in results/instructions.json, then keeps the new figures, unless ``--check`` is given. Counts of one build are the
same at every run. They hold for the instruction set that valgrind shows the program: up to AVX2, so kernels for AVX-512
are not what is counted here.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks import cases, stages
from benchmarks.machine import compiler, system_part
from benchmarks.report import table
from benchmarks.stages import StageRun

KEPT = Path(__file__).parent / "results"
OUTPUT = stages.FRAME_FILES.parent / "callgrind.out"
RUNS = 2
WORTH_SAYING = 0.005  # share of change
FUNCTIONS = 12
PROFILED = ("whole, I420, 1080p to 640x360", "encode, I420, 1080p to 640x360")
# valgrind counts every byte that `rep stosb` and `rep movsb` move as an instruction; glibc is told to use others.
NO_REP = {"GLIBC_TUNABLES": "glibc.cpu.x86_rep_stosb_threshold=1000000000:glibc.cpu.x86_rep_movsb_threshold=1000000000"}

_COLLECTED = re.compile(r"Collected : (\d+)")
_FILE = re.compile(r"^[^:]*:(?!:)")  # before the first colon that is not one of C++'s pairs
_FUNCTION = re.compile(r"^\s*([\d,]+) \(\s*[\d.]+%\)\s+(.*)$")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.instructions", description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare only; exit status 1 where more are needed")
    given = parser.parse_args()
    if not shutil.which("valgrind"):
        sys.exit("valgrind is missing: tools/system-packages bench")
    before = kept()
    found = count_all()
    changes = compare(before.get("counts", {}), found["counts"])
    print(table(("stage", "kept", "now", "change"), changes) if changes else "no change worth saying")
    if given.check:
        sys.exit(any(found["counts"][name] > before["counts"].get(name, 0) for name, *_ in changes))
    KEPT.mkdir(exist_ok=True)
    (KEPT / "instructions.json").write_text(json.dumps(found, indent=1) + "\n")
    (KEPT / "instructions.md").write_text(markdown(found))


def kept() -> dict[str, Any]:
    path = KEPT / "instructions.json"
    return json.loads(path.read_text()) if path.exists() else {}


def chosen() -> list[StageRun]:
    """Not the pushes: that of one that is due is a memcpy, which reads as one thing and runs as another."""
    every = stages.runs_of([cases.case(source, target) for source in cases.SOURCES for target in cases.TARGETS])
    return [run for run in every if run.stage in stages.STAGES]


def count_all() -> dict[str, Any]:
    counts, functions = {}, {}
    for run in chosen():
        counts[run.name] = count(run)
        print(f"{counts[run.name]:>14,}  {run.name}", file=sys.stderr, flush=True)
        if run.name in PROFILED:
            functions[run.name] = profile()
    facts = {
        "valgrind": system_part("valgrind"),
        "compiler": compiler(),
        "libjpeg-turbo": system_part("libjpeg62-turbo"),
    }
    return {"made with": facts, "counts": counts, "functions": functions}


def count(run: StageRun) -> int:
    """Instructions of one run; leaves callgrind's own file for ``profile``."""
    callgrind = ["valgrind", "--tool=callgrind", "--collect-atstart=no", f"--callgrind-out-file={OUTPUT}"]
    command = [*callgrind, *stages.command(run, RUNS)]
    done = subprocess.run(command, env=os.environ | NO_REP, check=True, capture_output=True, text=True)
    collected = _COLLECTED.search(done.stderr)
    if collected is None:
        raise RuntimeError(f"callgrind did not say what it collected: {done.stderr[-300:]}")
    return int(collected[1]) // RUNS


def profile() -> list[tuple[str, int]]:
    """The functions in which the last counted run spent most, themselves only, per run."""
    command = ["callgrind_annotate", "--inclusive=no", "--auto=no", "--threshold=99", str(OUTPUT)]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found = [match for line in text.splitlines() if (match := _FUNCTION.match(line)) and "PROGRAM" not in line]
    return [(plain_name(match[2]), int(match[1].replace(",", "")) // RUNS) for match in found[:FUNCTIONS]]


def plain_name(place: str) -> str:
    """Function without arguments of ``file:function(arguments) [/path/of/library.so]``: no path of a machine."""
    function, _, _ = place.partition(" [")
    name = _FILE.sub("", function)
    return name.partition("(")[0].strip() or name


def compare(before: Mapping[str, int], now: Mapping[str, int]) -> list[tuple[str, ...]]:
    """Rows for the table: what changed by enough to be said, what is new, what is gone."""
    rows: list[tuple[str, ...]] = []
    for name, count_now in now.items():
        if name not in before:
            rows.append((name, "", f"{count_now:,}", "new"))
        elif abs(share := count_now / before[name] - 1) >= WORTH_SAYING:
            rows.append((name, f"{before[name]:,}", f"{count_now:,}", f"{share:+.1%}"))
    return rows + [(name, f"{count_before:,}", "", "gone") for name, count_before in before.items() if name not in now]


def markdown(found: Mapping[str, Any]) -> str:
    facts = "; ".join(f"{name} {value}" for name, value in found["made with"].items())
    counts = ((name, f"{value:,}") for name, value in found["counts"].items())
    text = (
        "# Instructions of a still\n\n"
        f"Counted by callgrind ({facts})\n"
        "by `make bench-instructions`, on the instruction set that valgrind shows: AVX2 at most. One frame of\n"
        "bigbuckbunny at quality 80, after two runs to warm up.\n\n"
        f"{table(('stage', 'instructions'), counts)}"
    )
    for name, functions in found["functions"].items():
        rows = ((f"`{function}`", f"{value:,}") for function, value in functions)
        text += f"\n## Where they go: {name}\n\n{table(('function, itself only', 'instructions'), rows)}"
    return text


if __name__ == "__main__":
    main()
