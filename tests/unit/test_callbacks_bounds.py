"""What a server can make the notifier hold: connections, threads, time."""

from __future__ import annotations

import asyncio
import select
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Self

import pytest
import trustme

from stillcast.callbacks import CallbackFailure, Notifier
from stillcast.callbacks.notifier import CONNECTIONS_MAX
from support.callback_server import CallbackServer, answer, drip
from support.stills import callback_config, wait_until

SLOW_ANSWER = drip(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + b" " * 1000, 0.02)


def post_many(url: str, count: int, **settings: object) -> list[object]:
    """Post at the same time with one notifier; what became of each."""

    async def run() -> list[object]:
        notifier = Notifier(callback_config(url, **settings))
        await notifier.start()
        try:
            posts = (notifier.notify(b"{}", str(number)) for number in range(count))
            return list(await asyncio.gather(*posts, return_exceptions=True))
        finally:
            await notifier.close()

    return asyncio.run(run())


@pytest.fixture
def authority(tmp_path: Path) -> tuple[ssl.SSLContext, Path]:
    """What a server needs for TLS, and the file that a client trusts it by."""
    made = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.issue_cert("localhost").configure_cert(context)
    made.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    return context, tmp_path / "ca.pem"


@pytest.mark.parametrize("encrypted", [False, True])
def test_a_server_that_drips_for_long_never_holds_more_than_sixteen_connections(
    authority: tuple[ssl.SSLContext, Path], encrypted: bool
) -> None:
    tls, settings = (authority[0], {"ca_file": authority[1]}) if encrypted else (None, {})
    with CallbackServer(SLOW_ANSWER, tls=tls) as server:
        outcomes = post_many(server.url, 60, timeout=0.3, attempts=2, **settings)
        assert [failure.reasons for failure in outcomes] == [("timeout", "timeout")] * 60  # type: ignore[attr-defined]
        # One that was cut in the middle of an answer is not used again; one may be cut before it asks anything.
        assert len(server.requests) <= server.connections <= 120
        assert server.requests
        # A connection that we closed counts until the server has noticed.
        assert CONNECTIONS_MAX <= server.open_max <= 2 * CONNECTIONS_MAX
        wait_until(lambda: server.open == 0, "the end of every connection")


class Deaf:
    """A TLS server that reads one request a connection, says what it is told to, and never answers a goodbye."""

    def __init__(self, tls: ssl.SSLContext, says: bytes) -> None:
        self.ended = 0
        self._says = says
        self._tls = tls
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"https://localhost:{self._listening.getsockname()[1]}/"

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()

    def _accept(self) -> None:
        with suppress(OSError):  # the test is over
            while True:
                threading.Thread(target=self._serve, args=self._listening.accept()[:1], daemon=True).start()

    def _serve(self, raw: socket.socket) -> None:
        with suppress(OSError), self._tls.wrap_socket(raw, server_side=True) as connection:
            connection.recv(4096)
            connection.sendall(self._says)
            hung_up = select.poll()
            hung_up.register(connection.fileno(), select.POLLRDHUP)
            hung_up.poll()
        self.ended += 1


@pytest.mark.parametrize(
    "says",
    [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", b"HTTP/1.1 500 No\r\nContent-Length: 9\r\n\r\n"],
    ids=["silent", "in the middle of its answer", "refuses"],
)
def test_a_tls_server_that_never_says_goodbye_keeps_no_connection_after_the_attempt(
    authority: tuple[ssl.SSLContext, Path], says: bytes
) -> None:
    async def run(server: Deaf) -> None:
        notifier = Notifier(callback_config(server.url, timeout=0.3, attempts=2, ca_file=authority[1]))
        await notifier.start()
        with pytest.raises(CallbackFailure):
            await notifier.notify(b"{}", "1")
        # The notifier lives on, and no time-out of TLS is as short as this patience.
        await asyncio.to_thread(wait_until, lambda: server.ended == 2, "the end of both connections", 10.0)
        await notifier.close()

    with Deaf(authority[0], says) as server:
        asyncio.run(run(server))


def test_waiting_for_a_turn_does_not_count_as_time_of_the_attempt() -> None:
    async def slow(writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.5)
        await answer()(writer)

    with CallbackServer(slow) as server:  # seven turns of 0.5 s each, and every attempt has 3 s
        assert post_many(server.url, 7 * CONNECTIONS_MAX, timeout=3.0, attempts=1) == [()] * 7 * CONNECTIONS_MAX


@pytest.fixture
def hanging(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], None]]:
    """Let every look-up hang until the returned function is called."""
    healed, real = threading.Event(), socket.getaddrinfo

    def look_up(*given: object) -> object:
        healed.wait()
        return real(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    yield healed.set
    healed.set()


def threads_for_names() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith("stillcast-names")]


def test_look_ups_that_hang_are_bounded_and_the_next_one_gets_a_thread(hanging: Callable[[], None]) -> None:
    async def run(url: str) -> list[str]:
        notifier = Notifier(callback_config(url, timeout=0.1, attempts=1))
        await notifier.start()
        reasons = []
        for number in range(12):
            with pytest.raises(CallbackFailure) as failure:
                await notifier.notify(b"{}", str(number))
            reasons.append(failure.value.reason)
        assert 2 <= len(threads_for_names()) <= 8
        hanging()
        end = time.monotonic() + 30
        while True:
            try:
                await notifier.notify(b"{}", "healed")
            except CallbackFailure:
                assert time.monotonic() < end
            else:
                break
        await notifier.close()
        return reasons

    with CallbackServer(answer()) as server:
        reasons = asyncio.run(run(server.url))
        assert server.requests
    assert set(reasons) <= {"timeout", "host not found"}
    wait_until(lambda: not threads_for_names(), "the end of the threads")


def test_a_look_up_that_hung_once_does_not_take_the_thread_from_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    hung, real = threading.Event(), socket.getaddrinfo
    seen: list[str] = []

    def look_up(*given: object) -> object:
        seen.append(str(given[0]))
        if len(seen) == 1:
            hung.wait()  # for ever
        return real(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)

    async def run(url: str) -> None:
        notifier = Notifier(callback_config(url, timeout=0.2, attempts=1))
        await notifier.start()
        for _ in range(50):
            try:
                await notifier.notify(b"{}", "1")
            except CallbackFailure:
                continue
            break
        else:
            pytest.fail("no look-up came after the one that hangs")
        await notifier.close()

    with CallbackServer(answer()) as server:
        asyncio.run(run(server.url))
    hung.set()
    wait_until(lambda: not threads_for_names(), "the end of the threads")


def test_a_closed_notifier_leaves_no_thread_and_no_connection() -> None:
    with CallbackServer(SLOW_ANSWER) as server:
        post_many(server.url, 3, timeout=0.1, attempts=1)
        wait_until(lambda: server.open == 0, "the end of every connection")
    wait_until(lambda: not threads_for_names(), "the end of the thread")
