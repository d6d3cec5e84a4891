"""An S3 bucket, of Amazon or of any compatible store, as the store."""

from __future__ import annotations

import hashlib
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from botocore.exceptions import BotoCoreError, ClientError

from stillcast.config import StorageConfig
from stillcast.errors import ConfigError
from stillcast.storage.failures import FailureKind, StorageFailure
from stillcast.storage.s3.answer import Answer
from stillcast.storage.s3.connection import UnansweredError
from stillcast.storage.s3.destination import Destination, UnusualSigningError, find_destination
from stillcast.storage.s3.digests import Digests
from stillcast.storage.s3.limits import Limits
from stillcast.storage.s3.pool import ConnectionPool
from stillcast.storage.s3.signing import Signer
from stillcast.storage.s3.skew import ClockSkew
from stillcast.storage.s3.tellings import Tellings

_CONTENT_TYPE: Final = "image/jpeg"
_OK: Final = 200
_EXISTS: Final = 412  # Precondition Failed: the answer to If-None-Match where the object is there


@dataclass(frozen=True, slots=True)
class _Client:
    """How the bucket is reached until a failure says that a person has to mend something."""

    destination: Destination
    signer: Signer
    pool: ConnectionPool


class _Life:
    """What belongs to one process: after a fork, the child has its own, and a lock that nobody holds."""

    def __init__(self) -> None:
        self.mutex = threading.Lock()  # guards client; held while one is made, so that it is made once
        self.client: _Client | None = None


class S3Store:
    """Stores each still as an object of one bucket.

    One request a ``put``: retrying is the delivery's, which knows what else waits. Any thread may call any method.

    Note [Why not boto3's put]: boto3 decides where to go and who we are, and its credentials renew themselves. But one
    ``put_object`` of 25 KB costs it 1.3 ms of CPU, ours 0.1 ms; and it has no deadline for a put in all.
    """

    def __init__(
        self,
        config: StorageConfig,
        *,
        workers: int = 8,
        limits: Limits | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Describe the store; credentials are looked for, and connections made, by the first ``put``.

        Args:
            config: the ``[storage]`` section.
            workers: most connections that are kept open.
            limits: how long a put may take.
            clock: gives Unix time.
        """
        self._config = config
        self._workers = workers
        self._limits = limits or Limits()
        self._clock = clock
        self._lives: dict[int, _Life] = {}  # by process; never more than the one of a parent and ours
        self._digests = Digests(
            create_only=config.create_only, verify=config.verify_digest, sends_checksum=config.endpoint is None
        )
        self._skew = ClockSkew(clock)
        self._tellings = Tellings(config, self._limits)
        self._renews = False  # whether the settings' files are to be read again

    @property
    def clock_skew_s(self) -> float | None:
        """How far the store's clock is ahead of this machine's, to a second or two; None if it never said."""
        return self._skew.seconds

    def put(self, key: str, body: bytes) -> None:
        """Store one still; putting it again repeats the same object.

        Raises:
            StorageFailure: it was not stored, or it is not known to be.
        """
        life = self._life()
        client = self._client(life)
        try:
            self._put(client, key, body)
        except StorageFailure as failure:
            if failure.kind is FailureKind.DESTINATION:
                self._forget(life, client)
            raise

    def check(self, key: str) -> None:
        """Nothing to refuse: what ``format_object_key`` makes is a key of S3."""

    def tend(self) -> None:
        """Close connections that have been idle for long. No put has to be cut: each keeps its own deadline."""
        client = self._life().client
        if client is not None:
            client.pool.close_idle()

    def close(self) -> None:
        """Close the connections; the next ``put`` would make new ones."""
        life = self._life()
        if life.client is not None:
            self._forget(life, life.client)

    def _put(self, client: _Client, key: str, body: bytes) -> None:
        wanted = self._digests.headers(key, body)
        try:
            answer = client.pool.exchange(self._request(client, key, body, wanted))
        except (BotoCoreError, ClientError, OSError) as error:
            raise self._tellings.not_ready(error) from error
        except UnansweredError as error:
            raise self._tellings.unanswered(error) from error
        self._skew.heard(answer.headers.get("date"))
        if answer.status == _EXISTS and "if-none-match" in wanted:
            return  # an attempt whose answer was lost has stored it
        if answer.status != _OK:
            raise self._tellings.refused(answer, self._skew.seconds)
        self._verify(key, body, answer)

    def _request(self, client: _Client, key: str, body: bytes, headers: dict[str, str]) -> bytes:
        destination = client.destination
        path = destination.path + quote(key, safe="/~")
        route = destination.route
        signed = client.signer.sign(
            "PUT",
            path,
            {"content-type": _CONTENT_TYPE, "host": route.host, **headers},
            sha256=hashlib.sha256(body).hexdigest(),
            keys=destination.keys(),
            now_s=self._clock(),
        )
        if route.says_whole_address:
            path = f"{route.url}{path}"
            signed.update(route.proxy_headers())
        lines = "".join([f"{name}: {value}\r\n" for name, value in signed.items()])
        return f"PUT {path} HTTP/1.1\r\ncontent-length: {len(body)}\r\n{lines}\r\n".encode() + body

    def _verify(self, key: str, body: bytes, answer: Answer) -> None:
        if (wrong := self._digests.mismatch(key, body, answer.headers)) is None:
            return
        out = "it is stored again; if the store is right, its ETag is no MD5: set storage.verify_digest = false"
        raise self._tellings.failure(wrong, out, FailureKind.PASSING, "DigestMismatch")

    def _life(self) -> _Life:
        life = self._lives.get(os.getpid())
        return life or self._begin_life()

    def _begin_life(self) -> _Life:
        """Begin anew in a forked process; no lock, because one of the parent's threads may have held it."""
        inherited = [each for pid, each in list(self._lives.items()) if pid != os.getpid()]
        life = self._lives.setdefault(os.getpid(), _Life())  # whole: of several threads, all get the same
        for each in inherited:
            if each.client is not None:
                each.client.pool.forget()
        return life

    def _client(self, life: _Life) -> _Client:
        client = life.client
        if client is not None:
            return client
        with life.mutex:
            if life.client is None:
                life.client = self._make_client()
            return life.client

    def _make_client(self) -> _Client:
        try:
            config = self._config.renewed() if self._renews else self._config
            destination = find_destination(config, self._limits)
        except (BotoCoreError, ClientError, ConfigError, UnusualSigningError, ValueError, OSError) as error:
            self._renews = True
            raise self._tellings.not_ready(error) from error
        pool = ConnectionPool(destination.route, self._limits, size=self._workers)
        return _Client(destination, Signer(destination.region), pool)

    def _forget(self, life: _Life, client: _Client) -> None:
        """Let the next put ask anew for everything: the settings' files, boto3's chain, the address."""
        with life.mutex:
            if life.client is client:
                life.client = None
        self._renews = True
        client.pool.close()
