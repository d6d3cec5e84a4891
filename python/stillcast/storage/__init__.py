"""Where stills end: an S3 bucket, or a directory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stillcast.config import StorageConfig
from stillcast.errors import ConfigError
from stillcast.storage.directory import DirectoryStore
from stillcast.storage.failures import KNOWN_CODES, FailureKind, StorageFailure
from stillcast.storage.metadata import object_metadata

if TYPE_CHECKING:
    from stillcast.storage.s3 import Limits, S3Store
    from stillcast.storage.s3.obstore_store import ObstoreStore

__all__ = ["KNOWN_CODES", "DirectoryStore", "FailureKind", "StorageFailure", "object_metadata", "open_store"]


def open_store(
    config: StorageConfig, *, workers: int = 8, sync: bool = False, limits: Limits | None = None
) -> DirectoryStore | S3Store | ObstoreStore:
    """Make the store that the settings name; nothing is sent or written yet.

    Args:
        config: the ``[storage]`` section.
        workers: how many threads will call ``put`` at the same time.
        sync: whether a directory's ``put`` returns only when the still is on the disk itself. Set it where the spool
            has ``durability = "power"``: the spool forgets a still once it is stored.
        limits: how long a put into a bucket may take; None for the usual ones.

    Raises:
        ConfigError: the engine is not installed.
    """
    if config.kind == "file":
        return DirectoryStore(config.directory, sync=sync)
    if config.engine == "obstore":
        return _open_obstore(config, workers, limits)
    from stillcast.storage.s3 import S3Store  # noqa: PLC0415  # boto3 takes 0.2 s that a directory does not need

    return S3Store(config, workers=workers, limits=limits)


def _open_obstore(config: StorageConfig, workers: int, limits: Limits | None) -> ObstoreStore:
    try:
        from stillcast.storage.s3.obstore_store import ObstoreStore  # noqa: PLC0415  # an extra
    except ModuleNotFoundError as error:
        if error.name != "obstore":
            raise
        text = "storage.engine: obstore: is not installed: run pip install 'stillcast[obstore]', or use boto3"
        raise ConfigError(text) from None
    return ObstoreStore(config, workers=workers, limits=limits)
