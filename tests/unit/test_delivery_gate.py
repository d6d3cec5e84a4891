"""The gate and its limit on their own: when they close, how far, and whose word counts."""

from __future__ import annotations

from random import Random

import pytest

from stillcast.backoff import Backoff
from stillcast.delivery.gate import Blame, Closure, Gate
from stillcast.delivery.limit import Limit

DOWN = Blame("down")
DENIED = Blame("denied", parks=True)
BUSY = Blame("busy", throttled=True)


class Longest(Random):
    def uniform(self, a: float, b: float) -> float:
        return b


def make_gate(limit: int = 8, **settings: object) -> tuple[Gate, list[str]]:
    told: list[str] = []
    backoff = Backoff(base_s=1.0, cap_s=4.0, random=Longest())
    return Gate(Limit(limit), backoff, lambda change, _reason: told.append(change), **settings), told  # type: ignore[arg-type]


@pytest.mark.parametrize(("most", "down"), [(8, [4, 2, 1]), (5, [2, 1]), (1, [])])
def test_a_limit_halves_down_to_one_and_says_when_it_cannot(most: int, down: list[int]) -> None:
    limit = Limit(most)
    for expected in down:
        assert limit.halve()
        assert limit.now == expected
    assert not limit.halve()
    assert limit.now == 1


def test_a_limit_grows_by_one_after_as_many_successes_as_it_allows_at_a_time() -> None:
    limit = Limit(4)
    while limit.halve():
        pass
    seen = []
    for _ in range(12):
        limit.succeeded()
        seen.append(limit.now)
    assert seen == [2, 2, 3, 3, 3, 4, 4, 4, 4, 4, 4, 4]


def test_half_a_round_of_successes_before_a_slow_down_is_forgotten() -> None:
    limit = Limit(4)
    limit.halve()
    limit.succeeded()
    limit.halve()
    limit.succeeded()
    assert limit.now == 2  # a round of one, not what was left of a round of two


def test_answers_of_one_round_halve_once() -> None:
    gate, told = make_gate()
    tickets = [gate.enter(0.0) for _ in range(8)]
    for ticket in tickets:
        gate.failed(ticket, 0.0, BUSY)
    assert (gate.limit, told) == (4, ["slowed"])
    gate.failed(gate.enter(1.0), 1.0, BUSY)
    assert (gate.limit, told) == (2, ["slowed", "slowed"])


def test_an_open_gate_has_room_up_to_its_limit() -> None:
    gate, _ = make_gate(2)
    assert [gate.has_room(in_flight, 0.0) for in_flight in (0, 1, 2)] == [True, True, False]
    gate.failed(gate.enter(0.0), 0.0, BUSY)
    assert [gate.has_room(in_flight, 0.0) for in_flight in (0, 1)] == [True, False]
    assert gate.closure is None


def test_a_slow_down_at_one_closes_with_back_off() -> None:
    gate, told = make_gate(1)
    gate.failed(gate.enter(0.0), 0.0, BUSY)
    assert told == ["closed"]
    assert [gate.has_room(0, now) for now in (0.0, 0.99, 1.0)] == [False, False, True]


def test_a_closed_gate_lets_one_probe_in_at_a_time_and_waits_longer_after_each() -> None:
    gate, _ = make_gate()
    gate.failed(gate.enter(0.0), 0.0, DOWN)
    now = 0.0
    for wait in (1.0, 2.0, 4.0, 4.0):
        assert not gate.has_room(0, now + wait - 0.01)
        now += wait
        assert gate.has_room(0, now)
        ticket = gate.enter(now)
        assert not gate.has_room(1, now + 1e6)
        gate.failed(ticket, now, DOWN)


def test_an_undecided_probe_lets_the_next_one_start_at_once() -> None:
    gate, _ = make_gate()
    gate.failed(gate.enter(0.0), 0.0, DOWN)
    gate.undecided(gate.enter(1.0))
    assert gate.has_room(0, 1.0)


def test_a_probe_that_succeeds_opens_and_the_next_wait_is_short_again() -> None:
    gate, told = make_gate()
    for now in (0.0, 1.0, 3.0):
        gate.failed(gate.enter(now), now, DOWN)
    gate.accepted(gate.enter(7.0))
    assert gate.closure is None
    assert told[-1] == "opened"
    gate.failed(gate.enter(8.0), 8.0, DOWN)
    assert gate.probe_at == 9.0


def test_an_attempt_from_before_the_change_has_no_say() -> None:
    gate, _ = make_gate()
    early = [gate.enter(0.0) for _ in range(3)]
    gate.failed(early[0], 0.0, DOWN)
    gate.accepted(early[1])
    assert gate.closure is not None
    gate.failed(early[2], 0.0, DOWN)
    assert gate.probe_at == 1.0


def test_an_overdue_probe_holds_the_next_one_up_no_longer_and_has_no_say_any_more() -> None:
    gate, told = make_gate(overdue_s=10.0)
    gate.failed(gate.enter(0.0), 0.0, DOWN)
    hangs = gate.enter(1.0)
    assert [gate.has_room(1, now) for now in (1.0, 10.9, 11.0)] == [False, False, True]
    second = gate.enter(11.0)
    gate.failed(hangs, 11.5, DOWN)
    gate.accepted(second)
    assert gate.closure is None
    assert told == ["closed", "opened"]


def test_probes_that_hang_are_never_more_than_the_workers() -> None:
    gate, _ = make_gate(2, overdue_s=10.0)
    gate.failed(gate.enter(0.0), 0.0, DOWN)
    assert not gate.has_room(2, 1e6)


def test_a_patient_gate_closes_after_so_many_failures_without_a_success_between() -> None:
    gate, told = make_gate(patience=3)
    for blame in (DOWN, DOWN, None, DOWN, DOWN):
        ticket = gate.enter(0.0)
        gate.accepted(ticket) if blame is None else gate.failed(ticket, 0.0, blame)
    assert told == []
    gate.failed(gate.enter(0.0), 0.0, DOWN)
    assert told == ["closed"]
    gate.failed(gate.enter(1.0), 1.0, DOWN)  # one failed probe is enough to wait on
    assert gate.probe_at == 3.0


def test_what_was_parked_stays_so_with_its_reason_and_time_until_it_opens() -> None:
    gate, told = make_gate()
    for now, blame in enumerate((DOWN, DENIED, DOWN, DENIED)):
        gate.failed(gate.enter(now), now, blame)
    assert gate.closure == Closure("denied", True, 1)
    assert told == ["closed", "parked", "closed", "parked"]
    gate.accepted(gate.enter(9.0))
    assert gate.closure is None


def test_hurry_lets_the_next_probe_start_at_once() -> None:
    gate, _ = make_gate()
    gate.failed(gate.enter(0.0), 0.0, DOWN)
    gate.hurry()
    assert gate.has_room(0, 0.0)
