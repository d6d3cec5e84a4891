"""What a bucket holds, held against what was announced."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Collection

from PIL import Image

from stillcast.receiver import ReceivedStill
from support.servers import S3Server


def assert_bucket_is_as_announced(server: S3Server, prefix: str, announced: Collection[ReceivedStill]) -> None:
    """Every announced object is there with the bytes, the size and the type that were told, and nothing else is."""
    keys = server.all_keys(prefix)
    assert sorted(keys) == sorted(still.object_key for still in announced)
    assert len({still.sid for still in announced}) == len(keys), "a still has two keys"
    for still in announced:
        found = server.get(still.object_key)
        assert found["ContentType"] == "image/jpeg"
        assert still.still is not None
        assert still.still["bytes"] == len(found["Body"])
        assert still.still["sha256"] == hashlib.sha256(found["Body"]).hexdigest()
        with Image.open(io.BytesIO(found["Body"])) as picture:
            picture.load()  # decodes it: a cut file fails here
            assert picture.format == "JPEG"
            assert picture.size == (still.still["width"], still.still["height"])
