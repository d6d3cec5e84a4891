"""What the two works have in common: judging the spool's errors, telling of a still."""

from __future__ import annotations

from typing import Literal

from stillcast.delivery.lane import Outcome
from stillcast.delivery.model import DeliveryEvent
from stillcast.delivery.notices import Notices
from stillcast.errors import SpoolError
from stillcast.spool import SpoolItem, SpoolItemCorruptError, SpoolItemGoneError

SETTLED = Outcome()
"""The item left the shelf without a word about the destination."""


def unreadable(error: SpoolError, notices: Notices) -> Outcome:
    """Judge what the spool said: gone and corrupt files are done with, a failing disk is tried again."""
    if isinstance(error, SpoolItemGoneError):
        return SETTLED
    notices.warn("spool", str(error))
    return SETTLED if isinstance(error, SpoolItemCorruptError) else Outcome(again=True)


def event(
    kind: Literal["stored", "announced", "dead"],
    item: SpoolItem,
    *,
    milliseconds: float | None = None,
    reason: str | None = None,
) -> DeliveryEvent:
    """Say what became of one still."""
    return DeliveryEvent(kind=kind, sid=item.sid, object_key=item.object_key, milliseconds=milliseconds, reason=reason)
