"""What the fault tests share: the table that they fill, the shim, a nursery."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.fault_shim import Shim, shim
from support.fault_table import FaultTable

_TABLE = pytest.StashKey[FaultTable]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_TABLE] = FaultTable()


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    table = config.stash.get(_TABLE, FaultTable())
    if not table.rows:
        return
    terminalreporter.section("faults")
    terminalreporter.write_line(table.markdown())
    if page := os.environ.get("STILLCAST_FAULT_TABLE"):
        table.write_into(Path(page))


@pytest.fixture(scope="session")
def faults(request: pytest.FixtureRequest) -> FaultTable:
    """The table of this run."""
    return request.config.stash[_TABLE]


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shim]:
    """A disk that fails as a test asks, for processes under its environment."""
    with shim(tmp_path_factory.mktemp("shim")) as made:
        yield made
