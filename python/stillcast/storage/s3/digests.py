"""Whether the store has what we sent, by the digests of its answer."""

from __future__ import annotations

import base64
import hashlib
import re
import threading
import zlib
from collections.abc import Mapping
from typing import Final

_MD5: Final = re.compile(r'"?([0-9a-fA-F]{32})"?')
_KEYS_MAX: Final = 1024


class Digests:
    """Asks for digests and compares them; any thread may call its methods.

    S3 answers a put with an ETag that is the body's MD5, unless the object is encrypted with a key of KMS or of the
    caller; Amazon also repeats a checksum that was sent. Source:
    https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html.
    """

    def __init__(self, *, create_only: bool, verify: bool, sends_checksum: bool) -> None:
        """Describe what is wanted.

        Args:
            create_only: ask the store never to replace an object.
            verify: compare the digests of answers.
            sends_checksum: send a CRC-32 too; not every compatible store takes it.
        """
        self._create_only = create_only
        self._verify = verify
        self._sends_checksum = sends_checksum
        self._mutex = threading.Lock()  # guards _damaged
        self._damaged: dict[str, None] = {}  # keys that are there with other bytes, the latest 1,024

    def headers(self, key: str, body: bytes, *, replaces: bool = False) -> dict[str, str]:
        """What a put of this key says of it; ``replaces`` where it is meant to, whatever the settings say."""
        wanted = {}
        if self._create_only and not replaces and not self._is_damaged(key):
            wanted["if-none-match"] = "*"
        if self._sends_checksum:
            wanted["x-amz-checksum-crc32"] = _crc32(body)
        return wanted

    def mismatch(self, key: str, body: bytes, headers: Mapping[str, str]) -> str | None:
        """Say what of a successful answer is not as it has to be; None if all is well or nothing can be compared."""
        wrong = _mismatch(body, headers) if self._verify else None
        if self._create_only:
            self._note(key, is_damaged=wrong is not None)
        return wrong

    def _is_damaged(self, key: str) -> bool:
        with self._mutex:
            return key in self._damaged

    def _note(self, key: str, *, is_damaged: bool) -> None:
        with self._mutex:
            self._damaged.pop(key, None)
            if is_damaged:
                self._damaged[key] = None
                if len(self._damaged) > _KEYS_MAX:
                    del self._damaged[next(iter(self._damaged))]


def _mismatch(body: bytes, headers: Mapping[str, str]) -> str | None:
    if (told := headers.get("x-amz-checksum-crc32")) is not None:
        return None if told == _crc32(body) else "its CRC-32 is not that of what was sent"
    if "etag" not in headers:
        return "its answer has no ETag, as if it were no S3 store"
    found = _MD5.fullmatch(headers["etag"])
    if found is None or _is_encrypted(headers) or found[1].lower() == _md5(body):
        return None
    return "its ETag is not the MD5 of what was sent"


def _is_encrypted(headers: Mapping[str, str]) -> bool:
    by_kms = headers.get("x-amz-server-side-encryption", "").startswith("aws:kms")
    return by_kms or "x-amz-server-side-encryption-customer-algorithm" in headers


def _crc32(body: bytes) -> str:
    return base64.b64encode(zlib.crc32(body).to_bytes(4, "big")).decode()


def _md5(body: bytes) -> str:
    return hashlib.md5(body, usedforsecurity=False).hexdigest()
