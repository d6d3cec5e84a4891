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
    told = [still.object_key for still in announced]
    assert sorted(keys) == sorted(told), f"only stored: {set(keys) - set(told)}, only told: {set(told) - set(keys)}"
    assert len({still.sid for still in announced}) == len(keys), "a still has two keys"
    for still in announced:
        found = server.get(still.object_key)
        body, facts = found["Body"], still.still
        assert found["ContentType"] == "image/jpeg", found["ContentType"]
        assert facts is not None, "the body was not extended"
        assert facts["bytes"] == len(body), (facts, len(body))
        assert facts["sha256"] == hashlib.sha256(body).hexdigest(), facts
        with Image.open(io.BytesIO(body)) as picture:
            picture.load()  # decodes it: a cut file fails here
            assert picture.format == "JPEG", picture.format
            assert picture.size == (facts["width"], facts["height"]), (facts, picture.size)
