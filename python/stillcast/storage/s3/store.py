"""An S3 bucket, of Amazon or of any compatible store, as the store."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from urllib.parse import quote

from botocore.exceptions import BotoCoreError, ClientError

from stillcast.config import StorageConfig
from stillcast.storage.failures import FailureKind, StorageFailure, unknown_time
from stillcast.storage.metadata import captured_at_in
from stillcast.storage.s3.answer import Answer
from stillcast.storage.s3.clients import Clients
from stillcast.storage.s3.connection import UnansweredError
from stillcast.storage.s3.destination import Destination, find_destination
from stillcast.storage.s3.digests import Digests
from stillcast.storage.s3.limits import Limits
from stillcast.storage.s3.pool import ConnectionPool
from stillcast.storage.s3.signing import Signer
from stillcast.storage.s3.skew import ClockSkew
from stillcast.storage.s3.tellings import Tellings

_CONTENT_TYPE: Final = "image/jpeg"
_METADATA: Final = "x-amz-meta-"
_OK: Final = 200
_MISSING: Final = 404
_EXISTS: Final = 412  # Precondition Failed: the answer to If-None-Match where the object is there


class S3Store:
    """Stores each still as an object of one bucket.

    One request a ``put``: retrying is the delivery's, which knows what else waits. Any thread may call any method.

    Note [Why not boto3's put]: boto3 decides where to go and who we are, and its credentials renew themselves. But one
    ``put_object`` of 25 KB costs it more than 1 ms of CPU, ours a tenth; and it has no deadline for a put in all.
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
        self._workers = workers
        self._limits = limits or Limits()
        self._clock = clock
        self._digests = Digests(
            create_only=config.create_only, verify=config.verify_digest, sends_checksum=config.endpoint is None
        )
        self._skew = ClockSkew(clock)
        self._tellings = Tellings(config, self._limits)
        self._clients = Clients(config, self._make_client, self._tellings)

    @property
    def clock_skew_s(self) -> float | None:
        """How far the store's clock is ahead of this machine's, to a second or two; None if it never said."""
        return self._skew.seconds

    def put(self, key: str, body: bytes, metadata: Mapping[str, str] | None = None) -> None:
        """Store one still; putting it again repeats the same object.

        Args:
            key: of the object.
            body: the JPEG.
            metadata: of the object, names without ``x-amz-meta-``; as ``object_metadata`` writes it.

        Raises:
            StorageFailure: it was not stored, or it is not known to be.
        """
        client = self._clients.get()
        try:
            self._put(client, key, body, metadata or {})
        except StorageFailure as failure:
            if failure.kind is FailureKind.DESTINATION:
                self._clients.forget(client)
            raise

    def put_latest(self, key: str, body: bytes, metadata: Mapping[str, str]) -> None:
        """Put a picture in the place of the one that is there, also with ``create_only``; caches are to ask again.

        Raises:
            StorageFailure: it was not stored, or it is not known to be.
        """
        self._put(self._clients.get(), key, body, metadata, replaces=True)

    def latest_captured_at(self, key: str) -> datetime | None:
        """When the picture that is there was captured, by its metadata; None if there is none.

        Raises:
            StorageFailure: it cannot be asked for, or somebody else wrote it.
        """
        client = self._clients.get()
        answer = self._exchange(client, "HEAD", key, b"", {})
        if answer.status == _MISSING:
            return None
        if answer.status != _OK:
            raise self._tellings.refused(answer, self._skew.seconds)
        metadata = {name.removeprefix(_METADATA): value for name, value in answer.headers.items()}
        if (found := captured_at_in(metadata)) is None:
            raise unknown_time(key)
        return found

    def check(self, key: str) -> None:
        """Nothing to refuse: what ``format_object_key`` makes is a key of S3."""

    def tend(self) -> None:
        """Close connections that have been idle for long. No put has to be cut: each keeps its own deadline."""
        if (client := self._clients.current) is not None:
            client.pool.close_idle()

    def close(self) -> None:
        """Close the connections; the next ``put`` would make new ones."""
        self._clients.close()

    def _put(
        self, client: _Client, key: str, body: bytes, metadata: Mapping[str, str], *, replaces: bool = False
    ) -> None:
        wanted = self._digests.headers(key, body, replaces=replaces)
        wanted.update((f"{_METADATA}{name}", value) for name, value in metadata.items())
        wanted["content-type"] = _CONTENT_TYPE
        if replaces:
            wanted["cache-control"] = "no-cache"
        answer = self._exchange(client, "PUT", key, body, wanted)
        if answer.status == _EXISTS and "if-none-match" in wanted:
            return  # an attempt whose answer was lost has stored it
        if answer.status != _OK:
            raise self._tellings.refused(answer, self._skew.seconds)
        self._verify(key, body, answer)

    def _exchange(self, client: _Client, method: str, key: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        try:
            request = client.request(method, key, body, headers, self._clock())
            answer = client.pool.exchange(request, has_body=method != "HEAD")
        except UnansweredError as error:
            raise self._tellings.unanswered(error) from error
        except (BotoCoreError, ClientError, OSError) as error:
            raise self._tellings.not_ready(error) from error
        self._skew.heard(answer.headers.get("date"))
        return answer

    def _verify(self, key: str, body: bytes, answer: Answer) -> None:
        if (wrong := self._digests.mismatch(key, body, answer.headers)) is not None:
            raise self._tellings.other_bytes(wrong)

    def _make_client(self, config: StorageConfig) -> _Client:
        destination = find_destination(config, self._limits)
        pool = ConnectionPool(destination.route, self._limits, size=self._workers)
        return _Client(destination, destination.route.host, Signer(destination.region), pool)


@dataclass(frozen=True, slots=True)
class _Client:
    """How the bucket is reached until a failure says that a person has to mend something."""

    destination: Destination
    host: str
    signer: Signer
    pool: ConnectionPool

    def request(self, method: str, key: str, body: bytes, headers: Mapping[str, str], now_s: float) -> bytes:
        """Write a whole signed request."""
        route = self.destination.route
        path = self.destination.path + quote(key, safe="/~")
        signed = self.signer.sign(
            method,
            path,
            {"host": self.host, **headers},
            sha256=hashlib.sha256(body).hexdigest(),
            keys=self.destination.keys(),
            now_s=now_s,
        )
        if route.says_whole_address:
            path = f"{route.url}{path}"
            signed.update(route.proxy_headers())
        lines = "".join([f"{name}: {value}\r\n" for name, value in signed.items()])
        return f"{method} {path} HTTP/1.1\r\ncontent-length: {len(body)}\r\n{lines}\r\n".encode() + body

    def close(self) -> None:
        self.pool.close()

    def forget(self) -> None:
        self.pool.forget()
