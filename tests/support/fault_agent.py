"""An agent in a process of its own, between a store, a network and a receiver that a test breaks."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from stillcast.agent import Agent
from stillcast.config import AgentConfig
from stillcast.receiver import ReceivedStill, Receiver
from stillcast.spool import Spool, SpoolEntry
from support.fault_invariants import (
    LIVENESS_S,
    Bounds,
    Objects,
    Promise,
    assert_announced,
    assert_conserved,
    assert_pure,
    objects_of,
    promises,
    wait_for_live_still,
)
from support.fault_nursery import Nursery
from support.s3_front import S3Front
from support.s3_settings import Changes, section_text
from support.servers import S3Server
from support.stills import WEBHOOK_SECRET, wait_until

PRELOADED = ("support.spooling_agent", "stillcast.storage.s3", "stillcast.callbacks", "aiohttp")
_TARGET = "support.spooling_agent:main"
_DRAIN_S = 300.0  # what an outage left; how fast that goes is the machine's affair, unlike a live still


class Listening(Receiver):
    """A receiver that remembers every callback: the plain one forgets all but the last 10,000."""

    def __init__(self, *, secret: str | None = None) -> None:
        self.heard: list[ReceivedStill] = []
        super().__init__(secret=secret, on_still=self.heard.append)


class Store(Protocol):
    """A store that says how it is reached."""

    def settings(self, **changed: object) -> dict[str, object]:
        """Its ``[storage]`` section."""


@dataclass
class Bench:
    """Settings of an agent, the process that runs it, and what its promises came to.

    Attributes:
        directory: takes settings, spool, log and promises.
        children: where agents are born.
        store: where stills end; a directory is one too.
        receiver: is told of each.
    """

    directory: Path
    children: Nursery
    store: S3Front | S3Server | Path
    receiver: Listening
    prefix: str = "faults"
    pid: int = 0
    env: Mapping[str, str] = field(default_factory=dict)

    @property
    def settings(self) -> Path:
        return self.directory / "stillcast.toml"

    @property
    def promises_file(self) -> Path:
        return self.directory / "promises"

    @property
    def spool(self) -> Path:
        return self.directory / "spool"

    @property
    def log(self) -> Path:
        return self.directory / "agent.log"

    def configure(self, changes: Changes | None = None) -> None:
        """Write the settings; keys of ``changes`` differ from the usual ones."""
        (self.directory / "webhook-secret").write_text(WEBHOOK_SECRET + "\n")
        (self.directory / "webhook-secret").chmod(0o600)
        url = {"url": self.store.as_uri()} if isinstance(self.store, Path) else self.store.settings()
        secret = str(self.directory / "webhook-secret")
        sections: dict[str, dict[str, object]] = {
            "capture": {"interval": 0.1, "max_size": [160, 90]},
            "storage": {**url, "prefix": [self.prefix]},
            "callback": {"url": self.receiver.url, "extended": True, "secret_file": secret},
            "spool": {"path": str(self.spool)},
        }
        for name, section in (changes or {}).items():
            sections.setdefault(name, {}).update(section)
        self.settings.write_text("".join(section_text(name, values) for name, values in sections.items()))

    @contextmanager
    def agent(self) -> Iterator[Bounds]:
        """Run an agent; stopped cleanly at the end, and watched meanwhile."""
        self.start()
        try:
            with Bounds(self.pid) as bounds:
                yield bounds
        except BaseException:
            self.kill()
            raise
        self.stop()

    def start(self) -> None:
        self.pid = self.children.start(_TARGET, self.settings, self.promises_file, log=self.log)

    def kill(self) -> None:
        self.children.kill(self.pid)

    def stop(self) -> None:
        os.kill(self.pid, signal.SIGTERM)
        assert self.children.wait(self.pid) == 0, self.log.read_text()

    def promised(self) -> list[Promise]:
        return promises(self.promises_file)

    def objects(self) -> Objects:
        return objects_of(self.store, self.prefix)

    def waiting(self) -> list[SpoolEntry]:
        """What the spool holds, seen from outside."""
        ready = self.spool / "ready"
        return list(Spool(self.spool, max_bytes=1 << 30, max_age_s=1e9).ls()) if ready.is_dir() else []

    def stats(self) -> dict[str, Any]:
        """What the agent said of itself last."""
        found: dict[str, Any] = json.loads(Path(f"{self.promises_file}.stats").read_text())
        return found

    def wait_for_promises(self, count: int) -> None:
        """Wait until so many more stills were promised."""
        target = len(self.promised()) + count
        wait_until(lambda: self.is_alive() and len(self.promised()) >= target, f"{count} more spooled stills")

    def is_alive(self) -> bool:
        """True; AssertionError with its log if the agent has ended by itself."""
        state = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()[0]
        assert state != "Z", self.log.read_text()
        return True

    def wait_for_stats(
        self, condition: Callable[[dict[str, Any]], object], what: str, patience_s: float = 30.0
    ) -> dict[str, Any]:
        """Wait until the agent says so of itself."""
        path = Path(f"{self.promises_file}.stats")
        wait_until(lambda: self.is_alive() and path.exists() and condition(self.stats()), what, patience_s)
        return self.stats()

    def wait_for_live_still(self) -> float:
        """Liveness; gives the seconds that it took."""
        return wait_for_live_still(self.promises_file, self.store, self.prefix)

    def wait_until_drained(self) -> dict[str, Any]:
        """Wait until next to nothing waits although stills go on coming."""
        few = 8
        return self.wait_for_stats(
            lambda stats: stats["waiting_store"] + stats["waiting_announce"] < few, "an empty spool", _DRAIN_S
        )

    def deliver_the_rest(self) -> None:
        """Start once more as the host would, let everything out, and leave the spool empty."""
        with Agent(AgentConfig.load(self.settings)) as agent:
            assert agent.flush(_DRAIN_S), agent.stats()
            stats = agent.stats()
        assert sum(stats.dropped.values()) == stats.quarantined == stats.dead_letters == 0
        assert self.waiting() == []

    def assert_invariants(self, *, dropped: int = 0) -> None:
        """Conservation and purity, at any time while no agent runs."""
        objects = self.objects()
        assert_pure(objects)
        assert_conserved(self.promised(), objects, self.waiting(), dropped=dropped)

    def assert_all_delivered(self, *, dropped: int = 0) -> None:
        """Everything promised is stored and announced, each once, but for what was dropped and counted."""
        objects = self.objects()
        assert_pure(objects)
        assert_conserved(self.promised(), objects, dropped=dropped)
        assert self.receiver.problems == []
        assert_announced(self.receiver.heard, objects, dropped=dropped)


def pause(seconds: float) -> None:
    """Let a fault last; nothing is waited for."""
    time.sleep(seconds)


__all__ = ["LIVENESS_S", "PRELOADED", "Bench", "Listening", "pause"]
