"""Stores of every engine, opened on a front and closed after the test."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from stillcast.storage import FailureKind, StorageFailure, open_store
from stillcast.storage.s3 import Limits
from support.s3_front import ACCESS_KEY, SECRET_KEY, S3Front
from support.stills import make_still, storage_config

KEY = make_still(sid="ab" * 16).object_key
PATIENT = Limits()


@contextmanager
def opened(front: S3Front, *, limits: Limits = PATIENT, workers: int = 8, **changed: object) -> Iterator[Any]:
    """A store with the front's settings, closed at the end."""
    settings = front.settings(**changed)
    store = open_store(storage_config(str(settings.pop("url")), **settings), limits=limits, workers=workers)
    try:
        yield store
    finally:
        store.close()


def failed_put(store: Any, key: str = KEY, body: bytes = b"jpeg") -> StorageFailure:
    """The failure of a put, whose text is one line without secrets."""
    with pytest.raises(StorageFailure) as failure:
        store.put(key, body)
    text = str(failure.value)
    assert "\n" not in text
    assert "\x1b" not in text
    assert ACCESS_KEY not in text
    assert SECRET_KEY not in text
    assert len(text) < 500
    return failure.value


def kind_and_code(failure: StorageFailure) -> tuple[FailureKind, str]:
    return failure.kind, failure.code
