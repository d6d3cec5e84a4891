"""No test may leave a secret where others see it: a canary in a log, an output, a file or a command line fails it."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from support import canaries

_SAMPLE_S = 0.2


class _CommandLines:
    """Looks at the command lines of this process's children again and again, because many live shortly."""

    def __init__(self) -> None:
        self._hits: list[str] = []
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="canaries", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._ending.set()
        self._thread.join()

    def take_hits(self) -> list[str]:
        hits, self._hits = self._hits, []
        return hits

    def _run(self) -> None:
        while not self._ending.wait(_SAMPLE_S):
            for line in canaries.in_command_lines(os.getpid()):
                if line not in self._hits:
                    self._hits.append(line)


_WATCH = pytest.StashKey[_CommandLines]()


# Machines differ in speed: no test fails because a busy one is slow at making examples.
settings.register_profile("stillcast", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("stillcast")


def pytest_configure(config: pytest.Config) -> None:
    logging.getLogger("stillcast").setLevel(logging.DEBUG)
    config.stash[_WATCH] = _CommandLines()
    config.stash[_WATCH].start()


def pytest_unconfigure(config: pytest.Config) -> None:
    config.stash[_WATCH].stop()


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup() -> Generator[None, object, object]:
    fixture = yield
    if isinstance(fixture, pytest.CaptureFixture):
        read = fixture.readouterr

        def read_and_look() -> object:  # what a test has read is not among the sections of its report
            result = read()
            canaries.refuse(f"{result.out}\n{result.err}", "what the test captured")
            return result

        fixture.readouterr = read_and_look  # type: ignore[method-assign, assignment]
    return fixture


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if call.when == "teardown" and report.outcome != "failed" and (places := list(_places(item, report))):
        report.outcome = "failed"
        report.longrepr = "a canary secret leaked:\n" + "\n".join(f"  {place}" for place in places)
    return report


def _places(item: pytest.Item, report: pytest.TestReport) -> Iterator[str]:
    for name, text in report.sections:
        if around := canaries.found_in(text):
            yield f"{name}: ...{around}..."
    directory = getattr(item, "funcargs", {}).get("tmp_path")
    if isinstance(directory, Path):
        yield from (f"file below tmp_path: {file}" for file in canaries.in_files(directory))
    yield from (f"command line: {line}" for line in item.config.stash[_WATCH].take_hits())
