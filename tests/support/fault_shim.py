"""The LD_PRELOAD shim of ``tests/faults/shim.c``: built with the machine's compiler, steered through a mapped file."""

from __future__ import annotations

import errno
import mmap
import shutil
import struct
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum
from pathlib import Path

_SOURCE = Path(__file__).parents[1] / "faults" / "shim.c"
_DIRECTORY_BYTES = 1024
_NUMBER = struct.Struct("=Q")


class Call(IntEnum):
    """Classes of system calls, numbered as in the shim."""

    CREATE = 0
    OPEN = 1
    WRITE = 2
    READ = 3
    RENAME = 4
    UNLINK = 5
    SYNC = 6
    MAKE_DIRECTORY = 7
    TIMES = 8
    MODE = 9
    CLOSE = 10


# The order of the numbers at the head of the mapped file.
_FIELDS = (
    "calls",
    "kill_at",
    "kill_after",
    "failing",
    "error",
    "fail_from",
    "fail_to",
    "failed",
    "write_bytes_max",
    "shortened",
)
_HEAD = len(_FIELDS) + len(Call)
_FOR_EVER = (1 << 64) - 1
# What each error of a disk hits: a full disk lets go of files, a read-only one changes nothing.
CHANGING = (Call.CREATE, Call.WRITE, Call.RENAME, Call.UNLINK, Call.MAKE_DIRECTORY, Call.TIMES, Call.MODE)
DISK_FAULTS = {
    errno.ENOSPC: (Call.CREATE, Call.WRITE, Call.MAKE_DIRECTORY),
    errno.EDQUOT: (Call.CREATE, Call.WRITE, Call.MAKE_DIRECTORY),
    errno.EROFS: CHANGING,
    errno.EIO: (*CHANGING, Call.OPEN, Call.READ, Call.SYNC),
    errno.EMFILE: (Call.CREATE, Call.OPEN),
}


def build(directory: Path) -> Path:
    """Compile the shim; gives the library."""
    compiler = shutil.which("cc")
    assert compiler, "the fault tests need a C compiler as `cc`: apt-get install gcc"
    library = directory / "shim.so"
    flags = ["-shared", "-fPIC", "-O2", "-Wall", "-Wextra", "-Werror"]
    done = subprocess.run(
        [compiler, *flags, "-o", library, _SOURCE, "-ldl"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return library


class Shim:
    """What processes under the shim do from now on; made by ``shim``."""

    def __init__(self, library: Path, control: Path, mapped: mmap.mmap) -> None:
        self._library, self._control, self._mapped = library, control, mapped

    @property
    def environment(self) -> dict[str, str]:
        """What a process needs to be under the shim."""
        return {"LD_PRELOAD": str(self._library), "FAULT_CONTROL": str(self._control)}

    def watch(self, directory: Path) -> None:
        """Count from zero, for files below this directory; no fault."""
        self._mapped[:] = bytes(len(self._mapped))
        name = str(directory).encode()
        start = _NUMBER.size * _HEAD
        self._mapped[start : start + len(name)] = name

    def kill_at(self, call: int, *, after: bool) -> None:
        """Kill the process that makes the ``call``-th call, before it is done or after it."""
        self._set("kill_after", int(after))
        self._set("kill_at", call)

    def fail(self, error: int, calls: tuple[Call, ...], *, start: int = 1, end: int = _FOR_EVER) -> None:
        """Let calls of these classes fail, those from the ``start``-th to the ``end``-th of all."""
        self._set("error", error)
        self._set("fail_from", start)
        self._set("fail_to", end)
        self._set("failing", sum(1 << call for call in calls))

    def shorten_writes(self, bytes_max: int) -> None:
        """Let each write take so many bytes at most."""
        self._set("write_bytes_max", bytes_max)

    def heal(self) -> None:
        """No fault from now on; the counts stay."""
        for name in ("kill_at", "failing", "write_bytes_max"):
            self._set(name, 0)

    @property
    def calls(self) -> int:
        """How many calls were made since ``watch``."""
        return self._get("calls")

    @property
    def failed(self) -> int:
        """How many of them were made to fail."""
        return self._get("failed")

    @property
    def shortened(self) -> int:
        """How many writes took less than they were given."""
        return self._get("shortened")

    def calls_of(self, call: Call) -> int:
        """How many calls of one class were made since ``watch``."""
        (count,) = _NUMBER.unpack_from(self._mapped, _NUMBER.size * (len(_FIELDS) + call))
        return int(count)

    def _get(self, name: str) -> int:
        (value,) = _NUMBER.unpack_from(self._mapped, _NUMBER.size * _FIELDS.index(name))
        return int(value)

    def _set(self, name: str, value: int) -> None:
        _NUMBER.pack_into(self._mapped, _NUMBER.size * _FIELDS.index(name), value)


@contextmanager
def shim(directory: Path) -> Iterator[Shim]:
    """Build the shim in a directory, and steer it."""
    control = directory / "control"
    control.write_bytes(bytes(_NUMBER.size * _HEAD + _DIRECTORY_BYTES))
    library = build(directory)
    with control.open("r+b") as file, mmap.mmap(file.fileno(), 0) as mapped:
        yield Shim(library, control, mapped)
