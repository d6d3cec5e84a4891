"""What FFmpeg's errors mean to whoever named the source."""

from __future__ import annotations

import av.error

from stillcast.errors import SourceError
from stillcast.sources.locations import Location, SourceKind, problem

HTTP_WAY_OUT = "if the server cannot serve parts of a file, copy it here and play the copy"
_CAUSES: dict[type[Exception], tuple[str, str]] = {
    av.error.InvalidDataError: (
        "is no video that FFmpeg knows, or its start or index is damaged",
        "play it with ffplay, copy it again if it is truncated",
    ),
    av.error.ProtocolNotFoundError: (
        "this build of FFmpeg does not speak its protocol",
        "check the scheme; for srt, install PyAV against an FFmpeg with libsrt (pip install --no-binary av av)",
    ),
    av.error.DemuxerNotFoundError: (
        "this build of FFmpeg has no such input",
        "cameras: v4l2 on Linux, avfoundation on macOS",
    ),
    av.error.ConnectionRefusedError: ("connection refused", "check host and port, and that the server runs"),
    av.error.HTTPNotFoundError: ("the server has no such stream (404)", "check the path, and that it is being sent"),
    av.error.HTTPUnauthorizedError: ("the server wants a login (401)", "put user and password into the address"),
    av.error.HTTPForbiddenError: ("the server refuses access (403)", "check user, password or token"),
}


class NeverPlayableError(SourceError):
    """Trying again cannot help: this build of FFmpeg lacks the protocol, format or decoder."""


def source_error(location: Location, error: Exception, *, silent_s: float) -> SourceError:
    """Make the error to raise ``from None``: what PyAV raised holds the whole address, password and all.

    Args:
        location: what was to be read.
        error: what PyAV raised.
        silent_s: the deadline that was set, in seconds.
    """
    kind = NeverPlayableError if isinstance(error, av.error.LookupError) else SourceError
    return kind(location.masked(describe(location, error, silent_s=silent_s)))


def describe(location: Location, error: Exception, *, silent_s: float) -> str:
    """Write what went wrong inside FFmpeg as a sentence with the way out.

    Args:
        location: what was to be read.
        error: what PyAV raised.
        silent_s: the deadline that was set, in seconds.
    """
    if isinstance(error, av.error.ExitError):  # what our own deadline makes of a blocked read
        return silence(location, silent_s)
    what, way_out = _CAUSES.get(type(error), (_text(error), "check the address and what serves it"))
    if isinstance(error, av.error.InvalidDataError) and location.is_live:
        what, way_out = "what it sends is no video that FFmpeg knows", "check the address and what serves it"
    if location.kind is SourceKind.HTTP and type(error) is av.error.OSError:
        what, way_out = f"the transfer broke off ({_text(error)})", HTTP_WAY_OUT
    if location.kind is SourceKind.LAVFI:
        what, way_out = f"FFmpeg cannot build this filter graph ({_text(error)})", "try it with ffplay -f lavfi"
    if location.kind is SourceKind.CAMERA:
        way_out = "check that the camera is plugged in, free, and this user may read it"
    return problem(location, what, way_out)


def silence(location: Location, seconds: float) -> str:
    """Say that a source gave nothing for so long."""
    return problem(location, f"stalled, no video for {seconds:g} s", "check that it is being sent")


def _text(error: Exception) -> str:
    text = getattr(error, "strerror", None) or str(error)
    return text[:1].lower() + text[1:]
