"""SIGKILL of a whole agent at random instants, while its store and its network misbehave."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from support import s3_faults as faulty
from support.fault_agent import PRELOADED, Bench, Listening
from support.fault_nursery import Nursery, nursery
from support.fault_table import FaultTable, scaled
from support.s3_front import Behaviour, S3Front
from support.stills import WEBHOOK_SECRET

KILLS = scaled(20, 200)
# Every behaviour that may leave a still half delivered.
BEHAVIOURS: tuple[Behaviour, ...] = (
    faulty.good,
    faulty.sometimes(0.3, faulty.reset_after_storing),
    faulty.sometimes(0.3, faulty.reset),
    faulty.refuse("SlowDown", 503),
    faulty.stall(0.05, faulty.good),
    faulty.answer_late_after_storing(0.1),
    faulty.refuse("AccessDenied", 403),
)


@pytest.fixture(scope="module")
def children() -> Iterator[Nursery]:
    with nursery(*PRELOADED) as made:
        yield made


def test_agents_killed_at_random_lose_nothing_and_double_nothing(
    children: Nursery, faults: FaultTable, tmp_path: Path
) -> None:
    random = Random(4)
    with S3Front() as front, Listening(secret=WEBHOOK_SECRET) as receiver:
        bench = Bench(tmp_path, children, front, receiver)
        bench.configure()
        before = children.kills
        for _ in range(KILLS):
            front.behave(random.choice(BEHAVIOURS))
            bench.start()
            bench.wait_for_promises(random.randint(1, 12))
            time.sleep(random.uniform(0.0, 0.05))  # not to wait for anything: to kill anywhere between two stills
            bench.kill()
        bench.assert_invariants()
        waited = len(bench.waiting())
        front.heal()
        bench.deliver_the_rest()
        bench.assert_all_delivered()
        assert children.kills - before == KILLS
        again = sum(kept.writes - 1 for kept in front.objects.values())
        faults.add(
            "SIGKILL of the whole agent at random",
            how=f"kill -9 within 50 ms after 1 to 12 stills, {len(BEHAVIOURS)} behaviours of the S3 front in turn",
            times=KILLS,
            happened=f"{len(bench.promised()):,} promised, all stored and announced ({waited:,} of them by the last "
            f"start; {again:,} uploads and {receiver.duplicates:,} callbacks came twice); 0 lost, 0 doubled",
            held="conservation, purity, one requestId each",
        )
