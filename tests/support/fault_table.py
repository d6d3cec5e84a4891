"""The fault table: what each fault did, row by row, from what was counted in that very run."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

_BEGIN, _END = "<!-- fault table: written by make faults -->", "<!-- end of the fault table -->"


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes:
        fault: its name, which no other row has.
        how: how it was made.
        times: how often.
        happened: what was counted.
        held: invariants that were checked and held; a row is only added when they did.
    """

    fault: str
    how: str
    times: int
    happened: str
    held: str

    def line(self) -> str:
        """The row as a line of Markdown."""
        return _line((self.fault, self.how, f"{self.times:,}", self.happened, self.held))


class FaultTable:
    """Collects the rows of a run."""

    def __init__(self) -> None:
        self.rows: list[Row] = []

    def add(self, fault: str, *, how: str, times: int, happened: str, held: str) -> None:
        """Add a row, after the assertions that it speaks of."""
        assert all(row.fault != fault for row in self.rows), f"two rows by the name of {fault}"
        self.rows.append(Row(fault, how, times, happened, held))

    def markdown(self) -> str:
        """The table, rows in the order in which they came."""
        return "\n".join([*_HEAD, *(row.line() for row in self.rows)])

    def write_into(self, page: Path) -> None:
        """Put the rows into the table of a page, which stands between two comments.

        A run of some faults replaces their own rows and keeps the others. A row goes by the name of its fault.
        """
        text = page.read_text(encoding="utf-8")
        before, _, rest = text.partition(_BEGIN)
        old, end, after = rest.partition(_END)
        assert end, f"{page} has no {_BEGIN} and {_END}"
        table = "\n".join([*_HEAD, *self._merged_into(old)])
        page.write_text(f"{before}{_BEGIN}\n\n{table}\n\n{_END}{after}", encoding="utf-8")

    def _merged_into(self, old: str) -> list[str]:
        kept = {_fault_of(line): line for line in old.splitlines() if line.startswith("| ") and line not in _HEAD}
        new = {_fault_of(row.line()): row.line() for row in self.rows}
        if kept.keys() <= new.keys():  # this run had them all: the order is its own
            return list(new.values())
        return list((kept | new).values())


def _line(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _fault_of(line: str) -> str:
    """The first cell of a line, as it is written; a bar within it stands behind a backslash, so it does not end it."""
    return line.removeprefix("| ").partition(" | ")[0]


_HEAD = (_line(("fault", "how it was made", "times", "what happened", "invariants held")), _line(("---",) * 5))


def is_long() -> bool:
    """Whether this is the long form (``make faults``), and not the short one of ``make test``."""
    return os.environ.get("STILLCAST_FAULTS") == "long"


def scaled(short: int, long: int) -> int:
    """A count or a number of seconds of this form."""
    return long if is_long() else short
