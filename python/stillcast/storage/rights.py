"""What the credentials of a bucket may do beyond storing stills, found out by trying it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from stillcast.config import StorageConfig
from stillcast.storage.s3.destination import make_client
from stillcast.storage.s3.limits import Limits

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_LIMITS: Final = Limits(read_s=10.0)
_REFUSED_STATUS: Final = frozenset({401, 403, 405, 501})  # the last two: stores that do not know the call at all


@dataclass(frozen=True, slots=True)
class Rights:
    """What was found out.

    Attributes:
        excess: what is allowed and need not be, each as the action's name and the place: ``s3:GetObject on stills``.
        unknown: what could not be found out, each as the action's name and the code of the answer.
    """

    excess: tuple[str, ...]
    unknown: tuple[str, ...]


def try_rights(config: StorageConfig, key: str, unused_key: str) -> Rights:
    """Try with the store's credentials what an agent never does; where deleting is allowed, the object is gone then.

    Args:
        config: a ``[storage]`` section with a bucket.
        key: of an object that was just stored, and that nobody needs.
        unused_key: of no object, outside ``storage.prefix``: what is allowed there is allowed in the whole bucket.
    """
    excess, unknown = [], []
    with closing(_client(config)) as client:
        for action, place, attempt in _attempts(client, config, key, unused_key):
            refusal = _refusal(attempt)
            if refusal is None:
                excess.append(f"{action} {place}")
            elif refusal:
                unknown.append(f"{action} ({refusal})")
    return Rights(tuple(excess), tuple(unknown))


def _attempts(
    client: S3Client, config: StorageConfig, key: str, unused_key: str
) -> Iterator[tuple[str, str, Callable[[], object]]]:
    bucket = config.bucket
    yield "s3:GetObject", "of stills", lambda: client.head_object(Bucket=bucket, Key=key)
    yield "s3:ListBucket", "of the bucket", lambda: client.list_objects_v2(Bucket=bucket, MaxKeys=1)
    yield "s3:DeleteObject", "of stills", lambda: client.delete_object(Bucket=bucket, Key=key)
    if config.prefix:
        yield "s3:DeleteObject", "outside storage.prefix", lambda: client.delete_object(Bucket=bucket, Key=unused_key)


def _refusal(attempt: Callable[[], object]) -> str | None:
    """Try it: None if it is allowed, empty if it is refused, otherwise why that is not known."""
    try:
        attempt()
    except ClientError as error:
        metadata: dict[str, Any] = dict(error.response.get("ResponseMetadata", {}))
        status = int(metadata.get("HTTPStatusCode", 0))
        return "" if status in _REFUSED_STATUS else f"status {status}"
    except (BotoCoreError, ValueError, OSError) as error:
        return type(error).__name__
    return None


def _client(config: StorageConfig) -> S3Client:
    access_key, secret_key = config.credentials() or (None, None)
    token = config.session_token.get_secret_value() if config.session_token else None
    return make_client(boto3.session.Session(access_key, secret_key, token), config, _LIMITS)
