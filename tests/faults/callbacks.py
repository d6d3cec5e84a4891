"""A callback server that goes through every kind of misery, at a steady rate. ``python -m faults.callbacks --help``.

Collector, spool, delivery and notifier are real, the store is a directory. At the end every still has been announced,
or was a dead letter that ``stillcast spool retry`` then announced. Ends with a report, or with what did not hold.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import select
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stillcast.config import AgentConfig
from stillcast.spool import Spool
from support import callback_server as server_talks
from support.callback_server import CallbackServer, Talk
from support.cli import environment
from support.fault_invariants import Usage, usage
from support.fault_load import Load, load, real_stills

_MEBIBYTE = 1 << 20
_STILLS = 30
_GROWTH_MAX = 64 * _MEBIBYTE
_SOCKETS_MAX = 64
_RATE_SHARE_MIN = 0.9
_TIMEOUT_S = 5.0
_SLACK_S = 0.5  # for this machine, which measures on the server's side
_LOOK_S = 0.1


@dataclass
class Phase:
    """What the server does for a while, and what was seen meanwhile."""

    name: str
    seconds: float
    talk: Talk
    stored: int = 0
    announced: int = 0
    lasted: float = 0.0
    longest_s: float = 0.0
    uses: list[Usage] = field(default_factory=list)

    @property
    def rate(self) -> float:
        return self.stored / self.lasted


class Ledger(list[Any]):
    """Takes a server's requests, and keeps of each only what it announced: 100,000 whole ones would hide our memory."""

    def __init__(self) -> None:
        super().__init__()
        self.requests: dict[str, set[str]] = {}

    def append(self, request: Any) -> None:
        body = json.loads(request.body)
        self.requests.setdefault(body["object"], set()).add(body["requestId"])


class MoodyServer:
    """A callback server whose mood a phase sets; measures how long each attempt kept its connection waiting."""

    def __init__(self) -> None:
        self.talk: Talk = server_talks.answer()
        self.longest_s = 0.0
        self.attempts = 0

    async def __call__(self, writer: asyncio.StreamWriter) -> None:
        began = time.monotonic()
        self.attempts += 1
        talking = asyncio.ensure_future(self.talk(writer))
        hung_up = select.poll()  # asked of the kernel: a stream that nobody reads notices no end
        hung_up.register(writer.get_extra_info("socket").fileno(), select.POLLRDHUP)
        try:
            while not talking.done() and not hung_up.poll(0):
                await asyncio.wait({talking}, timeout=0.02)
            if not talking.done():
                writer.transport.abort()
        finally:
            talking.cancel()
            self.longest_s = max(self.longest_s, time.monotonic() - began)


def main(arguments: Sequence[str] | None = None) -> None:
    options = _options(arguments)
    mood, ledger = MoodyServer(), Ledger()
    with (
        tempfile.TemporaryDirectory(prefix="stillcast-callbacks-", dir=options.dir) as name,
        CallbackServer(mood) as server,
    ):
        server.requests = ledger
        settings = _settings(Path(name), server.url, options)
        phases = _phases(options)
        with load(AgentConfig.load(settings), real_stills(_STILLS, quality=40), options.rate) as work:
            for phase in phases:
                _run(phase, work, mood)
            work.stop_capture()
            _wait_for(lambda: _is_settled(work), "stored, and announced or dead", options.patience)
            stats = work.delivery.stats()
        dead = stats.dead_letters
        if dead:
            _retry(settings)
        _check(ledger.requests, work, Path(name))
        _report(options, phases, work, stats, mood, dead=dead)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=float, default=50.0, help="stills a second")
    parser.add_argument("--dead", type=float, default=600.0, help="seconds of silence and of refused connections")
    parser.add_argument("--phase", type=float, default=60.0, help="seconds of each other phase")
    parser.add_argument("--profile", choices=["immediate", "standard"], default="immediate")
    parser.add_argument("--patience", type=float, default=300.0, help="seconds for the backlog after the end")
    parser.add_argument("--dir", default=None, help="where files are made; they are removed")
    return parser.parse_args(arguments)


def _phases(options: argparse.Namespace) -> list[Phase]:
    answer = server_talks.answer
    whole = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
    return [
        Phase("healthy before", options.phase, answer()),
        Phase("dead: silent", options.dead / 2, server_talks.silence),
        Phase("dead: reset", options.dead / 2, server_talks.reset),
        Phase("drips a byte a second", options.phase, server_talks.drip(whole, 1.0)),
        Phase("redirects", options.phase, answer(307, b"", "Location: http://127.0.0.1:9/elsewhere")),
        Phase("200 with HTML", options.phase, answer(200, b"<html>welcome</html>", "Content-Type: text/html")),
        Phase("healed", options.phase, answer()),
    ]


