"""A directory as the store."""

from __future__ import annotations

import errno
import hashlib
import os
import secrets
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Final

from stillcast.exif import capture_time_of
from stillcast.redaction import shown
from stillcast.storage.failures import FailureKind, StorageFailure, unknown_time

_HEAD_BYTES: Final = 256  # of a JPEG: its Exif stands there
_NAME_BYTES_MAX: Final = 255  # of one path segment, on every common file system
_DESTINATION: Final = {
    errno.EACCES: "give this user write rights on it, or set storage.url elsewhere",
    errno.EPERM: "give this user write rights on it, or set storage.url elsewhere",
    errno.EROFS: "mount that disk for writing, or set storage.url elsewhere",
    errno.ENOTDIR: "a file is in the way: remove it, or set storage.url elsewhere",
    errno.EEXIST: "a file is in the way: remove it, or set storage.url elsewhere",
    errno.EISDIR: "a directory is in the way: remove it, or set storage.url elsewhere",
    errno.ENOSPC: "free space on that disk, or set storage.url elsewhere",
    errno.EDQUOT: "raise the quota of this user, or set storage.url elsewhere",
}


class DirectoryStore:
    """Stores each still as a file, its key being the path below one directory.

    A file appears under its name only when all of it is there. Any thread may call ``put``.
    """

    def __init__(self, directory: Path, *, sync: bool = False) -> None:
        """Describe the store; the directory is made by the first ``put``.

        Args:
            directory: where keys begin.
            sync: whether ``put`` returns only when the still is on the disk itself.
        """
        self._directory = directory
        self._sync = sync
        self._own = secrets.token_hex(8)

    def put(self, key: str, body: bytes, metadata: Mapping[str, str] | None = None) -> None:  # noqa: ARG002
        """Store one still; putting it again repeats the same file. A file has no metadata: its JPEG has Exif.

        Raises:
            StorageFailure: it was not stored.
        """
        # Named after the key, so that a put after a crash takes over what the crash left.
        self._put(self._path(key), body, hashlib.sha256(key.encode()).hexdigest()[:32])

    def put_latest(self, key: str, body: bytes, metadata: Mapping[str, str] | None = None) -> None:  # noqa: ARG002
        """Put a picture in the place of the one that is there, at once and whole.

        Raises:
            StorageFailure: it was not stored.
        """
        # Two agents may have the same feed: each writes into a draft of its own.
        self._put(self._path(key), body, f"{hashlib.sha256(key.encode()).hexdigest()[:16]}{self._own}")

    def latest_captured_at(self, key: str) -> datetime | None:
        """When the picture that is there was captured, by its Exif; None if there is none.

        Raises:
            StorageFailure: it cannot be read, or somebody else wrote it.
        """
        path = self._path(key)
        try:
            with open(path, "rb", opener=_without_waiting) as file:  # a Path takes no opener
                found = capture_time_of(file.read(_HEAD_BYTES))
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._failure(error) from error
        if found is None:
            raise unknown_time(key)
        return found

    def _put(self, path: Path, body: bytes, draft_name: str) -> None:
        draft = path.with_name(f".{draft_name}.part")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._write(draft, body)
            draft.replace(path)
            if self._sync:
                _sync_directory(path.parent)
        except OSError as error:
            draft.unlink(missing_ok=True) if path.parent.is_dir() else None
            raise self._failure(error) from error

    def check(self, key: str) -> None:
        """Refuse a key that no ``put`` could store.

        Raises:
            StorageFailure: of kind ITEM.
        """
        self._path(key)

    def tend(self) -> None:
        """Nothing is held."""

    def close(self) -> None:
        """Nothing is held."""

    @property
    def clock_skew_s(self) -> float | None:
        """None: a directory has no clock of its own."""
        return None

    def _path(self, key: str) -> Path:
        parts = key.split("/")
        where = f"storage.url: {self._directory}: the key {shown(key)}"
        if any(part in ("", ".", "..") or "\0" in part for part in parts):
            text = f"{where} would leave the directory: use names without . and .."
            raise StorageFailure(text, kind=FailureKind.ITEM, code="InvalidKey")
        if any(len(os.fsencode(part)) > _NAME_BYTES_MAX for part in parts):
            limit = f"longer than the {_NAME_BYTES_MAX} bytes of a file name"
            text = f"{where} is {limit}: shorten cname or uid, or store in S3"
            raise StorageFailure(text, kind=FailureKind.ITEM, code="KeyTooLongError")
        return self._directory.joinpath(*parts)

    def _write(self, draft: Path, body: bytes) -> None:
        with open(draft, "wb", opener=_not_through_a_link) as file:  # a Path takes no opener
            file.write(body)
            if self._sync:
                file.flush()
                os.fsync(file.fileno())

    def _failure(self, error: OSError) -> StorageFailure:
        code = errno.errorcode.get(error.errno or 0, "OSError")
        kind = FailureKind.DESTINATION if error.errno in _DESTINATION else FailureKind.PASSING
        out = _DESTINATION.get(error.errno or 0, "check that disk")
        text = f"storage.url: {self._directory}: cannot store: {error.strerror or error}: {out}"
        return StorageFailure(text, kind=kind, code=code)


def _not_through_a_link(path: str, flags: int) -> int:
    """Open a draft; where others may write too, they must not have us write into another file."""
    return os.open(path, flags | os.O_NOFOLLOW, 0o666)


def _without_waiting(path: str, flags: int) -> int:
    """Open what lies there; a pipe, which others may have put there, must not hold us up."""
    return os.open(path, flags | os.O_NONBLOCK)


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
