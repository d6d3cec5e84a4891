"""What the tests of the settings share: an environment without settings, and the problems of a load."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from stillcast.config import AgentConfig, CallbackConfig, CaptureConfig, SpoolConfig, StorageConfig
from stillcast.errors import ConfigError

SECTIONS = {"capture": CaptureConfig, "storage": StorageConfig, "callback": CallbackConfig, "spool": SpoolConfig}
SOURCE = {"url": "rtmp://127.0.0.1/live/lobby", "cname": "lobby", "uid": "91"}


def clear_environment(monkeypatch: pytest.MonkeyPatch, *, home: Path) -> None:
    for name in list(os.environ):
        if name.startswith(("STILLCAST_", "XDG_", "CREDENTIALS_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(home))


def problems_of(path: object = None, **overrides: object) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as caught:
        AgentConfig.load(path, **overrides)
    assert str(caught.value) == "\n".join(caught.value.problems)
    return caught.value.problems


def only_problem_of(path: object = None, **overrides: object) -> str:
    (problem,) = problems_of(path, **overrides)
    return problem


def write_secret(path: Path, secret: str | bytes, mode: int = 0o600) -> Path:
    """Write a file with a secret, readable as its owner would make it."""
    path.write_bytes(secret if isinstance(secret, bytes) else secret.encode())
    path.chmod(mode)
    return path