def _settings(directory: Path, url: str, options: argparse.Namespace) -> Path:
    file = directory / "stillcast.toml"
    sections = {
        "storage": {"url": (directory / "stills").as_uri()},
        "callback": {"url": url, "profile": options.profile, "timeout": _TIMEOUT_S},
        "spool": {"path": str(directory / "spool"), "max_bytes": "20GiB"},
    }
    lines = [f"[{name}]\n" + "\n".join(f"{key} = {json.dumps(value)}" for key, value in section.items())
             for name, section in sections.items()]  # fmt: skip
    file.write_text("\n\n".join(lines) + "\n")
    return file


def _run(phase: Phase, work: Load, mood: MoodyServer) -> None:
    before = work.delivery.stats()
    mood.talk, mood.longest_s = phase.talk, 0.0
    began = time.monotonic()
    while (lasted := time.monotonic() - began) < phase.seconds:
        phase.uses.append(usage(os.getpid()))
        time.sleep(_LOOK_S)
    after = work.delivery.stats()
    phase.lasted, phase.longest_s = lasted, mood.longest_s
    phase.stored, phase.announced = after.stored - before.stored, after.announced - before.announced


def _is_settled(work: Load) -> bool:
    stats = work.delivery.stats()
    return stats.waiting_store == stats.waiting_announce == 0


def _wait_for(condition: Callable[[], bool], what: str, patience_s: float) -> None:
    end = time.monotonic() + patience_s
    while not condition():
        assert time.monotonic() < end, f"not within {patience_s:.0f} s: {what}"
        time.sleep(_LOOK_S)


def _retry(settings: Path) -> None:
    """Replay the dead letters as an operator does."""
    done = subprocess.run(
        [sys.executable, "-m", "stillcast.cli", "spool", "retry", "--all", "-c", str(settings)],
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def _check(requests: dict[str, set[str]], work: Load, directory: Path) -> None:
    stored = {str(path.relative_to(directory / "stills")) for path in (directory / "stills").rglob("*.jpg")}
    assert stored == work.promised.keys(), f"stored {len(stored)}, spooled {len(work.promised)}"
    assert max(map(len, requests.values())) == 1, "a still was announced under two requestIds"
    assert requests.keys() == stored, f"{len(stored - requests.keys())} stills were never announced"
    with Spool.of(AgentConfig.load(directory / "stillcast.toml").spool) as spool:
        assert {state: count for state, count in spool.counts().items() if count} == {}, spool.counts()


def _report(
    options: argparse.Namespace,
    phases: list[Phase],
    work: Load,
    stats: object,
    mood: MoodyServer,
    *,
    dead: int,
) -> None:
    first = phases[0]
    uses = [use for phase in phases for use in phase.uses]
    base = max(use.rss for use in first.uses)
    grown = max(use.rss for use in uses) - base
    sockets = max(use.sockets for use in uses)
    longest = max(phase.longest_s for phase in phases)
    print(f"{len(work.promised):,} stills at {options.rate:g}/s, profile {options.profile}")
    print(f"{'phase':24} {'s':>6} {'stored/s':>9} {'announced':>10} {'longest s':>10} {'MiB':>6} {'sockets':>8}")
    for phase in phases:
        use = max(phase.uses, key=lambda each: each.rss)
        row = f"{phase.name:24} {phase.lasted:6.0f} {phase.rate:9.1f} {phase.announced:10,} {phase.longest_s:10.2f}"
        print(f"{row} {use.rss / _MEBIBYTE:6.0f} {max(each.sockets for each in phase.uses):8}")
    print(f"attempts {mood.attempts:,}; dead letters {dead:,}, announced by `spool retry`")
    print(
        f"memory +{grown / _MEBIBYTE:.1f} MiB after the first phase; the programme's own record of all stills is in it"
    )
    print(stats)
    assert min(phase.rate for phase in phases) >= _RATE_SHARE_MIN * first.rate, "storing was slowed"
    assert longest <= _TIMEOUT_S + _SLACK_S, f"an attempt took {longest:.2f} s"
    assert sockets <= _SOCKETS_MAX, f"{sockets} sockets"
    assert grown <= _GROWTH_MAX, f"memory grew by {grown} bytes"


if __name__ == "__main__":
    main()
