"""Bytes and ages for people."""

from __future__ import annotations


def in_words(size: int) -> str:
    """Say a number of bytes in the unit that fits: ``640 bytes``, ``12.5 MiB``; below 0 it is ``0 bytes``."""
    if size < 1 << 10:
        return f"{max(0, size)} bytes"
    value, unit = float(size), ""
    for unit in ("KiB", "MiB", "GiB", "TiB"):  # noqa: B007
        value /= 1024
        if value < 1024:
            break
    return f"{value:.1f} {unit}"


def age(seconds: float) -> str:
    """Say how long ago something was, in at most five characters: ``59s``, ``12m``, ``47h``, ``99d``."""
    for unit, size in (("d", 48 * 3600), ("h", 3600), ("m", 60)):
        if seconds >= size:
            return f"{int(seconds // (86400 if unit == 'd' else size))}{unit}"
    return f"{int(seconds)}s"
