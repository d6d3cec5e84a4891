"""A network on loopback that goes down, gets slow, or loses answers when a test asks."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, Self, TypeVar

_PIECE = 4096
_PATIENCE_S = 30.0
_PASSES = 4  # of the loop, from an accepted connection to its task

Result = TypeVar("Result")


class TcpProxy:
    """Stands before a server on loopback and passes bytes on, TLS as it is; refuses connections until told otherwise.

    Its port is the same for its whole life. Methods may be called from any thread.
    """

    def __init__(self, target_port: int) -> None:
        self.uploaded = 0
        self._target_port = target_port
        self._bytes_per_s: float | None = None
        self._passes_answers = True
        self._answer_bytes_per_s: float | None = None
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._parts: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None
        self._closed = _bound(0)
        self.port = int(self._closed.getsockname()[1])
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.refuse()
        self._closed.close()
        self._call(self._let_end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_PATIENCE_S)
        self._loop.close()

    def refuse(self) -> None:
        """Cut every connection and refuse new ones, as a host does whose server is down."""
        self._call(self._refuse())

    def forward(self, bytes_per_s: float | None = None) -> None:
        """Let connections through.

        Args:
            bytes_per_s: speed of each connection towards the server; None for no limit.
        """
        self._bytes_per_s, self._passes_answers = bytes_per_s, True
        self._answer_bytes_per_s = None
        self._call(self._flow(True))

    def lose_answers(self) -> None:
        """Go on to pass requests, but nothing that the server says."""
        self._passes_answers = False

    def stall(self) -> None:
        """Take connections and bytes, and pass nothing on either way until ``forward``."""
        self._call(self._flow(False))

    def drip(self, bytes_per_s: float) -> None:
        """Pass the server's answers on at so many bytes a second."""
        self._answer_bytes_per_s = bytes_per_s

    def cut(self) -> None:
        """Reset every connection; new ones are let through."""
        self._call(self._cut())

    def _call(self, work: Coroutine[Any, Any, Result]) -> Result:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(_PATIENCE_S)

    async def _refuse(self) -> None:
        if self._server is not None:
            await self._take_no_more(self._server)
            self._server.close()
            self._server = None
            # Bound but not listening: the port stays ours, and whoever connects is refused.
            self._closed = _bound(self.port)
        await self._cut()

    async def _take_no_more(self, server: asyncio.Server) -> None:
        """Let connections that were accepted already begin: Python 3.11 leaks those that find the server closed."""
        for listening in server.sockets:
            self._loop.remove_reader(listening.fileno())
        for _ in range(_PASSES):
            await asyncio.sleep(0)

    async def _flow(self, flows: bool) -> None:
        if flows:
            self._flowing.set()
        else:
            self._flowing.clear()
        await self._listen()

    async def _cut(self) -> None:
        for part in self._parts:
            part.transport.abort()

    async def _listen(self) -> None:
        if self._server is None:
            self._server = await asyncio.start_server(self._serve, sock=self._closed)

    async def _let_end(self) -> None:
        """Wait until the tasks of all connections have ended; one accepted at the last moment has yet to begin its."""
        end = self._loop.time() + _PATIENCE_S
        while others := asyncio.all_tasks() - {asyncio.current_task()}:
            assert self._loop.time() < end, others
            await self._cut()
            await asyncio.wait(others, timeout=0.1)
        await asyncio.sleep(0)  # transports that were aborted close their sockets

    async def _serve(self, client_in: asyncio.StreamReader, client_out: asyncio.StreamWriter) -> None:
        self._parts.add(client_out)
        try:
            with suppress(ConnectionError):
                server_in, server_out = await asyncio.open_connection("127.0.0.1", self._target_port)
                self._parts.add(server_out)
                await self._relay(client_in, client_out, server_in, server_out)
                self._parts.discard(server_out)
        finally:
            self._parts.discard(client_out)
            client_out.transport.abort()

    async def _relay(
        self,
        client_in: asyncio.StreamReader,
        client_out: asyncio.StreamWriter,
        server_in: asyncio.StreamReader,
        server_out: asyncio.StreamWriter,
    ) -> None:
        ways = {
            asyncio.create_task(self._requests(client_in, server_out)),
            asyncio.create_task(self._answers(server_in, client_out)),
        }
        _, others = await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        for way in others:
            way.cancel()
        await asyncio.gather(*ways, return_exceptions=True)
        server_out.transport.abort()

    async def _requests(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        while piece := await source.read(_PIECE):
            if self._bytes_per_s is not None:
                await asyncio.sleep(len(piece) / self._bytes_per_s)
            await self._flowing.wait()
            target.write(piece)
            await target.drain()
            self.uploaded += len(piece)

    async def _answers(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        while piece := await source.read(_PIECE):
            await self._flowing.wait()
            if self._answer_bytes_per_s is not None:
                await _drip(target, piece, self._answer_bytes_per_s)
            elif self._passes_answers:
                target.write(piece)
                await target.drain()


async def _drip(target: asyncio.StreamWriter, piece: bytes, bytes_per_s: float) -> None:
    for byte in piece:
        target.write(bytes([byte]))
        await target.drain()
        await asyncio.sleep(1 / bytes_per_s)


def _bound(port: int) -> socket.socket:
    """A port that is held but does not listen."""
    held = socket.socket()
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    held.bind(("127.0.0.1", port))
    return held
