"""Agents for functional tests, and a host for them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Self

import numpy as np

import stillcast

GREY = stillcast.Frame.from_array(np.full((144, 256), 90, np.uint8), "GRAY8")


def settings(tmp_path: Path, **sections: dict[str, object]) -> stillcast.AgentConfig:
    """Settings of an agent below ``tmp_path``, stills in a directory, ten a second; sections add to them."""
    given: dict[str, dict[str, object]] = {
        "capture": {"interval": 0.1},
        "storage": {"url": (tmp_path / "stills").as_uri()},
        "spool": {"path": str(tmp_path / "spool"), "allow_tmpfs": True},
    }
    for name, values in sections.items():
        given[name] = {**given.get(name, {}), **values}
    return stillcast.AgentConfig.load(**given)


def stored(tmp_path: Path) -> set[str]:
    """Object keys of the stills that an agent with ``settings(tmp_path)`` stored."""
    root = tmp_path / "stills"
    return {path.relative_to(root).as_posix() for path in root.rglob("*.jpg")}


Push = Callable[[stillcast.Frame], bool]


class Host:
    """Pushes a frame every 5 ms to feeds, or to functions that take frames, as a streaming host does."""

    def __init__(
        self, *feeds: stillcast.Feed | Callable[[stillcast.Frame], bool], frame: stillcast.Frame = GREY
    ) -> None:
        self.frame = frame
        self._pushes = [feed.push if isinstance(feed, stillcast.Feed) else feed for feed in feeds]
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._over.wait(0.005):
            for push in self._pushes:
                push(self.frame)
