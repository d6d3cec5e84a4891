"""AWS Signature Version 4 of one request whose body is at hand.

Source: https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html. botocore's own signer does
the same for every request there can be, at more cost; the tests hold this one against it.
"""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

_ALGORITHM: Final = "AWS4-HMAC-SHA256"


@dataclass(frozen=True, slots=True)
class Keys:
    """Who signs: access key, secret key, and the session token of temporary credentials."""

    access_key: str = field(repr=False)
    secret_key: str = field(repr=False)
    token: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class _Day:
    """A key that signs for one day, and what it was made of."""

    day: str
    secret_key: str = field(repr=False)
    signing_key: bytes = field(repr=False)


class Signer:
    """Signs for one region of S3. Any thread may call ``sign``."""

    def __init__(self, region: str) -> None:
        self._region = region
        self._last: _Day | None = None  # replaced whole, so that no thread sees half of one

    def sign(
        self, method: str, path: str, headers: Mapping[str, str], *, sha256: str, keys: Keys, now_s: float
    ) -> dict[str, str]:
        """Give the headers to send: those given, and those that sign all of them.

        Args:
            method: of HTTP.
            path: percent-encoded, as it is sent; without a query.
            headers: names in lower case, ``host`` among them; values without spaces at their ends or in a row.
            sha256: of the body, in hex.
            keys: who signs.
            now_s: Unix time.
        """
        moment = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now_s))
        scope = f"{moment[:8]}/{self._region}/s3/aws4_request"
        given = {**headers, "x-amz-content-sha256": sha256, "x-amz-date": moment}
        if keys.token is not None:
            given["x-amz-security-token"] = keys.token
        names = sorted(given)
        signed = ";".join(names)
        lines = "".join([f"{name}:{given[name]}\n" for name in names])
        canonical = f"{method}\n{path}\n\n{lines}\n{signed}\n{sha256}"
        text = f"{_ALGORITHM}\n{moment}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
        signature = hmac.digest(self._signing_key(moment[:8], keys.secret_key), text.encode(), "sha256").hex()
        credential = f"{keys.access_key}/{scope}"
        given["authorization"] = f"{_ALGORITHM} Credential={credential}, SignedHeaders={signed}, Signature={signature}"
        return given

    def _signing_key(self, day: str, secret_key: str) -> bytes:
        last = self._last
        if last is not None and last.day == day and last.secret_key == secret_key:
            return last.signing_key
        key = f"AWS4{secret_key}".encode()
        for part in (day, self._region, "s3", "aws4_request"):
            key = hmac.digest(key, part.encode(), "sha256")
        self._last = _Day(day, secret_key, key)
        return key
