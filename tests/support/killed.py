"""Death at a system call, inside one process."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from unittest import mock

_CALLS = ("open", "write", "fsync", "rename", "unlink", "utime", "mkdir")


class KilledError(BaseException):
    """The process is dead; nothing that it would still do happens."""


@contextmanager
def killed_before_call(number: int) -> Iterator[None]:
    """Let so many system calls that change files happen, and none after them: not those of a clean-up either."""
    left = number

    def dying(call: str) -> object:
        real = getattr(os, call)

        def work(*args: object, **named: object) -> object:
            nonlocal left
            if left == 0 or left < 0:
                left = -1
                raise KilledError(call)
            left -= 1
            return real(*args, **named)

        return work

    with mock.patch.multiple(os, **{call: dying(call) for call in _CALLS}):
        yield
