"""What a running command shows: a live table on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Sequence
from typing import Protocol

import typer
from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from stillcast.cli.playback import FeedRow, StillFacts
from stillcast.cli.status import plain, say


class Display(Protocol):
    """Shows what happens. ``message`` and ``still`` are called from any thread."""

    def message(self, text: str) -> None:
        """Show one line about the course of things."""
        ...

    def still(self, facts: StillFacts) -> None:
        """Show one still."""
        ...

    def update(self, rows: Sequence[FeedRow]) -> None:
        """Show how the sources do."""
        ...

    def close(self) -> None:
        """Show the last of it."""
        ...


class PlainDisplay:
    """Messages on stderr and, if wanted, one line a still on stdout."""

    def __init__(self, *, shows_stills: bool) -> None:
        self._shows_stills = shows_stills
        self._lock = threading.Lock()  # one line at a time on either stream

    def message(self, text: str) -> None:
        """Write a line to stderr; names in it cannot begin another one."""
        with self._lock:
            say(plain(text))

    def still(self, facts: StillFacts) -> None:
        """Write a line to stdout."""
        if self._shows_stills:
            with self._lock:
                typer.echo(still_line(facts))

    def update(self, rows: Sequence[FeedRow]) -> None:
        """Nothing: lines that are written stay as they are."""

    def close(self) -> None:
        """Nothing is open."""


class LiveDisplay:
    """A table that is drawn anew, with the messages above it."""

    def __init__(self, title: Callable[[], str]) -> None:
        self._console = Console()
        self._title = title
        self._live = Live(console=self._console, auto_refresh=False)
        self._live.start()

    def message(self, text: str) -> None:
        """Write a line above the table."""
        self._console.print(Text(plain(text), style="dim"))

    def still(self, facts: StillFacts) -> None:
        """Nothing: the table shows the last still of each feed."""

    def update(self, rows: Sequence[FeedRow]) -> None:
        """Draw the table."""
        self._live.update(_feed_table(rows, self._title()), refresh=True)

    def close(self) -> None:
        """Leave the table as it was drawn last."""
        self._live.stop()


def make_display(title: Callable[[], str], *, as_json: bool, shows_stills: bool = True) -> Display:
    """Choose how to show things.

    Args:
        title: what stands over the live table; asked again for each drawing.
        as_json: stdout belongs to a program.
        shows_stills: whether plain lines tell of every still.
    """
    if sys.stdout.isatty() and sys.stderr.isatty() and not as_json:
        return LiveDisplay(title)
    return PlainDisplay(shows_stills=shows_stills and not as_json)


def still_line(facts: StillFacts) -> str:
    """Say all of a still in one line, the key first."""
    age = f"age {facts.frame_age_ms:.1f} ms"
    return f"{facts.object_key}  {facts.width}x{facts.height}  {facts.bytes} bytes  {age}"


def _feed_table(rows: Sequence[FeedRow], title: str) -> Table:
    table = Table(title=Text(title), title_justify="left")
    for name in ("feed", "state", "video", "last still"):
        table.add_column(name)
    for name in ("frames", "stills", "age ms", "bytes"):
        table.add_column(name, justify="right")
    for row in rows:
        last = row.last
        table.add_row(
            Text(plain(row.name)),
            row.source.state.value,
            str(row.source.info or ""),
            f"{last.captured_at:%H:%M:%S} {last.width}x{last.height}" if last else "",
            str(row.source.frames),
            str(row.stills),
            f"{last.frame_age_ms:.1f}" if last else "",
            str(last.bytes) if last else "",
        )
    return table
