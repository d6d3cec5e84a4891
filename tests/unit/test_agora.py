"""Agora's API shape: codes, arguments of every kind, a feed that is changed while it runs, threads."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Iterator
from enum import IntEnum
from fractions import Fraction
from numbers import Real
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import stillcast
from stillcast import agora
from stillcast.agora import ContentInspectConfig as Config
from stillcast.agora import ContentInspectModule as Module
from support.agents import GREY, settings
from support.stills import wait_until

SUPERVISE = agora.CONTENT_INSPECT_TYPE_SUPERVISE
MODERATION = agora.CONTENT_INSPECT_TYPE_MODERATION
IMAGE_MODERATION = agora.CONTENT_INSPECT_TYPE_IMAGE_MODERATION
GOOD = Config(modules=[Module(SUPERVISE, 60)])


class Inspection(IntEnum):
    SUPERVISE = 2


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[stillcast.Agent]:
    with stillcast.Agent(settings(tmp_path, callback={"extra_info": "of the settings"})) as running:
        yield running


@pytest.fixture
def rtc(agent: stillcast.Agent) -> agora.RtcEngine:
    rtc = agora.RtcEngine()
    assert rtc.initialize(agent, "lobby", 91) == agora.ERR_OK
    return rtc


def only_line(caplog: pytest.LogCaptureFixture) -> str:
    (record,) = [record for record in caplog.records if record.name == "stillcast.agora"]
    caplog.clear()
    assert record.levelno == logging.ERROR
    assert "\n" not in record.getMessage()
    return record.getMessage()


def running_feeds(agent: stillcast.Agent) -> list[stillcast.Feed]:
    return [feed for feed in agent._collector.feeds() if not feed._closed]


def test_numbers_are_agoras() -> None:
    kinds = (agora.CONTENT_INSPECT_TYPE_INVALID, MODERATION, SUPERVISE, IMAGE_MODERATION)
    assert (*kinds, agora.MAX_CONTENT_INSPECT_MODULE_COUNT) == (0, 1, 2, 3, 32)
    codes = (agora.ERR_OK, agora.ERR_FAILED, agora.ERR_INVALID_ARGUMENT, agora.ERR_NOT_SUPPORTED)
    assert (*codes, agora.ERR_NOT_INITIALIZED) == (0, -1, -2, -4, -7)


def test_nothing_is_inspected_before_the_engine_is_initialised(caplog: pytest.LogCaptureFixture) -> None:
    rtc = agora.RtcEngine()
    for enabled, config in ((True, GOOD), (False, None), ("yes", 3)):
        assert rtc.enable_content_inspect(enabled, config) == -7  # type: ignore[arg-type]
        assert "call initialize(agent, cname, uid) first" in only_line(caplog)
    assert rtc.push_video_frame(GREY) is rtc.wanted is False
    rtc.release()
    assert not caplog.records


def test_true_opens_a_feed_of_the_user_and_false_closes_it(agent: stillcast.Agent, rtc: agora.RtcEngine) -> None:
    told: list[stillcast.Still] = []
    agent.on_still(told.append)
    assert rtc.push_video_frame(GREY) is False
    assert rtc.enable_content_inspect(True, GOOD) == 0
    (feed,) = running_feeds(agent)
    assert feed.facts.extra_info == ""  # not what the agent's settings say
    wait_until(lambda: rtc.wanted)
    wait_until(lambda: rtc.push_video_frame(GREY) or told)
    wait_until(lambda: told)
    assert (told[0].cname, told[0].uid) == ("lobby", "91")
    for _ in range(2):
        assert rtc.enable_content_inspect(False, GOOD) == 0
        assert running_feeds(agent) == []
    assert feed._closed
    assert rtc.push_video_frame(GREY) is rtc.wanted is False
    assert agent.stats().refused["closed"] == 0  # the feed was not asked
    assert rtc.enable_content_inspect(True, GOOD) == 0
    assert len(running_feeds(agent)) == 1


def test_enabling_again_changes_the_running_feed(agent: stillcast.Agent, rtc: agora.RtcEngine) -> None:
    config = Config()
    config.extra_info = "round 1"
    config.module_count = 1
    config.modules = [Module()]
    config.modules[0].type = Inspection.SUPERVISE
    config.modules[0].interval = 3600
    assert rtc.enable_content_inspect(True, config) == 0
    (feed,) = running_feeds(agent)
    config.extra_info, config.modules[0].interval = "round 2", np.float32(0.5)
    assert (feed.facts.extra_info, feed._capture.interval) == ("round 1", 3600)  # a config is not kept
    assert rtc.enable_content_inspect(True, config) == 0
    assert (feed.facts.extra_info, feed._capture.interval) == ("round 2", 0.5)
    assert running_feeds(agent) == [feed]
    assert rtc.enable_content_inspect(True, GOOD) == 0
    assert (feed.facts.extra_info, feed._capture.interval) == ("", 60)


@pytest.mark.parametrize(
    ("config", "code", "texts"),
    [
        (None, -2, ["config: none: is no ContentInspectConfig"]),
        ({"modules": []}, -2, ["config: a table: is no"]),
        (Config(), -2, ["modules: []: is not a list of 1 to 32"]),
        (Config(modules=[Module(SUPERVISE, 60)] * 33), -2, ["modules: [a ContentInspectModule", "is not a list of 1"]),
        (Config(modules="2"), -2, ['modules: "2": is not a list']),  # type: ignore[arg-type]
        (Config(modules=[{"type": 2, "interval": 2}]), -2, ["modules[0]: a table: is no"]),  # type: ignore[list-item]
        (Config(modules=[Module()]), -2, ["modules[0].type: 0: too small: use CONTENT_INSPECT_TYPE_SUPERVISE (2)"]),
        (Config(modules=[Module(4, 60)]), -2, ["modules[0].type: 4: too large"]),
        (Config(modules=[Module(True, 60)]), -2, ["modules[0].type: true: is not a whole number"]),
        (Config(modules=[Module(2.0, 60)]), -2, ["modules[0].type: 2.0: is not"]),  # type: ignore[arg-type]
        (
            Config(modules=[Module(SUPERVISE, 0)]),
            -2,
            ["modules[0].interval: 0: too small: use seconds between 0.05 and"],
        ),
        (Config(modules=[Module(SUPERVISE, -1)]), -2, ["modules[0].interval: -1: too small"]),
        (Config(modules=[Module(SUPERVISE, 86401)]), -2, ["modules[0].interval: 86401: too large"]),
        (Config(modules=[Module(SUPERVISE, float("nan"))]), -2, ["modules[0].interval: nan: not a number"]),
        (Config(modules=[Module(SUPERVISE, None)]), -2, ["modules[0].interval: none"]),  # type: ignore[arg-type]
        (Config(modules=[Module(SUPERVISE, "2")]), -2, ['modules[0].interval: "2"']),  # type: ignore[arg-type]
        (Config("x" * 1025, 1, [Module(SUPERVISE, 60)]), -2, ["extra_info: ", "has 1025 bytes", "use at most 1024"]),
        (Config("é" * 513, 1, [Module(SUPERVISE, 60)]), -2, ["has 1026 bytes"]),
        (Config("\ud800", 1, [Module(SUPERVISE, 60)]), -2, ["extra_info: ", "lone surrogate"]),
        (Config(None, 1, [Module(SUPERVISE, 60)]), -2, ["extra_info: none: is not text"]),  # type: ignore[arg-type]
        (Config("", 2, [Module(SUPERVISE, 60)]), -2, ["module_count: 2: is not the number of modules: use 1"]),
        (Config("", 0, [Module(SUPERVISE, 60)]), -2, ["module_count: 0: too small"]),
        (Config("", True, [Module(SUPERVISE, 60)]), -2, ["module_count: true"]),
        (
            Config(modules=[Module(SUPERVISE, 60), Module(SUPERVISE, 60)]),
            -2,
            ["modules: 2: have SUPERVISE more than once"],
        ),
        (Config(modules=[Module(MODERATION, 60)]), -4, ["modules[0].type: 1: needs a classifier"]),
        (Config(modules=[Module(SUPERVISE, 60), Module(IMAGE_MODERATION, 60)]), -4, ["modules[1].type: 3: needs a"]),
        (Config(modules=[Module(MODERATION, 0)]), -2, ["modules[0].interval: 0"]),
        (Config(modules=[Module(MODERATION, 60), *[Module(SUPERVISE, 60)] * 2]), -2, ["more than once"]),
        (
            Config(7, "x", [Module(9, 0), Module(SUPERVISE, 0), None]),  # type: ignore[arg-type, list-item]
            -2,
            ["[0].type: 9", "[0].interval: 0", "[1].interval: 0", "modules[2]: none", 'count: "x"', "extra_info: 7"],
        ),
    ],
)
def test_a_config_that_is_refused_is_named_in_one_line_and_changes_nothing(
    agent: stillcast.Agent,
    rtc: agora.RtcEngine,
    caplog: pytest.LogCaptureFixture,
    config: Any,
    code: int,
    texts: list[str],
) -> None:
    assert rtc.enable_content_inspect(True, config) == code
    line = only_line(caplog)
    assert line.startswith("enable_content_inspect: ")
    assert line.endswith(f" (code {code})")
    assert [text for text in texts if text not in line] == []
    assert running_feeds(agent) == []
    assert rtc.enable_content_inspect(True, Config("before", 1, [Module(SUPERVISE, 50)])) == 0
    (feed,) = running_feeds(agent)
    assert rtc.enable_content_inspect(True, config) == code
    assert running_feeds(agent) == [feed]
    assert (feed.facts.extra_info, feed._capture.interval) == ("before", 50)


@pytest.mark.parametrize("enabled", [None, 1, 0, "True", np.True_, []])
def test_enabled_is_true_or_false(rtc: agora.RtcEngine, caplog: pytest.LogCaptureFixture, enabled: Any) -> None:
    assert rtc.enable_content_inspect(enabled, GOOD) == -2
    assert "enabled: " in only_line(caplog)


def test_edges_of_what_is_right_are_taken(rtc: agora.RtcEngine) -> None:
    for interval in (0.05, 1, 86400, Fraction(1, 2)):
        for extra_info in ("", "é" * 512, "\0\n\u202e"):
            config = Config(extra_info, np.int64(1), (Module(np.uint8(2), interval),))  # type: ignore[arg-type]
            assert rtc.enable_content_inspect(True, config) == 0


@pytest.mark.parametrize(
    ("changed", "text"),
    [
        ({"agent": None}, "agent: none: is no Agent: give the stillcast.Agent"),
        ({"cname": ""}, 'cname: "": is empty'),
        ({"cname": 5}, "cname: 5: is not text"),
        ({"uid": 0}, "uid: 0: too small: use the user's number in the channel, from 1 to 4294967295"),
        ({"uid": -3}, "uid: -3: too small"),
        ({"uid": 1 << 32}, "uid: 4294967296: too large"),
        ({"uid": True}, "uid: true: is not text"),
        ({"uid": 9.1}, "uid: 9.1: is not text"),
        ({"uid": ""}, 'uid: "": is empty'),
        ({"cname": "", "uid": None}, 'cname: "": is empty: use at least one character; uid: none'),
    ],
)
def test_an_engine_is_initialised_for_a_user_of_an_agent_alone(
    agent: stillcast.Agent, caplog: pytest.LogCaptureFixture, changed: dict[str, Any], text: str
) -> None:
    rtc = agora.RtcEngine()
    assert rtc.initialize(**{"agent": agent, "cname": "lobby", "uid": "91", **changed}) == -2
    line = only_line(caplog)
    assert line.startswith(f"initialize: {text}")
    assert line.endswith(" (code -2)")
    assert rtc.enable_content_inspect(True, GOOD) == -7


def test_an_engine_is_of_one_user_until_it_is_released(
    agent: stillcast.Agent, rtc: agora.RtcEngine, caplog: pytest.LogCaptureFixture
) -> None:
    assert rtc.enable_content_inspect(True, GOOD) == 0
    (feed,) = running_feeds(agent)
    assert rtc.initialize(agent, "lobby", "91") == 0
    for cname, uid in (("lobby", 92), ("other", 91)):
        assert rtc.initialize(agent, cname, uid) == -2
        assert "call release() first" in only_line(caplog)
    assert running_feeds(agent) == [feed]
    rtc.release()
    rtc.release()
    assert running_feeds(agent) == []
    assert rtc.push_video_frame(GREY) is rtc.wanted is False
    assert rtc.enable_content_inspect(True, GOOD) == -7
    assert rtc.initialize(agent, "other", 4294967295) == 0
    assert rtc.enable_content_inspect(True, GOOD) == 0
    assert [(feed.facts.cname, feed.facts.uid) for feed in running_feeds(agent)] == [("other", "4294967295")]


def test_names_too_long_for_an_object_key_are_a_bad_argument(
    agent: stillcast.Agent, caplog: pytest.LogCaptureFixture
) -> None:
    rtc = agora.RtcEngine()
    assert rtc.initialize(agent, "lobby", "x" * 1000) == 0
    assert rtc.enable_content_inspect(True, GOOD) == -2
    assert "use shorter names" in only_line(caplog)


def test_an_agent_that_does_not_run_is_told_and_one_that_was_stopped_too(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    agent, rtc = stillcast.Agent(settings(tmp_path)), agora.RtcEngine()
    assert rtc.initialize(agent, "lobby", "91") == 0
    assert rtc.enable_content_inspect(True, GOOD) == -7
    assert "agent: is not started: call start() first" in only_line(caplog)
    with agent:
        assert rtc.enable_content_inspect(True, GOOD) == 0
        wait_until(lambda: rtc.wanted)
    assert rtc.push_video_frame(GREY) is rtc.wanted is False
    assert rtc.enable_content_inspect(True, GOOD) == -7
    assert "agent: is stopped: make a new Agent" in only_line(caplog)
    assert rtc.enable_content_inspect(False) == 0
    assert rtc.enable_content_inspect(True, GOOD) == -7
    rtc.release()


THINGS: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(-1, 4),
    st.floats(),
    st.floats(0.05, 86400),
    st.complex_numbers(),
    st.decimals(),
    st.fractions(),
    st.text(),
    st.binary(),
    st.just("x" * 1025),
    st.just(10**5000),
    st.just(Fraction(10**400)),
    st.sampled_from(
        [object(), int, Module, MagicMock(), MagicMock(spec=Config), np.int64(2), np.array([2]), {}, set()]
    ),
)
MODULES = st.one_of(
    st.builds(Module, st.just(SUPERVISE), st.floats(0.05, 86400)),
    st.builds(Module, st.integers(1, 3), st.integers(1, 60)),
    st.builds(Module, THINGS, THINGS),
    THINGS,
)
CONFIGS = st.one_of(
    st.builds(Config, st.text(max_size=9), st.sampled_from([None, 1, 2]), st.lists(MODULES, max_size=3)),
    st.builds(Config, THINGS, THINGS, st.one_of(THINGS, st.lists(MODULES, max_size=40))),
    THINGS,
)


def is_whole(value: Any) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def is_good(module: Any) -> bool:
    if type(module) is not Module or not is_whole(module.type) or module.type not in (1, 2, 3):
        return False
    is_number = isinstance(module.interval, Real) and not isinstance(module.interval, bool)
    return is_number and Fraction(1, 20) <= module.interval <= 86400


def expected(enabled: Any, config: Any) -> int:
    """The code by the words of the documentation, read once more."""
    if enabled is False:
        return 0
    modules = getattr(config, "modules", None)
    if enabled is not True or type(config) is not Config or type(modules) is not list or not 1 <= len(modules) <= 32:
        return -2
    counted = config.module_count is None or (is_whole(config.module_count) and config.module_count == len(modules))
    told = type(config.extra_info) is str and len(config.extra_info.encode(errors="ignore")) <= 1024
    if not counted or not told or not all(is_good(module) for module in modules):
        return -2
    kinds = [int(module.type) for module in modules]
    return -2 if kinds.count(2) > 1 else 0 if kinds == [2] else -4


def test_whatever_is_passed_nothing_raises_and_the_code_is_the_documented_one(
    agent: stillcast.Agent, rtc: agora.RtcEngine
) -> None:
    @given(st.one_of(st.just(True), st.booleans(), THINGS), CONFIGS)
    @example(True, GOOD)
    @example(True, Config(modules=[Module(IMAGE_MODERATION, 2)]))
    @example(True, Config(modules=[Module(SUPERVISE, Fraction(10**400))]))  # type: ignore[arg-type]
    def enable(enabled: Any, config: Any) -> None:
        assert rtc.enable_content_inspect(enabled, config) == expected(enabled, config)

    @given(st.one_of(st.just(agent), THINGS), THINGS, THINGS)
    def initialise(some_agent: Any, cname: Any, uid: Any) -> None:
        assert agora.RtcEngine().initialize(some_agent, cname, uid) in (0, -2)

    @given(THINGS)
    def push(thing: Any) -> None:
        assert rtc.push_video_frame(thing) is False

    enable()
    initialise()
    for config in (GOOD, None):
        assert rtc.enable_content_inspect(config is not None, config) == 0
        push()


class Hostile:
    """What raises wherever it is looked at."""

    @property
    def __class__(self) -> Any:
        raise RuntimeError("the host's own mistake")


class Broken(Config):
    @property
    def extra_info(self) -> Any:  # type: ignore[override]
        raise ZeroDivisionError("another\nof them")

    @extra_info.setter
    def extra_info(self, _value: Any) -> None:
        pass


def test_objects_that_raise_by_themselves_are_a_failure_with_its_traceback(
    agent: stillcast.Agent, rtc: agora.RtcEngine, caplog: pytest.LogCaptureFixture
) -> None:
    calls: list[tuple[Any, str]] = [
        (lambda: rtc.enable_content_inspect(True, Broken(modules=GOOD.modules)), "another; of them"),
        (lambda: rtc.enable_content_inspect(True, Hostile()), "mistake"),  # type: ignore[arg-type]
        (lambda: rtc.initialize(Hostile(), "lobby", 91), "mistake"),  # type: ignore[arg-type]
    ]
    for call, text in calls:
        assert call() == -1
        assert caplog.records[-1].exc_info
        assert f"{text} (code -1)" in only_line(caplog)


def test_a_log_handler_of_the_host_that_raises_harms_nothing(rtc: agora.RtcEngine) -> None:
    class Raising(logging.Handler):
        def handle(self, _record: logging.LogRecord) -> bool:
            raise OSError("no log")

    handler, logger = Raising(), logging.getLogger("stillcast.agora")
    logger.addHandler(handler)
    try:
        with pytest.raises(OSError, match="no log"):
            logger.error("as the handler does")
        assert rtc.enable_content_inspect(True) == -2
    finally:
        logger.removeHandler(handler)


def together(count: int, work: Any) -> None:
    """Have threads do the same at the same time; what one raises fails the test."""
    failed: list[BaseException] = []
    begin = threading.Barrier(count)

    def run(number: int) -> None:
        try:
            begin.wait(60)
            work(number)
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []


def test_threads_that_enable_at_once_open_one_feed(
    agent: stillcast.Agent, rtc: agora.RtcEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    codes: list[int] = []
    open_feed = agent.open_feed

    def open_slowly(*names: str, **facts: Any) -> stillcast.Feed:
        time.sleep(0.1)  # the others come meanwhile
        return open_feed(*names, **facts)

    monkeypatch.setattr(agent, "open_feed", open_slowly)
    together(4, lambda _number: codes.append(rtc.enable_content_inspect(True, GOOD)))
    assert codes == [0] * 4
    assert len(running_feeds(agent)) == 1


def test_any_thread_may_call_anything_at_any_time(agent: stillcast.Agent, rtc: agora.RtcEngine) -> None:
    def work(number: int) -> None:
        rng = random.Random(number)
        for step in range(300):
            config = Config(str(step), 1, [Module(SUPERVISE, rng.uniform(0.05, 1))])
            match rng.randrange(6):
                case 0:
                    assert rtc.enable_content_inspect(False) in (0, -7)
                case 1:
                    rtc.release()
                case 2 | 3:
                    assert rtc.initialize(agent, "lobby", rng.randrange(1, 3)) in (0, -2)
                case _:
                    assert rtc.enable_content_inspect(True, config) in (0, -7)
            rtc.push_video_frame(GREY)
            assert rtc.wanted in (True, False)
            assert len(running_feeds(agent)) <= 1

    together(4, work)
    rtc.release()
    assert running_feeds(agent) == []
    assert rtc.initialize(agent, "lobby", 91) == rtc.enable_content_inspect(True, GOOD) == 0
    wait_until(lambda: rtc.push_video_frame(GREY))
