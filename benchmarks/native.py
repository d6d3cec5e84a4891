"""The shared library of the floor and of the peers in C and C++, which the preset ``bench`` builds."""

from __future__ import annotations

import ctypes
import functools
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.frames import Array

BUILD = Path(__file__).parents[1] / "build" / "bench" / "benchmarks" / "cpp"
STAGES = BUILD / "stillcast_stages"

_INT, _SIZE, _POINTER = ctypes.c_int, ctypes.c_size_t, ctypes.c_void_p
_OUT = ctypes.POINTER(ctypes.c_void_p)
_SIGNATURES: dict[str, tuple[Any, list[Any]]] = {
    "floor_new": (_POINTER, [_INT] * 3),
    "floor_free": (None, [_POINTER]),
    "floor_picture_new": (_POINTER, [_INT, _INT, _POINTER]),
    "floor_picture_free": (None, [_POINTER]),
    "floor_read": (None, [_POINTER, _POINTER, _SIZE]),
    "floor_encode": (_SIZE, [_POINTER, _POINTER, _OUT]),
    "floor_still": (_SIZE, [_POINTER, _POINTER, _SIZE, _POINTER, _OUT]),
    "libyuv_new": (_POINTER, [_INT] * 5),
    "libyuv_free": (None, [_POINTER]),
    "libyuv_still": (_SIZE, [_POINTER, _POINTER, _OUT]),
    "ours_new": (_POINTER, [*[_INT] * 5, ctypes.c_char_p]),
    "ours_free": (None, [_POINTER]),
    "ours_still": (_SIZE, [_POINTER, _POINTER, _OUT]),
    "gstreamer_new": (_POINTER, [_INT] * 5),
    "gstreamer_free": (None, [_POINTER]),
    "gstreamer_still": (_SIZE, [_POINTER, _POINTER, _SIZE, _OUT]),
}


@functools.cache
def library() -> ctypes.CDLL:
    """Its functions; those of libraries that were not there when it was built are missing."""
    try:
        return ctypes.CDLL(str(BUILD / "libstillcast_peers.so"))
    except OSError as error:
        raise ImportError(f"{error}; build it: tools/bench-cpp") from error


def function(name: str) -> Any:
    """A function of the library with its types; ImportError where the peer was not built."""
    try:
        found = getattr(library(), name)
    except AttributeError as error:
        raise ImportError(f"{name} was not built: its library is missing, see tools/system-packages") from error
    found.restype, found.argtypes = _SIGNATURES[name]
    return found


class Handle:
    """An object of the library: its pointer, and what frees it."""

    def __init__(self, kind: str, *arguments: object) -> None:
        self._free = function(f"{kind}_free")
        self.pointer = function(f"{kind}_new")(*arguments)
        if not self.pointer:
            raise ImportError(f"{kind} could not be set up: a part of its library is missing")

    def __del__(self) -> None:
        if getattr(self, "pointer", None):
            self._free(self.pointer)


class JpegPointer:
    """Where the library says that a JPEG lies."""

    def __init__(self) -> None:
        self._pointer = ctypes.c_void_p()
        self.out = ctypes.byref(self._pointer)

    def take(self, count: int) -> bytes:
        """Copy the JPEG out, as a caller from Python has to."""
        if not count:
            raise RuntimeError("the peer made no still")
        return ctypes.string_at(self._pointer.value or 0, count)


def address(array: Array) -> int:
    """Of the first byte; contiguous arrays only."""
    assert array.flags.c_contiguous
    assert array.dtype == np.uint8
    return array.ctypes.data
