"""Failures of a store, sorted by what helps: waiting, mending the settings, or giving the still up.

Codes are those of the S3 API (https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html) and what compatible
stores were seen to answer.
"""

from __future__ import annotations

import errno
from enum import StrEnum
from typing import Final

from stillcast.errors import StorageError
from stillcast.redaction import shown


class FailureKind(StrEnum):
    """What helps against a failure."""

    PASSING = "passing"
    """Time: the network, an overload, a restart."""
    DESTINATION = "destination"
    """A person: rights, keys, bucket, region, certificate; every still would fail alike."""
    ITEM = "item"
    """Nothing: this still can never be stored, others can."""


class StorageFailure(StorageError):  # noqa: N818  # the name that the delivery and its readers know
    """A still was not stored.

    Attributes:
        kind: what helps.
        code: short and stable, to count by: an S3 error code, or the name of what happened.
        throttled: the store is well and asks for fewer requests at a time.
    """

    def __init__(self, message: str, *, kind: FailureKind, code: str, throttled: bool = False) -> None:
        super().__init__(message)
        self.kind = kind
        self.code = code
        self.throttled = throttled


def unknown_time(key: str) -> StorageFailure:
    """Say that an object stands where a feed's newest picture belongs, and does not say when it was captured."""
    text = f"storage.url: {shown(key)}: does not say when it was captured: it is replaced by the next still of its feed"
    return StorageFailure(text, kind=FailureKind.ITEM, code="UnknownCaptureTime")


_THROTTLED: Final = frozenset(
    {
        "BandwidthLimitExceeded",
        "EC2ThrottledException",
        "Busy",
        "LimitExceededException",
        "PriorRequestNotComplete",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "ServerBusy",
        "ServiceUnavailable",
        "SlowDown",
        "SlowDownRead",
        "SlowDownWrite",
        "ThrottledException",
        "Throttling",
        "ThrottlingException",
        "TooManyRequests",
        "TooManyRequestsException",
        "TransactionInProgressException",
    }
)
_PASSING: Final = _THROTTLED | {
    "BadDigest",  # changed on the way
    "ClientDisconnected",
    "ConditionalRequestConflict",
    "IncompleteBody",
    "InternalError",
    "OperationAborted",
    "PreconditionFailed",
    "RequestTimeout",
    "RequestTimeoutException",
    "TemporaryRedirect",
    "XAmzContentChecksumMismatch",
    "XAmzContentSHA256Mismatch",
    "XMinioBackendDown",
    "XMinioIAMNotInitialized",
}
_ITEM: Final = frozenset(
    {
        "EntityTooLarge",
        "ExistingObjectIsDirectory",  # SeaweedFS keeps keys as paths, as MinIO below
        "ExistingObjectIsFile",
        "InvalidObjectName",
        "InvalidURI",
        "KeyTooLongError",
        "XMinioInvalidObjectName",
        "XMinioObjectExistsAsDirectory",
        "XMinioParentIsObject",
    }
)
_PASSING_STATUS: Final = frozenset({408, 425, 429})
_THROTTLED_STATUS: Final = frozenset({429, 503})
_NEVER_PASSING_STATUS: Final = frozenset({501, 505, 507})
_SERVER_ERRORS: Final = 500

_RIGHTS: Final = "allow s3:PutObject on this bucket and prefix for this key"
_ACCOUNT: Final = "look into the account at the provider"
_RENEW: Final = "renew storage.session_token and the keys that belong to it"
_QUOTA: Final = "raise the quota at the provider or free space there"

