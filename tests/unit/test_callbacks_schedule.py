"""The profile ``standard``: one attempt at a time, over three days, and an end when the server says so."""

from __future__ import annotations

import asyncio
from random import Random

import pytest

from stillcast.callbacks import CallbackFailure, Notifier
from stillcast.callbacks.schedule import STANDARD_S, wait_s
from support.callback_server import CallbackServer, answer
from support.stills import callback_config

URL = "https://example.com/stills"


class Middle(Random):
    def uniform(self, a: float, b: float) -> float:
        return (a + b) / 2


def failed(reason: str) -> CallbackFailure:
    return CallbackFailure("callback.url: ...", (reason,))


def waits(notifier: Notifier, reason: str = "status 500") -> list[float]:
    found = []
    while (wait := notifier.retry_in_s(failed(reason), len(found) + 1)) is not None:
        found.append(wait)
    return found


def test_the_waits_are_those_of_the_standard_and_there_are_ten_attempts() -> None:
    notifier = Notifier(callback_config(URL, profile="standard"), random=Middle())
    hours = [5 / 3600, 5 / 60, 0.5, 2, 5, 10, 14, 20, 24]
    assert [wait / 3600 for wait in waits(notifier)] == pytest.approx(hours)


def test_the_jitter_is_a_tenth_to_either_side() -> None:
    random = Random(5)
    for attempts, middle in enumerate(STANDARD_S, start=1):
        drawn = [wait_s(attempts, random) or 0.0 for _ in range(500)]
        assert middle * 0.9 <= min(drawn) < middle * 0.91
        assert middle * 1.09 < max(drawn) <= middle * 1.1


def test_a_server_that_is_gone_gets_no_more_attempts() -> None:
    notifier = Notifier(callback_config(URL, profile="standard"))
    assert notifier.retry_in_s(failed("status 410"), 1) is None
    assert notifier.retry_in_s(failed("status 404"), 1) is not None


def test_the_profile_immediate_puts_nothing_off() -> None:
    assert Notifier(callback_config(URL)).retry_in_s(failed("status 500"), 1) is None


@pytest.mark.parametrize(("profile", "posts"), [("immediate", 3), ("standard", 1)])
def test_a_callback_that_fails_is_posted_as_often_as_its_profile_says(profile: str, posts: int) -> None:
    async def run(url: str) -> None:
        notifier = Notifier(callback_config(url, profile=profile))
        await notifier.start()
        try:
            await notifier.notify(b"{}", "request-1")
        finally:
            await notifier.close()

    with CallbackServer(answer(500)) as server:
        with pytest.raises(CallbackFailure):
            asyncio.run(run(server.url))
        assert len(server.requests) == posts
