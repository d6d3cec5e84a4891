"""An agent that runs, for the tests of this directory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import stillcast
from support.agents import settings


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[stillcast.Agent]:
    with stillcast.Agent(settings(tmp_path)) as running:
        yield running
