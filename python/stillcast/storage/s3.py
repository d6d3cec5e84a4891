"""An S3 bucket, of Amazon or of any compatible store, as the store."""

from __future__ import annotations

import re
import threading
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,  # noqa: A004  # botocore's name for its family of network errors
    CredentialRetrievalError,
    HTTPClientError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
    SSLError,
)
from botocore.parsers import ResponseParserError

from stillcast.config import StorageConfig
from stillcast.storage.failures import WRONG_REGION_CODES, FailureKind, StorageFailure, kind_of, way_out

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_CONNECT_S: Final = 3.0
_READ_S: Final = 20.0
_CODE_CHARACTERS_MAX: Final = 64
_NOT_IN_A_CODE: Final = re.compile(r"[^A-Za-z0-9._-]")
_CERTIFICATE: Final = re.compile(r"certificate verify failed: ([^(]{1,200})")
_CREDENTIALS: Final = "set storage.access_key and storage.secret_key, or give boto3 credentials of its own"


class S3Store:
    """Stores each still as an object of one bucket.

    One request a ``put``: retrying is the delivery's, which knows what else waits. Any thread may call ``put``.
    """

    def __init__(self, config: StorageConfig, *, workers: int = 8) -> None:
        """Describe the store; the client is made, and credentials are looked for, by the first ``put``.

        Args:
            config: the ``[storage]`` section.
            workers: connections kept open, one a thread that calls ``put``.
        """
        self._config = config
        self._bucket = config.bucket
        self._workers = workers
        self._mutex = threading.Lock()  # guards _client; botocore's clients are for several threads, making one is not
        self._client: S3Client | None = None

    def put(self, key: str, body: bytes) -> None:
        """Store one still; putting it again repeats the same object.

        Raises:
            StorageFailure: it was not stored, or it is not known to be.
        """
        try:
            client = self._ready_client()
            client.put_object(Bucket=self._bucket, Key=key, Body=body, ContentType="image/jpeg")
        except ClientError as error:
            raise self._refused(error) from error
        except (BotoCoreError, ResponseParserError, ValueError, OSError) as error:
            raise self._not_sent(error) from error

    def check(self, key: str) -> None:
        """Nothing to refuse: what ``format_object_key`` makes is a key of S3."""

    clock_skew_s: float | None = None

    def tend(self) -> None:
        """Nothing to tend."""

    def close(self) -> None:
        """Close the connections; the next ``put`` would make new ones."""
        with self._mutex:
            client, self._client = self._client, None
        if client is not None:
            client.close()

    def _ready_client(self) -> S3Client:
        with self._mutex:
            if self._client is None:
                self._client = self._make_client()
            return self._client

    def _make_client(self) -> S3Client:
        config = self._config
        access_key, secret_key = config.credentials() or (None, None)
        token = config.session_token.get_secret_value() if config.session_token else None
        # A session of our own: boto3's default one is shared with the host and not for several threads.
        client = boto3.session.Session().client(
            "s3",
            region_name=config.region or ("us-east-1" if config.endpoint else None),
            endpoint_url=config.endpoint,
            aws_access_key_id=access_key,
            aws_secret_access_key=secret_key,
            aws_session_token=token,
            verify=str(config.ca_file) if config.ca_file else True,
            config=self._client_config(),
        )
        client.meta.events.register("before-call.s3", _stay_in_the_region)
        return client

    def _client_config(self) -> Config:
        config = self._config
        automatic = "path" if config.endpoint else "virtual"
        style: Any = {"addressing_style": automatic if config.addressing == "auto" else config.addressing}
        # Compatible stores know no trailing checksums; Amazon's own keep botocore's default.
        checksums: Any = {}
        if config.endpoint:
            checksums = {
                "request_checksum_calculation": "when_required",
                "response_checksum_validation": "when_required",
            }
        return Config(
            retries={"total_max_attempts": 1},
            connect_timeout=_CONNECT_S,
            read_timeout=_READ_S,
            max_pool_connections=self._workers,
            s3=style,
            **checksums,
        )

    def _refused(self, error: ClientError) -> StorageFailure:
        """Sort an answer of the store. Its own message is left out: it may quote keys, and may be of any length."""
        details: dict[str, Any] = dict(error.response.get("Error", {}))
        metadata: dict[str, Any] = dict(error.response.get("ResponseMetadata", {}))
        status = int(metadata.get("HTTPStatusCode", 0))
        code = _NOT_IN_A_CODE.sub("", str(details.get("Code", "")))[:_CODE_CHARACTERS_MAX]
        if not code or code.isdigit():  # botocore's stand-in where the answer has no code
            code = f"HTTP{status}"
        kind = kind_of(code, status)
        out = way_out(code, kind)
        if code in WRONG_REGION_CODES:
            headers = metadata.get("HTTPHeaders", {})
            out = _right_region(details.get("Region") or headers.get("x-amz-bucket-region"))
        return self._failure(f"{code} (status {status})", out, kind, code)

    def _not_sent(self, error: Exception) -> StorageFailure:
        kind = FailureKind.DESTINATION
        match error:
            case SSLError():
                return self._untrusted(error)
            case ConnectionError() | HTTPClientError() | ResponseParserError() | OSError():
                kind = FailureKind.PASSING
                what, out = _network(error)
            case NoCredentialsError() | PartialCredentialsError() | CredentialRetrievalError():
                what, out = "no usable credentials were found", _CREDENTIALS
            case NoRegionError():
                what, out = "no region is known", "set storage.region"
            case _:
                what, out = "botocore refuses these settings", "check storage.url, storage.endpoint and storage.region"
        code = type(error).__name__
        return self._failure(f"{what} ({code})", out, kind, code)

    def _untrusted(self, error: SSLError) -> StorageFailure:
        found = _CERTIFICATE.search(str(error))
        if found is None:
            what, out = (
                "the TLS handshake failed",
                "check that storage.endpoint is an https server, and storage.ca_file",
            )
            return self._failure(what, out, FailureKind.DESTINATION, "TLSFailed")
        cause = " ".join(found[1].split()).rstrip(".")
        what = f"its certificate is not trusted: {cause}"
        out = "set storage.ca_file to the CA of that server, or mend the host in storage.endpoint"
        return self._failure(what, out, FailureKind.DESTINATION, "CertificateNotTrusted")

    def _failure(self, what: str, out: str, kind: FailureKind, code: str) -> StorageFailure:
        return StorageFailure(f"storage.url: {self._place()}: {what}: {out}", kind=kind, code=code)

    def _place(self) -> str:
        config = self._config
        region = f" (region {config.region})" if config.region else ""
        if not config.endpoint:
            return f"s3://{self._bucket} at Amazon{region}"
        parts = urlsplit(config.endpoint)
        port = f":{parts.port}" if parts.port else ""
        return f"s3://{self._bucket} at {parts.scheme}://{parts.hostname}{port}{region}"


