"""Log lines of the delivery: bad news at most once a minute a topic, and good news once for each of them."""

from __future__ import annotations

import logging

import pytest

from stillcast.delivery.notices import Notices


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    said = [record.getMessage() for record in caplog.records]
    caplog.clear()
    return said


def test_bad_news_comes_once_a_minute_with_the_number_of_those_left_out(caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock()
    notices = Notices(clock)
    for clock.now in (0.0, 1.0, 59.9):
        notices.warn("store", "down")
    assert lines(caplog) == ["down"]
    clock.now = 60.0
    notices.warn("store", "still down")
    assert lines(caplog) == ["still down (2 more like it since the last line)"]


def test_the_end_of_a_long_outage_is_told_and_flapping_is_not(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    clock = Clock()
    notices = Notices(clock)
    for clock.now in range(600):
        notices.warn("store", "down")
    notices.calm(("store", "parked"), "up")
    assert lines(caplog)[-1] == "up"
    for clock.now in range(600, 620):
        notices.warn("store", "down")
        notices.calm(("store", "parked"), "up")
    assert len(lines(caplog)) <= 2


def test_no_good_news_without_bad_news(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    Notices(Clock()).calm(("store",), "up")
    assert lines(caplog) == []
