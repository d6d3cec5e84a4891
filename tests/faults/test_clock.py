"""Clocks that jump while an agent runs: libfaketime gives its process another time of day."""

from __future__ import annotations

import importlib.util
import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from support.fault_agent import PRELOADED, Bench, Listening, pause
from support.fault_nursery import Nursery, nursery
from support.fault_table import FaultTable, scaled
from support.s3_faults import refuse
from support.s3_front import S3Front
from support.stills import WEBHOOK_SECRET

DAY_S = 86_400
FAULT_S = scaled(1, 15)
NEAR = timedelta(minutes=5)


def faketime() -> Path:
    """The library; importing its package would start the process anew."""
    spec = importlib.util.find_spec("libfaketime")
    assert spec is not None, "libfaketime is missing: pip install --group test"
    assert spec.submodule_search_locations is not None
    return Path(spec.submodule_search_locations[0]) / "vendor" / "libfaketime" / "src" / "libfaketime.so.1"


class Shift:
    """How far the clock of processes under it is from ours, in seconds; they look at every call."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.set(0)

    @property
    def environment(self) -> dict[str, str]:
        return {
            "LD_PRELOAD": str(faketime()),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",
            "DONT_FAKE_MONOTONIC": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }

    def set(self, seconds: int) -> None:
        draft = self._file.with_suffix(".new")
        draft.write_text(f"{seconds:+d}\n")
        draft.replace(self._file)


@pytest.fixture(scope="module")
def shift(tmp_path_factory: pytest.TempPathFactory) -> Shift:
    return Shift(tmp_path_factory.mktemp("clock") / "shift")


@pytest.fixture(scope="module")
def children(shift: Shift) -> Iterator[Nursery]:
    with nursery(*PRELOADED, env=shift.environment) as made:
        yield made


@pytest.fixture
def bench(shift: Shift, children: Nursery, tmp_path: Path) -> Iterator[Bench]:
    shift.set(0)
    (tmp_path / "stills").mkdir()
    with Listening() as receiver:
        yield Bench(tmp_path, children, tmp_path / "stills", receiver)


@pytest.mark.parametrize("jump_s", [DAY_S, -DAY_S], ids=["forwards", "back"])
def test_an_agent_goes_on_when_its_clock_jumps_a_day_and_is_set_right(
    shift: Shift, bench: Bench, faults: FaultTable, jump_s: int
) -> None:
    bench.configure({"callback": {"secret_file": None}})
    with bench.agent() as bounds:
        bench.wait_for_live_still()
        bounds.begin()
        shift.set(jump_s)
        bench.wait_for_live_still()
        pause(FAULT_S)
        shift.set(0)
        alive_s = bench.wait_for_live_still()
        bench.wait_until_drained()
    stats = bench.stats()
    assert sum(stats["dropped"].values()) == stats["dead_letters"] == stats["spool_failed"] == 0, stats
    bench.assert_invariants()
    bench.deliver_the_rest()
    bench.assert_all_delivered()
    now, jump = datetime.now(UTC), timedelta(seconds=jump_s)
    jumped = [each for each in bench.promised() if abs(each.captured_at - now - jump) < NEAR]
    right = [each for each in bench.promised() if abs(each.captured_at - now) < NEAR]
    assert jumped, "the clock did not jump: libfaketime is not at work"
    assert len(jumped) + len(right) == len(bench.promised())
    faults.add(
        f"clock jumps a day {'forwards' if jump_s > 0 else 'back'}, and is set right",
        how="libfaketime in a running agent",
        times=2,
        happened=f"{len(right):,} stills before and after, {len(jumped):,} in between, all delivered; a new one stored "
        f"{alive_s:.2f} s afterwards",
        held=f"conservation, purity, liveness, bounds ({bounds.assert_bounded()})",
    )


def test_stills_that_wait_outlive_a_jump_that_is_shorter_than_their_age_allows(
    shift: Shift, children: Nursery, faults: FaultTable, tmp_path: Path
) -> None:
    """The store is down while the clock jumps a day forwards and comes back: max_age is three days, so nothing goes."""
    with S3Front(refuse("SlowDown", 503)) as front, Listening(secret=WEBHOOK_SECRET) as receiver:
        bench = Bench(tmp_path, children, front, receiver)
        bench.configure()
        shift.set(0)
        with bench.agent():
            bench.wait_for_stats(lambda stats: stats["waiting_store"] >= 10, "stills that wait")
            shift.set(DAY_S)
            bench.wait_for_promises(10)
            pause(FAULT_S)
            shift.set(0)
            bench.wait_for_promises(10)
            waited = bench.stats()["waiting_store"]
            front.heal()
            alive_s = bench.wait_for_live_still()
            bench.wait_until_drained()
        assert sum(bench.stats()["dropped"].values()) == 0
        bench.assert_invariants()
        bench.deliver_the_rest()
        bench.assert_all_delivered()
    faults.add(
        "clock jumps a day during an outage",
        how="libfaketime; the store refuses before, during and after the jump",
        times=2,
        happened=f"{waited:,} stills waited and all were delivered, none dropped; a new one stored {alive_s:.2f} s "
        "after the outage",
        held="conservation, purity, liveness",
    )


def test_faketime_shifts_the_time_of_day_and_no_other_clock(shift: Shift, children: Nursery, tmp_path: Path) -> None:
    """Without this the tests above might pass because nothing jumped."""
    shift.set(DAY_S)
    log = tmp_path / "log"
    began = time.monotonic()
    assert children.run("faults.test_clock:say_clocks", log=log) == 0
    wall, monotonic = map(float, log.read_text().split())
    assert DAY_S - 60 < wall - time.time() < DAY_S + 60
    assert began - 60 < monotonic < time.monotonic() + 60
    shift.set(0)


def say_clocks() -> None:
    os.write(1, f"{time.time()} {time.monotonic()}".encode())
