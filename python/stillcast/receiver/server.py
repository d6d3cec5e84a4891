"""The server around the checks."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from typing import Final, Self

from aiohttp import web

from stillcast.config.secret_values import webhook_key
from stillcast.errors import CallbackError
from stillcast.receiver.checks import BodyProblem, ReceivedStill, check_body, check_signature

_LOG: Final = logging.getLogger("stillcast.receiver")
_BODY_BYTES_MAX: Final = 64 * 1024
_KEPT_MAX: Final = 10_000
_CLOSE_S: Final = 1.0


class Receiver:
    """Takes callbacks on a thread of its own, answers 200 to good ones and 400 with the reason to others.

    A callback that comes again (the same ``requestId``) is answered 200 and otherwise left alone, as every receiver
    should: the sender repeats what it has no answer to. ``start`` and ``stop`` once each; the rest by any thread.
    """

    def __init__(
        self,
        url_seen_by_sender: str | None = None,
        *,
        secret: str | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
        path: str = "/stills",
        on_still: Callable[[ReceivedStill], None] | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Describe a receiver; nothing listens before ``start``.

        Args:
            url_seen_by_sender: the callback's address exactly as the sender has it in its settings, which the
                checksum covers; None if that is ``url``. Behind a proxy it is not.
            secret: Standard Webhooks secret; None asks for no signature.
            host: address to listen on.
            port: 0 takes a free one.
            path: of the one address that takes callbacks.
            on_still: told of each new callback, on the receiver's thread; what it raises is logged.
            clock: seconds since 1970.

        Raises:
            CallbackError: the secret is no Standard Webhooks secret.
        """
        self._seen_as = url_seen_by_sender
        self._key = webhook_key(secret) if secret is not None else None
        if secret is not None and self._key is None:
            raise CallbackError("secret: is not a Standard Webhooks secret: use whsec_ and the base64 of random bytes")
        self._host = host
        self._port = port
        self._path = path
        self._on_still = on_still
        self._clock = clock
        self._mutex = threading.Lock()  # guards the four below
        self._received: deque[ReceivedStill] = deque(maxlen=_KEPT_MAX)
        self._known: OrderedDict[str, None] = OrderedDict()
        self._duplicates = 0
        self._problems: deque[str] = deque(maxlen=_KEPT_MAX)
        self._thread = threading.Thread(target=self._main, name="stillcast-receiver", daemon=True)
        self._begun: Future[int] = Future()
        self._stopping = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    def start(self) -> None:
        """Listen; returns when callbacks can come.

        Raises:
            CallbackError: the address is taken or not ours.
        """
        self._thread.start()
        try:
            self._port = self._begun.result()
        except OSError as error:
            place = f"{self._host}:{self._port}"
            text = f"receiver: {place}: cannot listen: {error.strerror or error}: use another host or port"
            raise CallbackError(text) from error

    def stop(self) -> None:
        """Stop listening and let go of the port."""
        if self._loop is None:
            return
        with suppress(RuntimeError):  # it has ended already
            self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join(2 * _CLOSE_S)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """Where it listens; the port is known after ``start``."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{self._port}{self._path}"

    @property
    def received(self) -> list[ReceivedStill]:
        """The last good callbacks, each once, in the order in which they came; 10,000 at most."""
        with self._mutex:
            return list(self._received)

    @property
    def duplicates(self) -> int:
        """How many good callbacks came again."""
        with self._mutex:
            return self._duplicates

    @property
    def problems(self) -> list[str]:
        """Why the last callbacks were refused; 10,000 at most."""
        with self._mutex:
            return list(self._problems)

    def _main(self) -> None:
        try:
            asyncio.run(self._serve())
        except Exception as error:  # told to start(), or logged: nobody else is here to hear it
            if self._begun.done():
                _LOG.exception("the receiver ended")
            else:
                self._begun.set_exception(error)

    async def _serve(self) -> None:
        app = web.Application(client_max_size=_BODY_BYTES_MAX)
        app.router.add_post(self._path, self._handle)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=_CLOSE_S)
        await runner.setup()
        try:
            site = web.TCPSite(runner, self._host, self._port)
            await site.start()
            self._loop = asyncio.get_running_loop()
            self._begun.set_result(int(runner.addresses[0][1]))
            await self._stopping.wait()
        finally:
            await runner.cleanup()

    async def _handle(self, request: web.Request) -> web.Response:
        raw = await request.read()
        try:
            still = self._check(request, raw)
        except BodyProblem as problem:
            with self._mutex:
                self._problems.append(str(problem))
            return web.json_response({"ok": False, "error": str(problem)}, status=400)
        if self._is_new(still):
            self._tell(still)
        return web.json_response({"ok": True})

    def _check(self, request: web.Request, raw: bytes) -> ReceivedStill:
        if request.content_type != "application/json" or (request.charset or "").lower() != "utf-8":
            raise BodyProblem("Content-Type: is not application/json;charset=utf-8")
        if self._key is not None:
            check_signature(raw, request.headers, self._key, self._clock())
        still = check_body(raw, self._seen_as or self.url, signed=self._key is not None)
        if self._key is not None and request.headers.get("webhook-id") != still.request_id:
            raise BodyProblem("webhook-id: is not the requestId of the body")
        return still

    def _is_new(self, still: ReceivedStill) -> bool:
        with self._mutex:
            if still.request_id in self._known:
                self._duplicates += 1
                return False
            self._known[still.request_id] = None
            if len(self._known) > _KEPT_MAX:
                self._known.popitem(last=False)
            self._received.append(still)
        return True

    def _tell(self, still: ReceivedStill) -> None:
        if self._on_still is None:
            return
        try:
            self._on_still(still)
        except Exception:  # a listener must not turn a good callback into a failed one
            _LOG.exception("a listener of the receiver failed")
