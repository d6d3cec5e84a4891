"""What several files of unit tests take."""

from __future__ import annotations

import pytest


@pytest.fixture(params=["boto3", "obstore"])
def engine(request: pytest.FixtureRequest) -> str:
    """Each engine that speaks to a bucket."""
    return str(request.param)
