"""The fault table: what each fault did, row by row, from what was counted in that very run."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

_HEAD = ("fault", "how it was made", "times", "what happened", "invariants held")
_BEGIN, _END = "<!-- fault table: written by make faults -->", "<!-- end of the fault table -->"


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes:
        fault: its name.
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

    def cells(self) -> tuple[str, ...]:
        return (self.fault, self.how, f"{self.times:,}", self.happened, self.held)


class FaultTable:
    """Collects the rows of a run."""

    def __init__(self) -> None:
        self.rows: list[Row] = []

    def add(self, fault: str, *, how: str, times: int, happened: str, held: str) -> None:
        """Add a row, after the assertions that it speaks of."""
        self.rows.append(Row(fault, how, times, happened, held))

    def markdown(self) -> str:
        """The table, rows in the order in which they came."""
        lines = [_HEAD, ("---",) * len(_HEAD), *(row.cells() for row in self.rows)]
        return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)

    def write_into(self, page: Path) -> None:
        """Replace the table of a page, which stands between two comments."""
        text = page.read_text(encoding="utf-8")
        before, _, rest = text.partition(_BEGIN)
        _, end, after = rest.partition(_END)
        assert end, f"{page} has no {_BEGIN} and {_END}"
        page.write_text(f"{before}{_BEGIN}\n\n{self.markdown()}\n\n{_END}{after}", encoding="utf-8")


def is_long() -> bool:
    """Whether this is the long form (``make faults``), and not the short one of ``make test``."""
    return os.environ.get("STILLCAST_FAULTS") == "long"


def scaled(short: int, long: int) -> int:
    """A count or a number of seconds of this form."""
    return long if is_long() else short
