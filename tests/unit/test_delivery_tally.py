"""What is counted stays bounded, whatever a store answers."""

from __future__ import annotations

from stillcast.delivery.tally import Tally


def test_a_store_that_invents_an_error_code_for_each_answer_fills_no_memory() -> None:
    tally = Tally(None)
    tally.store_failed("SlowDown")
    for number in range(1000):
        tally.store_failed(f"Code{number}")
    tally.store_failed("SlowDown")
    counts = tally.counts().store_failures
    assert counts["SlowDown"] == 2
    assert counts.total() == 1002
    assert len(counts) == 65
    assert counts["other"] == 1000 - 63
