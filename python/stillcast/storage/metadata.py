"""What an object of S3 says of its still besides the picture: user metadata, ``x-amz-meta-…``.

Note [Why metadata always fits]: S3 takes 2 KB of user metadata, names and values together, and header values of ASCII
(https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingMetadata.html). ``cname`` and ``uid`` are encoded as in the
object key, whose 1,024 bytes hold both, and all the rest together is below 300 bytes. So no still can have too much,
and nothing has to be left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final, Protocol

from stillcast.naming import encode_name

CAPTURED_AT: Final = "captured-at"


class Stored(Protocol):
    """The facts of a still that go with its object."""

    @property
    def sid(self) -> str:
        """32 lowercase hex digits."""

    @property
    def cname(self) -> str:
        """The channel."""

    @property
    def uid(self) -> str:
        """The user."""

    @property
    def captured_at(self) -> datetime:
        """Capture time; aware."""

    @property
    def frame_age_ms(self) -> float:
        """Age of the frame when the still was made of it."""

    @property
    def sha256(self) -> str:
        """Of the JPEG, 64 lowercase hex digits."""


def object_metadata(still: Stored) -> dict[str, str]:
    """Write the metadata of a still's object: the same at every attempt, ASCII, without spaces.

    Returns:
        names without ``x-amz-meta-``, and values: ``cname`` and ``uid`` percent-encoded as in the object key,
        ``captured-at`` in ISO 8601, UTC, with milliseconds, ``frame-age-ms`` with three decimals.
    """
    utc = still.captured_at.astimezone(UTC).replace(tzinfo=None)
    return {
        "cname": encode_name("cname", still.cname),
        "uid": encode_name("uid", still.uid),
        "sid": still.sid,
        CAPTURED_AT: f"{utc.isoformat(timespec='milliseconds')}Z",
        "frame-age-ms": f"{still.frame_age_ms:.3f}",
        "sha256": still.sha256,
    }


def captured_at_in(metadata: Mapping[str, str]) -> datetime | None:
    """Read the capture time back; None where there is none, or one that we did not write.

    Args:
        metadata: as ``object_metadata`` writes it.
    """
    try:
        found = datetime.fromisoformat(metadata.get(CAPTURED_AT, ""))
    except ValueError:
        return None
    return found if found.utcoffset() is not None else None
