"""What the demo shows at its end: a table of the stills and the contact sheet."""

from __future__ import annotations

import hashlib
import json
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import typer
from rich.console import Console
from rich.table import Table

from stillcast.cli.accounting import account, rows_as_json, stats_as_json, unaccounted
from stillcast.cli.playback import FeedRow, StillFacts
from stillcast.cli.status import say
from stillcast.contact_sheet import make_contact_sheet

if TYPE_CHECKING:
    from stillcast.agent import AgentStats
    from stillcast.receiver import ReceivedStill

_COLUMNS = 5
# More than these on one sheet are too small to see; they are then chosen evenly.
_SHOWN_PER_FEED_MAX = 20


@dataclass(frozen=True, slots=True)
class DemoStill:
    """A still and how long it took to be announced.

    Attributes:
        facts: of the capture.
        announced_ms: milliseconds from the capture to the arrival of the callback; None if none came.
        sha256: of the JPEG, as the callback said.
    """

    facts: StillFacts
    announced_ms: float | None = None
    sha256: str | None = None


class Ledger:
    """The stills of the demo; noted by threads of the agent and of the receiver, read at the end."""

    def __init__(self) -> None:
        self._lock = threading.Lock()  # guards _stills and _early
        self._stills: dict[str, DemoStill] = {}
        self._early: dict[str, tuple[float, str]] = {}

    def note_still(self, facts: StillFacts) -> None:
        """Note a still that was captured and spooled."""
        with self._lock:
            arrived_ms, sha256 = self._early.pop(facts.object_key, (None, None))
            self._stills[facts.object_key] = DemoStill(facts, arrived_ms, sha256)

    def note_announced(self, received: ReceivedStill) -> None:
        """Note a callback; it may come before the agent has told us of the still."""
        arrived_ms = (time.time() - received.captured_at.timestamp()) * 1000
        sha256 = str((received.still or {}).get("sha256"))
        with self._lock:
            known = self._stills.get(received.object_key)
            if known:
                self._stills[received.object_key] = replace(known, announced_ms=arrived_ms, sha256=sha256)
            else:
                self._early[received.object_key] = (arrived_ms, sha256)

    def stills(self) -> list[DemoStill]:
        """All stills, feed after feed, each in the order of capture."""
        with self._lock:
            return sorted(self._stills.values(), key=lambda still: (still.facts.uid, still.facts.captured_at))

    def check_store(self, directory: Path | None) -> list[str]:
        """Read every announced still from the store and compare; say what is wrong."""
        return [
            f'store: "{still.facts.object_key}": was announced, but the file is missing or another: report this'
            for still in self.stills()
            if still.announced_ms is not None
            and directory
            and _sha256(directory / still.facts.object_key) != still.sha256
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoReport:
    """Everything that the demo found out."""

    directory: Path
    title: str
    seconds: float
    interval: float
    rows: Sequence[FeedRow]
    stats: AgentStats
    stills: Sequence[DemoStill]
    problems: Sequence[str]

    @property
    def is_good(self) -> bool:
        """True if stills were announced and nothing went wrong."""
        announced = any(still.announced_ms is not None for still in self.stills)
        return announced and not self.problems and not unaccounted(self.stats)


def print_report(report: DemoReport, *, as_json: bool) -> None:
    """Make the contact sheet, then print the table and its path, or one JSON object."""
    sheet = _make_sheet(report)
    if as_json:
        typer.echo(json.dumps(_as_json(report, sheet)))
    else:
        _print_table(report.stills)
        say(account(report.stats, announces=True))
        typer.echo(f"stills:        {report.directory / 'stills'}")
        typer.echo(f"contact sheet: {sheet or 'none, for there are no stills'}")
    for problem in report.problems:
        say(f"error: {problem}")
    if not report.is_good and not report.problems:
        say("error: no still was announced, or a tick has no account: see above")


def _make_sheet(report: DemoReport) -> Path | None:
    chosen = [still for row in report.rows for still in _evenly(_of_feed(report.stills, row.name))]
    shown = []
    for still in chosen:
        try:
            shown.append((_caption(still), (report.directory / "stills" / still.facts.object_key).read_bytes()))
        except OSError:
            continue  # not stored yet: the table says so
    if not shown:
        return None
    count = (
        f"{len(shown)} stills" if len(shown) == len(report.stills) else f"{len(shown)} of {len(report.stills)} stills"
    )
    title = (
        f"stillcast demo   {report.title}   {len(report.rows)} feeds, one still every {report.interval:g} s, {count}"
    )
    path = report.directory / "contact-sheet.jpg"
    # No chroma subsampling: this picture is looked at for its sharpness.
    make_contact_sheet(shown, columns=min(_COLUMNS, len(shown)), title=title).save(path, quality=92, subsampling=0)
    return path


def _of_feed(stills: Sequence[DemoStill], name: str) -> list[DemoStill]:
    return [still for still in stills if f"{still.facts.cname}/{still.facts.uid}" == name]


def _evenly(stills: Sequence[DemoStill]) -> list[DemoStill]:
    if len(stills) <= _SHOWN_PER_FEED_MAX:
        return list(stills)
    step = len(stills) / _SHOWN_PER_FEED_MAX
    return [stills[int(number * step)] for number in range(_SHOWN_PER_FEED_MAX)]


def _caption(still: DemoStill) -> str:
    facts = still.facts
    moment = f"{facts.captured_at:%H:%M:%S}.{facts.captured_at.microsecond // 1000:03d}"
    size = f"{facts.width}x{facts.height}   {facts.bytes / 1000:.1f} kB   age {facts.frame_age_ms:.1f} ms"
    return f"{facts.cname} / {facts.uid}   {moment}\n{size}"


_HEADINGS = ("key", "size", "bytes", "age ms", "announced ms")


def _cells(still: DemoStill) -> tuple[str, ...]:
    facts = still.facts
    announced = "-" if still.announced_ms is None else f"{still.announced_ms:.0f}"
    return facts.object_key, f"{facts.width}x{facts.height}", str(facts.bytes), f"{facts.frame_age_ms:.1f}", announced


def _print_table(stills: Sequence[DemoStill]) -> None:
    """Print a table that fits a terminal, or lines that ``awk`` can read."""
    if sys.stdout.isatty():
        table = Table()
        for number, heading in enumerate(_HEADINGS):
            table.add_column(heading, justify="right" if number else "left", overflow="fold")
        for still in stills:
            table.add_row(*_cells(still))
        Console().print(table, markup=False)
        return
    for still in stills:
        key, size, count, age_ms, announced_ms = _cells(still)
        typer.echo(f"{key}  {size}  {count} bytes  age {age_ms} ms  announced after {announced_ms} ms")


def _as_json(report: DemoReport, sheet: Path | None) -> dict[str, object]:
    return {
        "ok": report.is_good,
        "problems": list(report.problems),
        "directory": str(report.directory),
        "contact_sheet": str(sheet) if sheet else None,
        "sources": rows_as_json(report.rows),
        "agent": stats_as_json(report.stats),
        "stills": [_still_as_json(still) for still in report.stills],
    }


def _still_as_json(still: DemoStill) -> dict[str, object]:
    facts = asdict(still.facts)
    facts["captured_at"] = still.facts.captured_at.isoformat()
    return {**facts, "announced_ms": still.announced_ms, "sha256": still.sha256}


def _sha256(path: Path) -> str | None:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return None
