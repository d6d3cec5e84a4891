"""How soon a live still is stored when a million old ones wait. Run it as ``python -m faults.boot --help``.

Fills a spool with real files, some of them corrupt, starts a whole agent as a process, and measures from the start of
that process to the first still captured since then that is in the store, a directory. Ends with a report, or with what
did not hold.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from stillcast.naming import parse_object_key
from stillcast.spool import State, footer
from stillcast.spool.item import describe
from support.cli import environment
from support.fault_invariants import promises, usage
from support.stills import make_spool, make_still, request_id_of

_MEBIBYTE = 1 << 20
_RSS_MAX = 512 * _MEBIBYTE
_PART = 20_000
_TESTS = str(Path(__file__).parents[1])
_PATIENCE_S = 300.0


def main(arguments: Sequence[str] | None = None) -> None:
    options = _options(arguments)
    with tempfile.TemporaryDirectory(prefix="stillcast-boot-", dir=options.dir) as name:
        directory = Path(name)
        began = time.monotonic()
        _fill(directory / "spool", options)
        print(f"{options.files:,} files, {options.corrupt:,} of them corrupt, made in {time.monotonic() - began:.0f} s")
        spooled = 0
        for _ in range(options.starts):
            spooled += _start(directory, options, expected=options.files + spooled)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=1_000_000)
    parser.add_argument("--corrupt", type=int, default=1000)
    parser.add_argument("--bytes", type=int, default=400, help="of each JPEG")
    parser.add_argument("--starts", type=int, default=2, help="of the agent, on what the one before left")
    parser.add_argument("--within", type=float, default=5.0, help="seconds to the first live still in the store")
    parser.add_argument("--seconds", type=float, default=10.0, help="that the agent runs on, for memory and counts")
    parser.add_argument("--dir", default=None, help="where files are made; they are removed")
    return parser.parse_args(arguments)


def _fill(root: Path, options: argparse.Namespace) -> None:
    with make_spool(root, max_bytes=1 << 40, clock=time.time):
        pass  # the owner makes the directories
    corrupt = set(random.Random(1).sample(range(options.files), options.corrupt))
    parts = range(0, options.files, _PART)
    with ProcessPoolExecutor() as pool:
        jobs = [
            pool.submit(
                _fill_part,
                root / State.READY,
                range(start, min(options.files, start + _PART)),
                {number for number in corrupt if start <= number < start + _PART},
                options.bytes,
            )
            for start in parts
        ]
        for job in jobs:
            job.result()


def _fill_part(directory: Path, numbers: range, corrupt: set[int], size: int) -> None:
    """Write what the spool would have written; through ``put`` it would take an hour."""
    oldest = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=30)
    for number in numbers:
        still = make_still(
            sid=f"{number:032x}",
            captured_at=oldest + timedelta(milliseconds=100 * number),
            jpeg=b"\xff\xd8" + number.to_bytes(8, "big") * (size // 8),
            uid=str(number % 50),
        )
        item = describe(still, request_id=request_id_of(still), extra_info="")
        data = footer.encode(item, still.jpeg)
        if number in corrupt:  # cut short, or changed within
            data = data[: len(data) // 2] if number % 2 else data[:10] + b"?" + data[11:]
        (directory / item.name).write_bytes(data)


def _start(directory: Path, options: argparse.Namespace, *, expected: int) -> int:
    """Start an agent on what there is, stop it, and hold what it left against that; gives how many stills it added."""
    settings, log = _settings(directory), directory / "promises"
    log.unlink(missing_ok=True)
    Path(f"{log}.stats").unlink(missing_ok=True)
    with (directory / "agent.log").open("ab") as output:
        began = time.monotonic()
        process = subprocess.Popen(
            [sys.executable, "-m", "support.spooling_agent", str(settings), str(log)],
            env=environment({"PYTHONPATH": _TESTS}),
            stdout=output,
            stderr=output,
        )
    try:
        spooled_s, stored_s = _first_live(process, directory, log, began)
        time.sleep(options.seconds)
        use, stats = usage(process.pid), json.loads(Path(f"{log}.stats").read_text())
    finally:
        process.send_signal(signal.SIGTERM)
        status = process.wait(_PATIENCE_S)
    assert status == 0, (directory / "agent.log").read_text()
    _report(spooled_s, stored_s, use.rss, stats, _lateness(directory, log))
    spooled = int(json.loads(Path(f"{log}.stats").read_text())["spooled"])
    _check(directory, options, stats, expected=expected + spooled)
    assert stored_s <= options.within, f"the first live still was stored after {stored_s:.2f} s"
    assert use.rss <= _RSS_MAX, f"{use.rss} bytes of memory"
    return spooled


def _check(directory: Path, options: argparse.Namespace, stats: dict[str, Any], *, expected: int) -> None:
    """Every still is stored, waits, or is in quarantine, where none is that was whole."""
    stored = {path.name.partition("_")[0] for path in (directory / "stills").rglob("*.jpg")}
    waiting = {state: _sids_in(directory / "spool" / state) for state in State}
    found = len(stored.union(*waiting.values()))
    ready = len(waiting[State.READY])
    print(f"{'accounted for':28} {len(stored):,} stored, {ready:,} wait; {found:,} of {expected:,}\n")
    assert found == expected, f"{expected - found} stills are missing"
    assert len(waiting[State.QUARANTINE]) <= options.corrupt, "a whole file is in quarantine"
    assert stats["dead_letters"] == stats["spool_failed"] == sum(stats["dropped"].values()) == 0, stats


def _sids_in(directory: Path) -> set[str]:
    return {entry.name.split("_")[1] for entry in os.scandir(directory) if entry.name.endswith(".jpg")}


def _settings(directory: Path) -> Path:
    file = directory / "stillcast.toml"
    file.write_text(
        "\n".join(
            [
                f"[storage]\nurl = {json.dumps((directory / 'stills').as_uri())}",
                f"[spool]\npath = {json.dumps(str(directory / 'spool'))}\nmax_bytes = '100GiB'\nmax_files = 10000000",
                "[capture]\ninterval = 0.5\n",
            ]
        )
    )
    return file


def _first_live(process: subprocess.Popen[bytes], directory: Path, log: Path, began: float) -> tuple[float, float]:
    """Seconds from the start of the process to the first still spooled, and to the first one of these stored."""
    spooled_s = 0.0
    while time.monotonic() - began < _PATIENCE_S:
        assert process.poll() is None, (directory / "agent.log").read_text()
        known = promises(log)
        now = time.monotonic() - began
        spooled_s = spooled_s or (now if known else 0.0)
        if any((directory / "stills" / each.object_key).exists() for each in known):
            return spooled_s, now
        time.sleep(0.005)
    raise AssertionError(f"no live still within {_PATIENCE_S:.0f} s")


def _lateness(directory: Path, log: Path) -> float:
    """Longest time between capture and storing of the live stills, in seconds."""
    late = 0.0
    for each in promises(log):
        path = directory / "stills" / each.object_key
        if path.exists():
            late = max(late, path.stat().st_mtime - parse_object_key(each.object_key).captured_at.timestamp())
    return late


def _report(spooled_s: float, stored_s: float, rss: int, stats: dict[str, Any], late_s: float) -> None:
    for name, value in {
        "first live still spooled": f"{spooled_s:.2f} s after the start of the process",
        "first live still stored": f"{stored_s:.2f} s after the start of the process",
        "slowest live still": f"{late_s:.2f} s from capture to store",
        "stored so far": f"{stats['stored']:,}, {stats['quarantined']:,} in quarantine",
        "waiting, as counted so far": f"{stats['waiting_store']:,}",
        "memory": f"{rss / _MEBIBYTE:.0f} MiB",
        "spool failures": f"{stats['spool_failed']:,}, dropped {stats['dropped']}",
    }.items():
        print(f"{name:28} {value}")


if __name__ == "__main__":
    main()
