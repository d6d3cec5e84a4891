"""An S3 bucket through obstore, which is Rust's object_store: another engine for the same puts.

boto3 says where the bucket is and who we are, as for our own engine. What obstore does not tell, nobody can know: its
errors have no headers, so there is no clock skew and no region to be named, and no sign of encryption by KMS.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

import obstore
import obstore.exceptions
import obstore.store

from stillcast.config import StorageConfig
from stillcast.storage.failures import FailureKind, StorageFailure, unknown_time
from stillcast.storage.metadata import captured_at_in
from stillcast.storage.s3.answer import Answer
from stillcast.storage.s3.clients import Clients
from stillcast.storage.s3.connection import Distrust, UnansweredError
from stillcast.storage.s3.destination import Destination, find_destination
from stillcast.storage.s3.digests import Digests
from stillcast.storage.s3.limits import Limits
from stillcast.storage.s3.tellings import Tellings

if TYPE_CHECKING:
    from obstore.store import ClientConfig, S3Credential

_REFUSED: Final = re.compile(
    r"Server returned non-2xx status code: ([0-9]{3})[^:]*: (.*?)\n\nDebug source:\n", re.DOTALL
)
_DETAILS: Final = "\n\nDebug source:\n"
_EXISTS: Final = 412
_REDIRECTED: Final = 302  # obstore does not say which of them it was
# obstore keeps what it was given for at most so long, and asks five minutes before; boto3 gives nothing shorter-lived.
_KEYS_KEPT: Final = timedelta(minutes=8)


class ObstoreStore:
    """Stores each still as an object of one bucket. Any thread may call any method, but no forked process."""

    def __init__(self, config: StorageConfig, *, workers: int = 8, limits: Limits | None = None) -> None:
        """Describe the store; credentials are looked for, and connections made, by the first ``put``.

        Args:
            config: the ``[storage]`` section.
            workers: most connections that are kept open.
            limits: how long a put may take.
        """
        self._workers = workers
        self._limits = limits or Limits()
        self._digests = Digests(create_only=config.create_only, verify=config.verify_digest, sends_checksum=False)
        self._tellings = Tellings(config, self._limits)
        self._clients = Clients(config, self._make_client, self._tellings)
        self._process = os.getpid()

    @property
    def clock_skew_s(self) -> float | None:
        """None: obstore does not say when the store answered."""
        return None

    def put(self, key: str, body: bytes, metadata: Mapping[str, str] | None = None) -> None:
        """Store one still; putting it again repeats the same object.

        Args:
            key: of the object.
            body: the JPEG.
            metadata: of the object, names without ``x-amz-meta-``; as ``object_metadata`` writes it.

        Raises:
            StorageFailure: it was not stored, or it is not known to be.
        """
        client = self._client()
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
        self._put(self._client(), key, body, {**metadata, "Cache-Control": "no-cache"}, replaces=True)

    def latest_captured_at(self, key: str) -> datetime | None:
        """When the picture that is there was captured, by its metadata; None if there is none.

        Raises:
            StorageFailure: it cannot be asked for, or somebody else wrote it.
        """
        try:
            found = obstore.get(self._client().store, key, options={"head": True})
        except FileNotFoundError:
            return None
        except (obstore.exceptions.BaseError, OSError, ValueError) as error:
            raise self._failure(_answer_in(str(error)), str(error)) from None
        captured_at = captured_at_in({str(name): str(value) for name, value in found.attributes.items()})
        if captured_at is None:
            raise unknown_time(key)
        return captured_at

    def check(self, key: str) -> None:
        """Nothing to refuse: what ``format_object_key`` makes is a key of S3."""

    def tend(self) -> None:
        """Nothing to do: obstore closes idle connections, and keeps the deadline of each put."""

    def close(self) -> None:
        """Let go of the connections; the next ``put`` would make new ones."""
        self._clients.close()

    def _client(self) -> _Client:
        if os.getpid() != self._process:  # its threads are not here: it would wait for ever
            out = 'make the agent after the fork, or set storage.engine = "boto3"'
            raise self._tellings.failure("obstore cannot go on in a fork", out, FailureKind.DESTINATION, "Forked")
        return self._clients.get()

    def _put(
        self, client: _Client, key: str, body: bytes, metadata: Mapping[str, str], *, replaces: bool = False
    ) -> None:
        creates = "if-none-match" in self._digests.headers(key, body, replaces=replaces)
        try:
            result = obstore.put(
                client.store,
                key,
                body,
                attributes={"Content-Type": "image/jpeg", **metadata},  # names it does not know are metadata
                mode="create" if creates else "overwrite",
                use_multipart=False,
            )
        except (obstore.exceptions.BaseError, OSError, ValueError) as error:
            answer = _answer_in(str(error))
            if creates and answer is not None and answer.status == _EXISTS:
                return  # an attempt whose answer was lost has stored it
            raise self._failure(answer, str(error)) from None  # its text quotes the server's
        etag = result.get("e_tag")
        wrong = self._digests.mismatch(key, body, {} if etag is None else {"etag": etag})
        if wrong is not None:
            raise self._tellings.other_bytes(wrong)

    def _failure(self, answer: Answer | None, text: str) -> StorageFailure:
        if answer is not None:
            return self._tellings.refused(answer, None)
        return self._tellings.unanswered(_unanswered(text.partition(_DETAILS)[2]))

    def _make_client(self, config: StorageConfig) -> _Client:
        destination = find_destination(config, self._limits)
        destination.keys()  # what is wrong with them is told here, in boto3's words
        store = obstore.store.S3Store(
            config.bucket,
            endpoint=destination.route.url,
            region=destination.region,
            virtual_hosted_style_request=destination.path == "/",
            client_options=self._options(destination),
            retry_config={"max_retries": 0},
            credential_provider=_provider(destination),
        )
        return _Client(store)

    def _options(self, destination: Destination) -> ClientConfig:
        limits, route = self._limits, destination.route
        options: ClientConfig = {
            "allow_http": route.tls is None,
            "connect_timeout": timedelta(seconds=limits.connect_s),
            "read_timeout": timedelta(seconds=limits.read_s),
            "timeout": timedelta(seconds=limits.whole_s),
            "pool_idle_timeout": timedelta(seconds=limits.idle_s),
            "pool_max_idle_per_host": str(self._workers),
        }
        if destination.authorities is not None:
            options["root_certificate"] = Path(destination.authorities).read_bytes()
        if route.proxy is not None:
            options["proxy_url"] = route.proxy
        return options


@dataclass(frozen=True, slots=True)
class _Client:
    store: obstore.store.S3Store

    def close(self) -> None:
        """Obstore closes its connections when nobody has the store any more."""

    def forget(self) -> None:
        """Nothing can be done about obstore's threads in a fork."""


