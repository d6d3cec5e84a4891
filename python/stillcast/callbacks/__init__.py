"""Tells the user's server of one still: the body, its checksum and signature, and the attempts."""

from __future__ import annotations

from stillcast.callbacks.body import Named, Pictured, build_body, build_missed_body, checksum, new_request_id
from stillcast.callbacks.notifier import CallbackFailure, Notifier
from stillcast.callbacks.signature import webhook_signature

__all__ = [
    "CallbackFailure",
    "Named",
    "Notifier",
    "Pictured",
    "build_body",
    "build_missed_body",
    "checksum",
    "new_request_id",
    "webhook_signature",
]
