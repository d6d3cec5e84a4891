"""The durable local store between capture and upload: a directory of plain files, one a still.

``put`` is durable on return; a state is a directory, and a change of state is one rename. There is no ledger, so a full
disk still lets go of what is finished.
"""

from __future__ import annotations

from stillcast.spool.errors import SpoolInUseError, SpoolItemCorruptError, SpoolItemGoneError
from stillcast.spool.item import SpoolEntry, SpoolItem, State
from stillcast.spool.spool import Spool

__all__ = [
    "Spool",
    "SpoolEntry",
    "SpoolInUseError",
    "SpoolItem",
    "SpoolItemCorruptError",
    "SpoolItemGoneError",
    "State",
]
