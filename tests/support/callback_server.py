"""A callback server on loopback that misbehaves as a test asks."""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Self

Talk = Callable[[asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Request:
    """One request as it came over the wire."""

    line: str
    headers: dict[str, str]
    body: bytes
    names: list[str] = field(default_factory=list)


def answer(status: int = 200, body: bytes = b"{}", *headers: str) -> Talk:
    """Answer whole and at once."""

    async def talk(writer: asyncio.StreamWriter) -> None:
        head = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}", *headers, "", ""]
        writer.write("\r\n".join(head).encode() + body)
        await writer.drain()

    return talk


async def silence(_writer: asyncio.StreamWriter) -> None:
    """Take the request and never answer."""
    await asyncio.Event().wait()


async def reset(writer: asyncio.StreamWriter) -> None:
    """Take the request and cut the connection."""
    writer.transport.abort()


def drip(whole: bytes, pause_s: float) -> Talk:
    """Answer one byte at a time; ends with the connection."""

    async def talk(writer: asyncio.StreamWriter) -> None:
        for byte in whole:
            if writer.transport.is_closing():
                raise ConnectionResetError
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(pause_s)

    return talk


class CallbackServer:
    """Plays one answer after the other, the last one for ever; keeps every request.

    ``connections`` counts all of them, ``open_max`` the most that were open at the same time.
    """

    def __init__(self, *talks: Talk, tls: ssl.SSLContext | None = None) -> None:
        self.requests: list[Request] = []
        self.connections = 0
        self.open = 0
        self.open_max = 0
        self._talks = list(talks)
        self._tls = tls
        self._port: Future[int] = Future()
        self._loop = asyncio.new_event_loop()
        self._stopping = asyncio.Event()
        self._thread = threading.Thread(target=self._main, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._port.result()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join(10)

    @property
    def url(self) -> str:
        scheme = "https" if self._tls else "http"
        return f"{scheme}://localhost:{self._port.result()}/stills?room=1"

    def _main(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        server = await asyncio.start_server(self._talk, "127.0.0.1", 0, ssl=self._tls)
        self._port.set_result(server.sockets[0].getsockname()[1])
        await self._stopping.wait()
        server.close()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.open += 1
        self.open_max = max(self.open_max, self.open)
        try:
            while True:
                self.requests.append(await _read(reader, writer))
                talk = self._talks.pop(0) if len(self._talks) > 1 else self._talks[0]
                await talk(writer)
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            writer.transport.abort()
        finally:
            self.open -= 1


async def _read(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Request:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    pairs = [line.split(": ", 1) for line in head[1:] if line]
    headers = {name.lower(): value for name, value in pairs}
    if "expect" in headers:  # botocore waits for this before it sends the body
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Request(head[0], headers, body, [name for name, _ in pairs])
