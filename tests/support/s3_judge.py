"""Whether a request may do what it asks: judged by botocore's own signer, refused in the order that Amazon has."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

SKEW_MAX_S = 15 * 60
_SCHEME = re.compile(
    r"AWS4-HMAC-SHA256 Credential=(?P<key>[^/,]+)/(?P<day>\d{8})/(?P<region>[^/,]*)/s3/aws4_request, ?"
    r"SignedHeaders=(?P<headers>[a-z0-9;-]+), ?Signature=(?P<signature>[0-9a-f]{64})"
)
ALL = frozenset({"put", "get", "list", "delete"})


@dataclass(frozen=True)
class Key:
    """One access key of the store: its secret, the session token that belongs to it, and what it may do."""

    secret: str
    token: str | None = None
    rights: frozenset[str] = ALL


@dataclass
class Request:
    """One request as it came over the wire.

    Attributes:
        names: the headers as they were spelt, in order.
        proxied: the whole address, where the request took us for a proxy.
    """

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes = b""
    names: list[str] = field(default_factory=list)
    proxied: str | None = None


class Refused(Exception):  # noqa: N818
    """The store says no; ``extra`` goes into the XML."""

    def __init__(self, status: int, code: str, extra: str = "") -> None:
        super().__init__(code)
        self.status = status
        self.code = code
        self.extra = extra


def check_request(request: Request, keys: Mapping[str, Key], *, region: str, now: float, url: str) -> Key:
    """Give the key that signed the request.

    Raises:
        Refused: as Amazon would.
    """
    signed = _SCHEME.fullmatch(request.headers.get("authorization", ""))
    if signed is None:
        raise Refused(403, "AccessDenied")
    key = keys.get(signed["key"])
    if key is None:
        raise Refused(403, "InvalidAccessKeyId")
    if request.headers.get("x-amz-security-token") != key.token:
        raise Refused(400, "InvalidToken")
    if signed["region"] != region:
        raise Refused(400, "AuthorizationHeaderMalformed", f"<Region>{region}</Region>")
    _check_time(request, now)
    if not hmac.compare_digest(_signature(request, signed, key, url), signed["signature"]):
        raise Refused(403, "SignatureDoesNotMatch")
    _check_body(request)
    return key


def _check_time(request: Request, now: float) -> None:
    try:
        told = datetime.strptime(request.headers.get("x-amz-date", ""), "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        raise Refused(403, "AccessDenied") from None
    if abs(told.timestamp() - now) > SKEW_MAX_S:
        raise Refused(403, "RequestTimeTooSkewed")


def _signature(request: Request, signed: re.Match[str], key: Key, url: str) -> str:
    """What botocore's signer makes of the very headers that were signed."""
    headers = {name: request.headers.get(name, "") for name in signed["headers"].split(";")}
    if not {"host", "x-amz-date", "x-amz-content-sha256"} <= headers.keys():
        raise Refused(403, "AccessDenied", "<Reason>not all headers that matter are signed</Reason>")
    again = AWSRequest(request.method, url + request.target, headers=headers, data=request.body)
    again.context["timestamp"] = request.headers["x-amz-date"]
    signer = S3SigV4Auth(Credentials(signed["key"], key.secret, key.token), "s3", signed["region"])
    return str(signer.signature(signer.string_to_sign(again, signer.canonical_request(again)), again))


def _check_body(request: Request) -> None:
    told = request.headers["x-amz-content-sha256"]
    if told != "UNSIGNED-PAYLOAD" and told != hashlib.sha256(request.body).hexdigest():
        raise Refused(400, "XAmzContentSHA256Mismatch")
    for header, digest in _DIGESTS.items():
        if header in request.headers and _decoded(request.headers[header]) != digest(request.body):
            raise Refused(400, "BadDigest")


def _decoded(value: str) -> bytes:
    try:
        return base64.b64decode(value, validate=True)
    except binascii.Error:
        raise Refused(400, "InvalidDigest") from None


def crc32(body: bytes) -> bytes:
    """The digest of ``x-amz-checksum-crc32`` before its base64."""
    return binascii.crc32(body).to_bytes(4, "big")


_DIGESTS: Mapping[str, Callable[[bytes], bytes]] = {
    "content-md5": lambda body: hashlib.md5(body).digest(),
    "x-amz-checksum-crc32": crc32,
}
