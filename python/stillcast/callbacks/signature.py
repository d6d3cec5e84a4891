"""The signature that proves who sent a callback."""

from __future__ import annotations

import base64
import hashlib
import hmac


def webhook_signature(key: bytes, message_id: str, timestamp: int, body: bytes) -> str:
    """Sign as Standard Webhooks 1.0 has it: HMAC-SHA256 over id, timestamp and body.

    Source: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
    """
    signed = b".".join((message_id.encode(), str(timestamp).encode(), body))
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode("ascii")