def _stay_in_the_region(context: dict[str, Any], **_: object) -> None:
    """Let a wrong region fail instead of letting botocore go where the answer points.

    It would send each still twice, ask for more rights than s3:PutObject, and hide a setting that is wrong.
    """
    redirect = context.get("s3_redirect")
    if isinstance(redirect, dict):
        redirect["redirected"] = True


def _right_region(region: object) -> str:
    told = _NOT_IN_A_CODE.sub("", region)[:_CODE_CHARACTERS_MAX] if isinstance(region, str) else ""
    if told:
        return f"the region is wrong: set storage.region to {told}"
    return "the region is wrong: set storage.region to the one that the bucket is in"


def _network(error: Exception) -> tuple[str, str]:
    match type(error).__name__:
        case "EndpointConnectionError":
            what = "cannot connect"
        case "ConnectTimeoutError":
            what = f"no connection within {_CONNECT_S:.0f} s"
        case "ReadTimeoutError":
            what = f"no answer within {_READ_S:.0f} s"
        case "ProxyConnectionError":
            what = "cannot connect to the proxy that HTTPS_PROXY or HTTP_PROXY names"
        case "ResponseParserError":
            what = "the answer is not that of an S3 store"
        case _:
            what = "the connection broke off"
    return what, "check storage.endpoint, storage.region and the network"
