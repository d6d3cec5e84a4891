"""Posts callbacks."""

from __future__ import annotations

import asyncio
import json
import ssl
import time
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from random import Random
from typing import Final
from urllib.parse import urlsplit

import aiohttp

from stillcast.callbacks.body import Named, Pictured, build_body, build_missed_body
from stillcast.callbacks.resolver import Resolver
from stillcast.callbacks.schedule import wait_s
from stillcast.callbacks.signature import webhook_signature
from stillcast.config import CallbackConfig
from stillcast.config.secret_values import webhook_key
from stillcast.errors import CallbackError

CONNECTIONS_MAX: Final = 16
ANSWER_BYTES_MAX: Final = 64 * 1024
_CONTENT_TYPE: Final = "application/json;charset=utf-8"
_OK_STATUS: Final = 200
_GONE: Final = "status 410"
# What a person has to do where the server's answer is not the point.
_WAYS_OUT: Final = {
    "certificate not trusted": "set callback.ca_file to the CA of that server, or mend the host in callback.url",
    "host not found": "mend the host in callback.url, or its name service",
    "cannot connect": "start that server, or mend callback.url",
}


class CallbackFailure(CallbackError):  # noqa: N818  # the name that the delivery and its readers know
    """No attempt succeeded.

    Attributes:
        reason: of the last attempt, short and stable, to count by: ``status 500``, ``timeout``, ``not JSON`` ...
        reasons: of every attempt.
    """

    def __init__(self, message: str, reasons: tuple[str, ...]) -> None:
        super().__init__(message)
        self.reasons = reasons
        self.reason = reasons[-1]


class _Response(aiohttp.ClientResponse):
    """An answer whose connection, where it cannot be used again, ends at once.

    Left alone, TLS waits up to 30 s for the server's goodbye: connections of attempts that are over would pile up, and
    no limit of the pool counts them.
    """

    def close(self) -> None:
        """Cut the connection; aiohttp calls this too when no head of an answer came in time."""
        if self.connection is not None and self.connection.transport is not None:
            self.connection.transport.abort()
        super().close()


