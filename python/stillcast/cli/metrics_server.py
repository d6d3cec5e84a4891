"""``/metrics`` and ``/healthz`` of ``stillcast run``."""

from __future__ import annotations

import asyncio
import re
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from typing import Final, Self

from aiohttp import web

from stillcast.agent import Agent, AgentStats
from stillcast.errors import ConfigError, StillcastError
from stillcast.metrics import CONTENT_TYPE, Health, exposition, health

_LOOPBACK: Final = "127.0.0.1"
_PLACE: Final = re.compile(r"(?:(?P<host>[^\s/:\[\]]+|\[[0-9A-Fa-f:.]+\])?:)?(?P<port>[0-9]{1,5})")
_PORT_MAX: Final = 65535
_WINDOW_S: Final = 600.0
_STEP_S: Final = 30.0
_CLOSE_S: Final = 1.0


def parse_place(text: str) -> tuple[str, int]:
    """Read ``HOST:PORT``, ``[IPV6]:PORT``, ``:PORT`` or ``PORT``; without a host it is loopback.

    Raises:
        ConfigError: it is none of these.
    """
    match = _PLACE.fullmatch(text)
    if match is None or int(match["port"]) > _PORT_MAX:
        raise ConfigError(f"--metrics: {text}: is no HOST:PORT: use one as 127.0.0.1:9100, or :9100 for this machine")
    return (match["host"] or _LOOPBACK).strip("[]"), int(match["port"])


class HealthWatch:
    """Judges an agent by its state now and by what it counted within the last ten minutes. Used by one thread."""

    def __init__(self, read: Callable[[], AgentStats], clock: Callable[[], float] = time.monotonic) -> None:
        """Begin to watch.

        Args:
            read: gives the agent's figures.
            clock: seconds, from any origin.
        """
        self._read = read
        self._clock = clock
        self._seen = deque([(clock(), read())])

    def look(self) -> Health:
        """Judge; whoever asks less often than that is told of all that happened since they asked last."""
        now, stats = self._clock(), self._read()
        while len(self._seen) > 1 and self._seen[1][0] <= now - _WINDOW_S:
            self._seen.popleft()
        before = self._seen[0][1]
        if now - self._seen[-1][0] >= _STEP_S:
            self._seen.append((now, stats))
        return health(stats, before)


class MetricsServer:
    """Answers scrapes on a thread of its own. ``start`` and ``stop`` once each."""

    def __init__(self, agent: Agent, host: str, port: int) -> None:
        """Describe a server; nothing listens before ``start``.

        Args:
            agent: whose figures are told.
            host: address to listen on.
            port: 0 takes a free one.
        """
        self._agent = agent
        self._health = HealthWatch(agent.stats)
        self._host = host
        self._port = port
        self._thread = threading.Thread(target=self._main, name="stillcast-metrics", daemon=True)
        self._begun: Future[int] = Future()
        self._stopping = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def url(self) -> str:
        """Where it listens; the port is known after ``start``."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{self._port}"

    def start(self) -> None:
        """Listen; returns when scrapes can come.

        Raises:
            StillcastError: the address is taken or not ours.
        """
        self._thread.start()
        try:
            self._port = self._begun.result()
        except OSError as error:
            text = f"--metrics: {self._host}:{self._port}: cannot listen: {error.strerror or error}"
            raise StillcastError(f"{text}: use another host or port") from error

    def stop(self) -> None:
        """Stop listening and let go of the port."""
        if self._loop is not None:
            with suppress(RuntimeError):  # it has ended already
                self._loop.call_soon_threadsafe(self._stopping.set)
            self._thread.join(2 * _CLOSE_S)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _main(self) -> None:
        try:
            asyncio.run(self._serve())
        except Exception as error:  # told to start(); later ones end the serving of figures, no more
            if not self._begun.done():
                self._begun.set_exception(error)

    async def _serve(self) -> None:
        app = web.Application(client_max_size=0)
        app.router.add_get("/metrics", self._metrics)
        app.router.add_get("/healthz", self._healthz)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=_CLOSE_S)
        await runner.setup()
        try:
            await web.TCPSite(runner, self._host, self._port).start()
            self._loop = asyncio.get_running_loop()
            self._begun.set_result(int(runner.addresses[0][1]))
            await self._stopping.wait()
        finally:
            await runner.cleanup()

    async def _metrics(self, _request: web.Request) -> web.Response:
        return web.Response(body=exposition(self._agent), headers={"Content-Type": CONTENT_TYPE})

    async def _healthz(self, _request: web.Request) -> web.Response:
        told = self._health.look()
        body = {"status": told.status, "reasons": told.reasons}
        return web.json_response(body, status=503 if told.status == "failing" else 200)
