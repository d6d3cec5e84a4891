"""Failures of a store, sorted by what helps: waiting, mending the settings, or giving the still up.

Codes are those of the S3 API (https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html) and what compatible
stores were seen to answer.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from stillcast.errors import StorageError


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


_PASSING: Final = frozenset(
    {
        "BadDigest",  # changed on the way
        "BandwidthLimitExceeded",
        "Busy",
        "ConditionalRequestConflict",
        "IncompleteBody",
        "InternalError",
        "OperationAborted",
        "RequestLimitExceeded",
        "RequestTimeout",
        "RequestTimeoutException",
        "ServerBusy",
        "ServiceUnavailable",
        "SlowDown",
        "SlowDownRead",
        "SlowDownWrite",
        "TemporaryRedirect",
        "Throttling",
        "ThrottlingException",
        "TooManyRequests",
        "TooManyRequestsException",
        "XAmzContentChecksumMismatch",
        "XAmzContentSHA256Mismatch",
    }
)
_ITEM: Final = frozenset({"EntityTooLarge", "InvalidURI", "KeyTooLongError", "XMinioInvalidObjectName"})
_PASSING_STATUS: Final = frozenset({408, 425, 429})
_NEVER_PASSING_STATUS: Final = frozenset({501, 505, 507})
_SERVER_ERRORS: Final = 500

# What a person has to do about each, after the bucket and the endpoint have been named.
_WAYS_OUT: Final = {
    "AccessDenied": "allow s3:PutObject on this bucket and prefix for this key",
    "AccountProblem": "look into the account at the provider",
    "AllAccessDisabled": "look into the account at the provider",
    "BucketQuotaExceeded": "raise the bucket's quota or free space in it",
    "EntityTooLarge": "lower capture.max_size or capture.quality",
    "ExpiredToken": "renew storage.session_token and the keys that belong to it",
    "Forbidden": "allow s3:PutObject on this bucket and prefix for this key",
    "InvalidAccessKeyId": "the store does not know storage.access_key: mend it, or make that key",
    "InvalidBucketName": "mend the bucket in storage.url",
    "InvalidToken": "mend storage.session_token, or leave it away with keys that need none",
    "KeyTooLongError": "shorten storage.prefix, cname or uid",
    "NoSuchBucket": "make the bucket, or mend it in storage.url, or mend storage.endpoint or storage.region",
    "NotSignedUp": "look into the account at the provider",
    "QuotaExceeded": "raise the quota at the provider or free space there",
    "RequestExpired": "set the clock of this machine (NTP)",
    "RequestTimeTooSkewed": "set the clock of this machine (NTP): it is too far from the store's",
    "SignatureDoesNotMatch": "the secret key does not belong to the access key: mend storage.secret_key or its file",
    "UnauthorizedAccess": "allow s3:PutObject on this bucket and prefix for this key",
    "XMinioStorageFull": "free space in the store",
}
WRONG_REGION_CODES: Final = frozenset(
    {"AuthorizationHeaderMalformed", "IllegalLocationConstraintException", "PermanentRedirect", "HTTP301"}
)


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