class Notifier:
    """Posts bodies to the callback's address; all methods on one event loop.

    A success is status 200 and a JSON body within the timeout in all, however slowly the bytes drip. Redirects are not
    followed: the address is the operator's own, and the checksum covers it.

    Never more than ``CONNECTIONS_MAX`` attempts at the same time, whoever asks; the time of an attempt begins when it
    has its connection to itself.
    """

    def __init__(
        self, config: CallbackConfig, *, clock: Callable[[], float] = time.time, random: Random | None = None
    ) -> None:
        """Describe a notifier; nothing is opened before ``start``.

        Args:
            config: the ``[callback]`` section, with a ``url``.
            clock: seconds since 1970, for the signature.
            random: of the jitter.

        Raises:
            CallbackError: the settings have no address.
        """
        if config.url is None:
            raise CallbackError("callback.url: none: set the address that stills are announced to")
        self._config = config
        self._url = config.url
        self._key = webhook_key(config.secret.get_secret_value()) if config.secret else None
        self._clock = clock
        self._random = Random() if random is None else random  # noqa: S311 - jitter need not be unpredictable
        self._attempts = config.attempts if config.profile == "immediate" else 1
        self._turns = asyncio.Semaphore(CONNECTIONS_MAX)
        self._resolver: Resolver | None = None
        self._session: aiohttp.ClientSession | None = None

    async def start(self) -> None:
        """Make the connections' pool.

        Raises:
            CallbackError: ``callback.ca_file`` cannot be used.
        """
        trust = self._trust()
        self._resolver = Resolver(self._config.timeout)
        connector = aiohttp.TCPConnector(limit=CONNECTIONS_MAX, ssl=trust, resolver=self._resolver)
        self._session = aiohttp.ClientSession(
            connector=connector,
            response_class=_Response,
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None),  # _attempt has the one deadline
            trust_env=False,
            auto_decompress=False,  # a small answer must not unpack into a large one
            headers={"User-Agent": f"stillcast/{_version()}", "Accept-Encoding": "identity"},
        )

    def body(self, item: Pictured) -> bytes:
        """Build the announcement of one still as the settings have it."""
        return build_body(item, url=self._url, extended=self._config.extended)

    def missed_body(self, item: Named, msg: str) -> bytes:
        """Build the report of a tick without a still; ``msg`` says why."""
        return build_missed_body(item, url=self._url, msg=msg)

    async def notify(self, body: bytes, request_id: str) -> tuple[str, ...]:
        """Post a body; with the profile ``immediate`` a failure is retried at once, ``callback.attempts`` in all.

        Args:
            body: of ``build_body``; the same bytes on every attempt.
            request_id: the ``requestId`` in it.

        Returns:
            why the attempts before the successful one failed; mostly empty.

        Raises:
            CallbackFailure: no attempt succeeded.
        """
        reasons: list[str] = []
        for _ in range(self._attempts):
            reason = await self._attempt(body, request_id)
            if reason is None:
                return tuple(reasons)
            reasons.append(reason)
        raise CallbackFailure(self._message(reasons), tuple(reasons))

    def retry_in_s(self, failure: CallbackFailure, attempts: int) -> float | None:
        """Say when a still is tried again whose callback failed; any thread.

        Args:
            failure: of the last attempt.
            attempts: how many failed by now.

        Returns:
            Seconds; None where it is given up: with the profile ``immediate`` at once, with ``standard`` after three
            days, or when the server says 410, that it wants no more.
        """
        if self._config.profile == "immediate" or failure.reason == _GONE:
            return None
        return wait_s(attempts, self._random)

    async def close(self) -> None:
        """Close the connections."""
        session, self._session = self._session, None
        resolver, self._resolver = self._resolver, None
        if session is not None:
            await session.close()
        if resolver is not None:  # aiohttp closes only a resolver of its own making
            await resolver.close()

    async def _attempt(self, body: bytes, request_id: str) -> str | None:
        """Post once; None, or why it failed."""
        try:
            async with self._turns, asyncio.timeout(self._config.timeout):
                return await self._post(body, request_id)
        except TimeoutError:
            return "timeout"
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return _reason(error)

    async def _post(self, body: bytes, request_id: str) -> str | None:
        if self._session is None:
            raise CallbackError("callback: the notifier is not started: call start() first")
        headers = {"Content-Type": _CONTENT_TYPE, **self._signature(body, request_id)}
        async with self._session.post(self._url, data=body, headers=headers, allow_redirects=False) as response:
            if response.status != _OK_STATUS:
                response.close()  # what it says does not matter, so it is not read
                return f"status {response.status}"
            answer = await _read(response)
            if answer is None:
                return f"answer over {ANSWER_BYTES_MAX} bytes"
            return None if _is_json(answer) else "not JSON"

    def _signature(self, body: bytes, request_id: str) -> dict[str, str]:
        if self._key is None:
            return {}
        timestamp = int(self._clock())
        return {
            "webhook-id": request_id,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": webhook_signature(self._key, request_id, timestamp, body),
        }

    def _trust(self) -> ssl.SSLContext:
        path = self._config.ca_file
        try:
            context = ssl.create_default_context(cafile=str(path) if path else None)
            context.minimum_version = ssl.TLSVersion.TLSv1_2  # whatever this system's OpenSSL would allow
            return context
        except (OSError, ssl.SSLError) as error:
            text = f"callback.ca_file: {path}: cannot be used ({error.strerror or error}): give it PEM certificates"
            raise CallbackError(text) from error

    def _message(self, reasons: list[str]) -> str:
        parts = urlsplit(self._url)  # its path and query may be for few eyes only
        port = f":{parts.port}" if parts.port else ""
        tried = f"{len(reasons)} attempts" if len(reasons) > 1 else "one attempt"
        out = _WAYS_OUT.get(reasons[-1], "make that server answer 200 with JSON, or mend callback.url")
        return f"callback.url: {parts.scheme}://{parts.hostname}{port}: {reasons[-1]} after {tried}: {out}"


async def _read(response: aiohttp.ClientResponse) -> bytes | None:
    """Read the answer; None if it is longer than any that we wait for."""
    answer = bytearray()
    try:
        async for chunk in response.content.iter_any():
            answer += chunk
            if len(answer) > ANSWER_BYTES_MAX:
                return None
        return bytes(answer)
    finally:
        if not response.content.at_eof():  # too long, too late, or broken off
            response.close()


def _is_json(answer: bytes) -> bool:
    try:
        json.loads(answer, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return False
    return True


def _refuse(name: str) -> None:
    raise ValueError(name)  # NaN and Infinity: Python takes them, JSON has none


def _reason(error: Exception) -> str:
    """Name a failure in words that are few enough to count by."""
    match error:
        case aiohttp.ClientConnectorCertificateError():
            return "certificate not trusted"
        case aiohttp.ClientConnectorDNSError():
            return "host not found"
        case aiohttp.ClientSSLError():
            return "TLS failed"
        case aiohttp.ClientConnectorError():
            return "cannot connect"
        case aiohttp.ServerDisconnectedError() | aiohttp.ClientOSError() | aiohttp.ClientPayloadError() | OSError():
            return "connection broke off"
        case aiohttp.ClientResponseError():
            return "not HTTP"
    return type(error).__name__


def _version() -> str:
    try:
        return version("stillcast")
    except PackageNotFoundError:
        return "0"