def _provider(destination: Destination) -> Callable[[], S3Credential]:
    def provide() -> S3Credential:
        keys = destination.keys()
        return {
            "access_key_id": keys.access_key,
            "secret_access_key": keys.secret_key,
            "token": keys.token,
            "expires_at": datetime.now(UTC) + _KEYS_KEPT,
        }

    return provide


def _answer_in(text: str) -> Answer | None:
    """Find what the store answered in obstore's words; None if it did not answer."""
    if (found := _REFUSED.search(text)) is not None:
        return Answer(int(found[1]), {}, found[2].encode(), keeps=True)
    if "inner: BareRedirect" in text:
        return Answer(_REDIRECTED, {}, b"", keeps=True)
    return None


def _unanswered(details: str) -> UnansweredError:
    """Sort why there was no answer by what the parts of obstore said of it."""
    if "InvalidCertificate(" in details:
        return UnansweredError("CertificateNotTrusted", distrust=_distrust(details.partition("InvalidCertificate(")[2]))
    if "InvalidMessage(" in details or "InvalidContentType" in details:
        return UnansweredError("TLSFailed")
    if "kind: Timeout" in details:
        return UnansweredError("ConnectTimeoutError" if "Connect," in details else "ReadTimeoutError")
    if "kind: Connect" in details:
        return UnansweredError("EndpointConnectionError")
    if "Parse(" in details or "Missing" in details:
        return UnansweredError("ResponseParserError")
    return UnansweredError("ConnectionClosedError")


def _distrust(cause: str) -> Distrust:
    """Give the words and the number that OpenSSL has for it (x509_vfy.h)."""
    match re.match(r"\s*([A-Za-z]+)", cause):
        case found if found and found[1].startswith("Expired"):
            return Distrust(10, "certificate has expired")
        case found if found and found[1].startswith("NotValidYet"):
            return Distrust(9, "certificate is not yet valid")
        case found if found and found[1].startswith("NotValidForName"):
            return Distrust(62, "certificate is for another host")
        case _:
            return Distrust(20, "certificate of an authority that is not trusted")