# What a person has to do about each, after the bucket and the endpoint have been named.
_WAYS_OUT: Final = {
    "AccessDenied": _RIGHTS,
    "AccountProblem": _ACCOUNT,
    "AllAccessDisabled": _ACCOUNT,
    "BucketQuotaExceeded": "raise the bucket's quota or free space in it",
    "EntityTooLarge": "lower capture.max_size or capture.quality",
    "ExpiredToken": _RENEW,
    "ExpiredTokenException": _RENEW,
    "Forbidden": _RIGHTS,
    "InvalidAccessKeyId": "the store does not know storage.access_key: mend it, or make that key",
    "InvalidBucketName": "mend the bucket in storage.url",
    "InvalidClientTokenId": "the store does not know storage.access_key: mend it, or make that key",
    "InvalidPayer": _ACCOUNT,
    "InvalidSecurity": _ACCOUNT,
    "InvalidToken": "mend storage.session_token, or leave it away with keys that need none",
    "KMS.AccessDeniedException": "allow kms:GenerateDataKey on the bucket's key for this key",
    "KMS.DisabledException": "enable the key that the bucket is encrypted with",
    "KMS.NotFoundException": "mend the key that the bucket is encrypted with",
    "KeyTooLong": "shorten storage.prefix, cname or uid",
    "KeyTooLongError": "shorten storage.prefix, cname or uid",
    "MethodNotAllowed": "storage.endpoint is not an S3 store, or the bucket is in read-only mode: mend it",
    "NoSuchBucket": "make the bucket, or mend it in storage.url, or mend storage.endpoint or storage.region",
    "NotSignedUp": _ACCOUNT,
    "NotImplemented": "set storage.create_only = false if it is true, else look into the store's documentation",
    "QuotaExceeded": _QUOTA,
    "RequestExpired": "set the clock of this machine (NTP)",
    "RequestTimeTooSkewed": "set the clock of this machine (NTP): it is too far from the store's",
    "SignatureDoesNotMatch": "the secret key does not belong to the access key: mend storage.secret_key or its file",
    "TokenRefreshRequired": _RENEW,
    "UnauthorizedAccess": _RIGHTS,
    "UserSuspended": _ACCOUNT,
    "XMinioAdminBucketQuotaExceeded": "raise the bucket's quota or free space in it",
    "XMinioStorageFull": "free space in the store",
}
WRONG_REGION_CODES: Final = frozenset(
    {
        "AuthorizationHeaderMalformed",
        "HTTP301",
        "IllegalLocationConstraintException",
        "IncorrectEndpoint",
        "InvalidRegion",
        "PermanentRedirect",
        "Redirect",
    }
)


def is_throttled(code: str, status: int) -> bool:
    """Say whether a store asks for fewer requests at a time, and is well otherwise."""
    return code in _THROTTLED or status in _THROTTLED_STATUS


def kind_of(code: str, status: int) -> FailureKind:
    """Sort an answer of an S3 store.

    What is not known counts as the destination's: that way a code never seen before cannot lose a still.

    Args:
        code: S3 error code; may be empty.
        status: HTTP status.
    """
    if code in _ITEM:
        return FailureKind.ITEM
    if code in _WAYS_OUT or code in WRONG_REGION_CODES:
        return FailureKind.DESTINATION
    if code in _PASSING or status in _PASSING_STATUS:
        return FailureKind.PASSING
    if status >= _SERVER_ERRORS and status not in _NEVER_PASSING_STATUS:
        return FailureKind.PASSING
    return FailureKind.DESTINATION


def way_out(code: str, kind: FailureKind) -> str:
    """What to do about an answer of an S3 store."""
    if kind is FailureKind.PASSING:
        return "try again later"
    return _WAYS_OUT.get(code, "look the code up in the store's documentation, and check the [storage] settings")


# What goes wrong without an answer, or with one that is not what was asked for.
_OUR_OWN: Final = frozenset(
    {
        "CertificateNotTrusted",
        "ConnectTimeoutError",
        "ConnectionClosedError",
        "CredentialRetrievalError",
        "DeadlineExceeded",
        "DigestMismatch",
        "EndpointConnectionError",
        "InvalidKey",
        "NoCredentialsError",
        "NoRegionError",
        "PartialCredentialsError",
        "ProxyConnectionError",
        "ReadTimeoutError",
        "ResponseParserError",
        "SecretFile",
        "TLSFailed",
    }
)
KNOWN_CODES: Final = frozenset(
    _PASSING | _ITEM | _WAYS_OUT.keys() | WRONG_REGION_CODES | _OUR_OWN | set(errno.errorcode.values())
)
"""For whoever counts failures by code and must not count without end: a store may answer with any text as its code."""
