"""From what a store or boto3 said to a failure that a person can act on.

Nothing that a server wrote is quoted but its error code, cut to harmless characters: messages may hold keys, and may be
of any length.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlsplit

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,  # noqa: A004  # botocore's name for its family of network errors
    CredentialRetrievalError,
    HTTPClientError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
)

from stillcast.config import StorageConfig
from stillcast.errors import ConfigError
from stillcast.storage.failures import WRONG_REGION_CODES, FailureKind, StorageFailure, is_throttled, kind_of, way_out
from stillcast.storage.s3.answer import Answer
from stillcast.storage.s3.connection import Distrust, UnansweredError
from stillcast.storage.s3.destination import UnusualSigningError
from stillcast.storage.s3.limits import Limits

_CODE_CHARACTERS_MAX: Final = 64
_NOT_IN_A_CODE: Final = re.compile(r"[^A-Za-z0-9._-]")
_CODE: Final = re.compile(rb"<Code>([^<]*)</Code>")
_REGION: Final = re.compile(rb"<Region>([^<]*)</Region>")
_CREDENTIALS: Final = "set storage.access_key and storage.secret_key, or give boto3 credentials of its own"
_LOOK: Final = "check storage.endpoint, storage.region and the network"


class Tellings:
    """Writes the failures of one store."""

    def __init__(self, config: StorageConfig, limits: Limits) -> None:
        self._place = place_of(config)
        self._limits = limits

    def refused(self, answer: Answer, skew_s: float | None) -> StorageFailure:
        """Sort an answer that is no success.

        Args:
            answer: of the store.
            skew_s: how far the store's clock is ahead of ours; None if it did not say.
        """
        code = code_of(answer)
        kind = kind_of(code, answer.status)
        out = way_out(code, kind)
        if code in WRONG_REGION_CODES:
            out = _right_region(answer)
        if code in ("RequestTimeTooSkewed", "RequestExpired") and skew_s is not None:
            out = f"this machine's clock is {_told(skew_s)} the store's: set it (NTP)"
        throttled = is_throttled(code, answer.status)
        return self.failure(f"{code} (status {answer.status})", out, kind, code, throttled=throttled)

    def unanswered(self, error: UnansweredError) -> StorageFailure:
        """Sort why no answer came."""
        if error.distrust is not None:
            what, out = _untrusted(error.distrust)
            return self.failure(what, out, FailureKind.DESTINATION, error.code)
        if error.code == "TLSFailed":
            out = "check that storage.endpoint is an https server, and storage.ca_file"
            return self.failure("the TLS handshake failed", out, FailureKind.DESTINATION, error.code)
        what = f"{self._network(error.code)} ({error.code})"
        return self.failure(what, _LOOK, FailureKind.PASSING, error.code)

    def not_ready(self, error: Exception) -> StorageFailure:
        """Sort why boto3 could not say where to go or who we are."""
        kind = FailureKind.DESTINATION
        code = type(error).__name__
        match error:
            case ConfigError():
                return StorageFailure(error.problems[0], kind=kind, code="SecretFile")
            case UnusualSigningError():
                what, out = "this kind of bucket is signed for in its own way", "use an ordinary bucket"
            case ConnectionError() | HTTPClientError():
                kind = FailureKind.PASSING
                what, out = "the source of boto3's credentials cannot be reached", "check the network"
            case NoCredentialsError() | PartialCredentialsError() | CredentialRetrievalError():
                what, out = "no usable credentials were found", _CREDENTIALS
            case ClientError():
                what, out = "the source of boto3's credentials refuses", "check the role and the profile"
            case NoRegionError():
                what, out = "no region is known", "set storage.region"
            case OSError():
                what, out = "the file of authorities cannot be read", "check storage.ca_file and AWS_CA_BUNDLE"
            case BotoCoreError() | _:
                what, out = "botocore refuses these settings", "check storage.url, storage.endpoint and storage.region"
        return self.failure(f"{what} ({code})", out, kind, code)

    def other_bytes(self, wrong: str) -> StorageFailure:
        """Say that a store seems to have something else than it was sent."""
        out = "it is stored again; if the store is right, its ETag is no MD5: set storage.verify_digest = false"
        return self.failure(wrong, out, FailureKind.PASSING, "DigestMismatch")

    def failure(self, what: str, out: str, kind: FailureKind, code: str, *, throttled: bool = False) -> StorageFailure:
        """Write one failure of this store: what is wrong, and the way out."""
        text = f"storage.url: {self._place}: {what}: {out}"
        return StorageFailure(text, kind=kind, code=code, throttled=throttled)

    def _network(self, code: str) -> str:
        match code:
            case "EndpointConnectionError":
                return "cannot connect"
            case "ConnectTimeoutError":
                return f"no connection within {self._limits.connect_s:g} s"
            case "ReadTimeoutError":
                return f"no answer within {self._limits.read_s:g} s"
            case "DeadlineExceeded":
                return f"not done within {self._limits.whole_s:g} s"
            case "ProxyConnectionError":
                return "cannot connect through the proxy that HTTPS_PROXY or HTTP_PROXY names"
            case "ResponseParserError":
                return "the answer is not that of an S3 store"
            case _:
                return "the connection broke off"


def place_of(config: StorageConfig) -> str:
    """Say which bucket where, without anything secret."""
    region = f" (region {config.region})" if config.region else ""
    if not config.endpoint:
        return f"s3://{config.bucket} at Amazon{region}"
    parts = urlsplit(config.endpoint)
    port = f":{parts.port}" if parts.port else ""
    return f"s3://{config.bucket} at {parts.scheme}://{parts.hostname}{port}{region}"


def code_of(answer: Answer) -> str:
    """The answer's error code; one made of its status where it has none."""
    found = _CODE.search(answer.body)
    code = _harmless(found[1]) if found else ""
    return f"HTTP{answer.status}" if not code or code.isdigit() else code


def _harmless(told: bytes) -> str:
    return _NOT_IN_A_CODE.sub("", told.decode("latin-1"))[:_CODE_CHARACTERS_MAX]


def _right_region(answer: Answer) -> str:
    found = _REGION.search(answer.body)
    told = _harmless(found[1] if found else answer.headers.get("x-amz-bucket-region", "").encode())
    if told:
        return f"the region is wrong: set storage.region to {told}"
    return "the region is wrong: set storage.region to the one that the bucket is in"


def _told(skew_s: float) -> str:
    minutes, seconds = divmod(round(abs(skew_s)), 60)
    hours, minutes = divmod(minutes, 60)
    parts = [f"{number} {unit}" for number, unit in ((hours, "h"), (minutes, "min"), (seconds, "s")) if number]
    return f"{' '.join(parts) or '0 s'} {'behind' if skew_s > 0 else 'ahead of'}"


def _untrusted(distrust: Distrust) -> tuple[str, str]:
    """Say what is wrong with a certificate, and what to do."""
    cause = " ".join(distrust.message.split()).rstrip(".")[:200]
    match distrust.code:
        case 10:  # expired
            out = "have the server's certificate renewed, or set the clock of this machine (NTP)"
        case 9:  # not yet valid
            out = "set the clock of this machine (NTP), or have the server's certificate mended"
        case 62 | 64:  # another host, another address
            out = "mend the host in storage.endpoint, or have the server's certificate made for that host"
        case _:
            out = "set storage.ca_file to the CA of that server, or mend the host in storage.endpoint"
    return f"its certificate is not trusted: {cause}", out
