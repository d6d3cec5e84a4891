"""The own back-off of items that failed."""

from __future__ import annotations

from stillcast.delivery.retries import Retries
from support.fakes import Longest


def test_an_item_waits_longer_each_time_and_is_tried_once_at_a_time() -> None:
    retries = Retries(4, Longest())
    retries.failed("a", 0.0)
    assert (retries.take_due(0.4), retries.take_due(0.5), retries.take_due(9.0)) == (None, "a", None)
    retries.failed("a", 1.0)
    assert (retries.take_due(1.9), retries.take_due(2.0)) == (None, "a")


def test_a_destination_that_comes_back_excuses_each_item_once() -> None:
    retries = Retries(4, Longest())
    for name in ("a", "b"):
        for _ in range(8):
            retries.failed(name, 0.0)
    retries.excuse(1.0)
    assert {retries.take_due(1.0), retries.take_due(1.0)} == {"a", "b"}
    retries.forget("b")
    retries.failed("a", 1.0)
    retries.excuse(2.0)
    assert retries.take_due(2.0) is None
    assert retries.take_due(61.0) == "a"


def test_an_item_under_way_is_not_excused_into_a_second_attempt() -> None:
    retries = Retries(4, Longest())
    retries.failed("a", 0.0)
    assert retries.take_due(1.0) == "a"
    retries.excuse(1.0)
    assert retries.take_due(99.0) is None


def test_where_too_many_failed_the_one_that_would_wait_longest_is_forgotten() -> None:
    retries = Retries(2, Longest())
    for name, times in (("a", 1), ("b", 5), ("c", 1)):
        for _ in range(times):
            retries.failed(name, 0.0)
    assert retries.names() == {"a", "c"}
