"""What a source's address means: which kind it is and how FFmpeg has to open it."""

from __future__ import annotations

import os
import re
import stat
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from stillcast.errors import SourceError
from stillcast.redaction import Redactor, address_secrets, without_secrets

_LIVE_OPTIONS: dict[str, dict[str, str]] = {
    # TCP, because over UDP one lost datagram tears pictures. One second of analysis, because what is read for it is
    # late when it is shown.
    "rtsp": {"rtsp_transport": "tcp", "analyzeduration": "1000000"},
    "rtsps": {"rtsp_transport": "tcp", "analyzeduration": "1000000"},
    "rtmp": {"rtmp_live": "live", "analyzeduration": "1000000"},
    "rtmps": {"rtmp_live": "live", "analyzeduration": "1000000"},
}
_CAMERA_FORMATS = ("v4l2", "avfoundation", "dshow")


class SourceKind(StrEnum):
    """Where the frames come from, as far as playing them has to know."""

    FILE = "file"
    LAVFI = "lavfi"
    CAMERA = "camera"
    LIVE = "live"
    HTTP = "http"


@dataclass(frozen=True, slots=True)
class Location:
    """An address that was understood.

    Attributes:
        url: as the user gave it.
        kind: what it is.
        target: what FFmpeg is told to open.
        format: FFmpeg's name of the input format, or None to let it find out.
        options: FFmpeg's options for opening it.
    """

    url: str = field(repr=False)  # may hold a password, as the target may
    kind: SourceKind
    target: str = field(repr=False)
    format: str | None = None
    options: dict[str, str] = field(default_factory=dict)

    @property
    def is_live(self) -> bool:
        """True for what comes back after a break: cameras and network streams."""
        return self.kind in (SourceKind.CAMERA, SourceKind.LIVE, SourceKind.HTTP)

    @property
    def is_paced(self) -> bool:
        """True if frames come faster than they are due: files, test pictures, and HTTP with its bursts of segments."""
        return self.kind in (SourceKind.FILE, SourceKind.LAVFI, SourceKind.HTTP)

    @property
    def shown(self) -> str:
        """The address for messages: without passwords and tokens."""
        return without_secrets(self.url) if "://" in self.url else self.url

    def masked(self, text: str) -> str:
        """Mask user, password and query of the address in a text that somebody else wrote."""
        return Redactor(address_secrets(self.url)).masked(text.replace(self.url, self.shown))


def locate(url: str) -> Location:
    """Understand a source's address.

    Args:
        url: a path, ``file:`` and a path, ``lavfi:`` and a filter graph, ``/dev/video0``, ``v4l2:/dev/video0``,
            ``avfoundation:0``, or the URL of a network stream.

    Returns:
        The location; nothing was opened yet.
    """
    if (graph := _after(url, "lavfi:")) is not None:
        return Location(url, SourceKind.LAVFI, graph, "lavfi")
    for name in _CAMERA_FORMATS:
        if (device := _after(url, f"{name}:")) is not None:
            return Location(url, SourceKind.CAMERA, device, name)
    scheme = re.match(r"([A-Za-z][A-Za-z0-9+.-]*)://", url)
    if scheme and scheme[1].lower() != "file":
        name = scheme[1].lower()
        kind = SourceKind.HTTP if name in ("http", "https") else SourceKind.LIVE
        return Location(url, kind, url, None, _LIVE_OPTIONS.get(name, {}))
    path = _after(url, "file://") or _after(url, "file:") or url
    if _is_device(path):
        return Location(url, SourceKind.CAMERA, path, "v4l2")
    return Location(url, SourceKind.FILE, path)


def check_file(location: Location) -> None:
    """Refuse a file that cannot be a video before FFmpeg says something less clear about it.

    Raises:
        SourceError: it is missing, empty, a directory, or not ours to read.
    """
    path = Path(location.target)
    try:
        facts = path.stat()
        if stat.S_ISDIR(facts.st_mode):
            raise SourceError(problem(location, "is a directory", "name one video file"))
        if stat.S_ISREG(facts.st_mode) and not facts.st_size:
            raise SourceError(problem(location, "is empty (0 bytes)", "check how the file was made or copied"))
    except FileNotFoundError:
        raise SourceError(problem(location, "no such file", "check the path")) from None
    except OSError as error:
        text = (error.strerror or str(error)).lower()
        raise SourceError(problem(location, text, "check the path and its permissions")) from None
    if not os.access(path, os.R_OK):
        raise SourceError(problem(location, "permission denied", "let this user read it"))


def problem(location: Location, what: str, way_out: str) -> str:
    """Write the text of every error of a source: its address, what is wrong, the way out."""
    return f'source: "{location.shown}": {what}: {way_out}'


def _after(text: str, start: str) -> str | None:
    return text[len(start) :] if text.startswith(start) else None


def _is_device(path: str) -> bool:
    try:
        return stat.S_ISCHR(Path(path).stat().st_mode)
    except (OSError, ValueError):
        return path.startswith("/dev/video")
