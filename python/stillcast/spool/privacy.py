"""Whose a spool is: pictures of people, which nobody else may read, replace or lead elsewhere."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from stillcast.errors import SpoolError

_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH
_ROOT = 0


def require_own(root: Path) -> None:
    """Refuse a spool directory that another user made or may write into: what lies in it could lead anywhere.

    Such a user could put links into it before we come, and have us truncate, change or fill what they lead to.

    Raises:
        SpoolError: it belongs to another user, or others may write into it.
        OSError: it cannot be looked at.
    """
    facts = root.stat()
    # A volume's own directory belongs to root and is open to all (Kubernetes); one below it is ours.
    way_out = "set spool.path to a directory below it that is not there yet"
    if facts.st_uid not in (os.geteuid(), _ROOT):
        text = f"belongs to user {facts.st_uid}, who could lead us astray: give it to user {os.geteuid()}, or {way_out}"
        raise SpoolError(f"spool.path: {root}: {text}")
    if facts.st_mode & _OTHERS_WRITE:
        text = f"has mode {stat.S_IMODE(facts.st_mode):04o}, which lets others write into it: run chmod 700 {root}"
        raise SpoolError(f"spool.path: {root}: {text}, or {way_out}")
