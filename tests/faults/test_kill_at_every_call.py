"""SIGKILL at the first system call on the spool's files, at the second, at the third: before it and after it."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from faults import delivery_program, spool_program
from support.fault_nursery import Nursery, nursery
from support.fault_shim import Shim
from support.fault_table import FaultTable


@pytest.fixture(scope="module")
def children(disk: Shim) -> Iterator[Nursery]:
    with nursery("faults.spool_program", "faults.delivery_program", env=disk.environment) as made:
        yield made


@dataclass(frozen=True)
class Bench:
    """Runs one program again and again, each time in an empty directory, each time killed a call later."""

    disk: Shim
    children: Nursery
    program: str
    durability: str
    directory: Path

    @property
    def root(self) -> Path:
        return self.directory / "root"

    @property
    def journal(self) -> Path:
        return self.directory / "journal"

    def run(self, kill_at: int, *, after: bool) -> bool:
        """Run until the kill; False if the program ran to its end."""
        shutil.rmtree(self.directory, ignore_errors=True)
        self.directory.mkdir()
        self.disk.watch(self.root)
        self.disk.kill_at(kill_at, after=after)
        log = self.directory / "log"
        status = self.children.run(self.program, self.root, self.journal, self.durability, log=log)
        self.disk.kill_at(0, after=False)
        assert status in (0, -signal.SIGKILL), log.read_text()
        return status != 0

    def kills(self, *, after: bool) -> Iterator[int]:
        """Kill at every call in turn; the caller looks at what each left."""
        call = 1
        while self.run(call, after=after):
            yield call
            call += 1


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("durability", ["process", "power"])
def test_a_kill_at_any_call_of_the_spool_leaves_every_still_in_exactly_one_state(
    disk: Shim, children: Nursery, faults: FaultTable, tmp_path: Path, durability: str, after: bool
) -> None:
    bench = Bench(disk, children, "faults.spool_program:main", durability, tmp_path / "work")
    killed = promised = in_doubt = 0
    for _ in bench.kills(after=after):
        found = spool_program.check(bench.root, bench.journal)
        killed, promised, in_doubt = killed + 1, promised + found.promised, in_doubt + found.in_doubt
    assert spool_program.check(bench.root, bench.journal).in_doubt == 0  # it ran through
    assert killed > 4 * len(spool_program.steps_of()) / 2
    assert 0 < in_doubt <= killed
    faults.add(
        f"SIGKILL {'after' if after else 'before'} each call of the spool, durability {durability}",
        how="LD_PRELOAD shim, call 1, 2, 3, … until the program ran through",
        times=killed,
        happened=f"{promised:,} stills looked for, {in_doubt:,} more with a step under way; 0 lost, 0 doubled",
        held="conservation, one state each, nothing left in tmp",
    )


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_kill_at_any_call_of_collector_and_delivery_is_made_good_by_the_next_start(
    disk: Shim, children: Nursery, faults: FaultTable, tmp_path: Path, after: bool
) -> None:
    durability = "power" if after else "process"
    bench = Bench(disk, children, "faults.delivery_program:main", durability, tmp_path / "work")
    killed = promised = 0
    for call in bench.kills(after=after):
        killed += 1
        promised += delivery_program.check(bench.root, bench.journal)
        assert call < 1000
    assert delivery_program.check(bench.root, bench.journal) == delivery_program.PICTURES
    assert killed > 10 * delivery_program.PICTURES
    faults.add(
        f"SIGKILL {'after' if after else 'before'} each call of collector, delivery and directory store",
        how=f"LD_PRELOAD shim, durability {durability}; the next start delivers the rest",
        times=killed,
        happened=f"{promised:,} promised stills all stored and announced; 0 lost, 0 doubled",
        held="conservation, purity, one requestId each",
    )


def test_the_shim_kills_where_it_is_told(disk: Shim, children: Nursery, tmp_path: Path) -> None:
    """A shim that killed late would make every test above pass for nothing."""
    bench = Bench(disk, children, "faults.spool_program:main", "process", tmp_path / "work")
    assert bench.run(1, after=False)
    assert not bench.root.exists(), "the first call makes the directory, and was not to be done"
    assert bench.run(1, after=True)
    assert bench.root.is_dir()
    assert list(bench.root.iterdir()) == []
