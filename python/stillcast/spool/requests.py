"""What a command asks of the spool's owner: a request file beside the stills, and an answer file beside that.

The lock of a spool is its owner's alone, so a command that wants to move or remove stills beside a running agent leaves
a request below ``<spool>/requests/``. The owner looks there about once a second, does what is asked, and answers. Both
files are written under another name first, so that neither side reads half of one. All of it lies in directories of
mode 0700: only the owner's user can ask, and what is asked is checked as if anybody could.

Note [Why files and not a socket]: a request needs nothing that listens, works in a container that shares only the
volume, and its rights are those of the spool itself.
"""

from __future__ import annotations

import json
import logging
import os
import re
import secrets
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final, Literal

from stillcast.errors import SpoolError
from stillcast.spool.errors import spool_errors
from stillcast.spool.item import State
from stillcast.spool.spool import Spool

STILLS_MAX: Final = 1000
"""Stills in one request; more are asked for in several."""

_LOG: Final = logging.getLogger("stillcast.spool")
_DIRECTORY: Final = "requests"
_REQUEST: Final = ".request"
_ANSWER: Final = ".answer"
_PART: Final = ".part"
_OURS: Final = re.compile(r"[0-9a-f]{32}\.(?:request|answer|part)")
_BYTES_MAX: Final = 256 * 1024
_STALE_S: Final = 60.0
_AT_ONCE: Final = 16  # files looked at in a call
_LOOK_S: Final = 0.05

Verb = Literal["revive", "remove"]
Placed = tuple[State, str]


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked.

    Attributes:
        verb: ``revive`` puts dead letters back to where they came from, ``remove`` deletes stills.
        stills: state and file name of each, ``STILLS_MAX`` at most.
    """

    verb: Verb
    stills: tuple[Placed, ...]


# For each still of a request, in its order: the state it was put back to, ``removed``, or None if it was not there.
Answer = list[str | None]


def fulfil(spool: Spool, request: Request) -> Answer:
    """Do what is asked, as the spool's owner.

    Raises:
        SpoolError: the disk failed, the spool is closed, or a name is none of a still; what came before it is done.
    """
    if request.verb == "revive":
        return [spool.revive(name) if state is State.DEAD else None for state, name in request.stills]
    return ["removed" if spool.remove(state, name) else None for state, name in request.stills]


class Inbox:
    """The owner's side. ``serve`` is called by one thread at a time."""

    def __init__(self, spool: Spool, *, clock: Callable[[], float] = time.time) -> None:
        """Describe an inbox; nothing is touched before ``serve``.

        Args:
            spool: open while ``serve`` is called.
            clock: seconds since 1970, which the files' times are held against.
        """
        self._spool = spool
        self._directory = spool.path / _DIRECTORY
        self._clock = clock

    def serve(self) -> None:
        """Fulfil what was asked since the last call, a few requests at most; blocks for as long as that takes.

        Never raises: a request that cannot be read or fulfilled is removed with a log line, and told so.
        """
        try:
            for path, facts in _listed(self._directory):
                if not _OURS.fullmatch(path.name) or not stat.S_ISREG(facts.st_mode):
                    _discard(path, "is no request")
                elif abs(self._clock() - facts.st_mtime) > _STALE_S:
                    _discard(path, "is stale: whoever asked has gone")
                elif path.suffix == _REQUEST:
                    self._serve_one(path)
        except OSError as error:
            _LOG.warning("%s: a request was not served: %s", self._directory, error.strerror or error)

    def _serve_one(self, path: Path) -> None:
        try:
            text = _read(path)
        except (OSError, ValueError) as error:
            _discard(path, f"cannot be read: {error}")
            return
        path.unlink()  # before it is fulfilled: a request that kills us is not met again
        try:
            answer: dict[str, object] = {"done": fulfil(self._spool, _parsed(text))}
        except (SpoolError, ValueError, TypeError, KeyError, RecursionError) as error:
            _LOG.warning("%s: was refused: %s", path, error)
            answer = {"error": str(error)}
        _write(path.with_suffix(_ANSWER), json.dumps(answer))


def ask(spool_path: Path, request: Request, *, wait_s: float = 30.0) -> Answer:
    """Have the owner of a spool fulfil a request.

    Args:
        spool_path: the spool.
        request: what is asked.
        wait_s: seconds to wait for the answer; an owner looks about once a second.

    Raises:
        SpoolError: the owner refused, or did not answer in time; then the request is taken back.
    """
    directory = spool_path / _DIRECTORY
    path = directory / f"{secrets.token_hex(16)}{_REQUEST}"
    answer = path.with_suffix(_ANSWER)
    with spool_errors(directory, "leave a request"):
        directory.mkdir(mode=0o700, exist_ok=True)
        _write(path, json.dumps({"verb": request.verb, "stills": request.stills}))
    deadline = time.monotonic() + wait_s
    try:
        while not answer.exists():
            if time.monotonic() >= deadline:
                text = f"did not answer within {wait_s:g} s: see its log, or stop it and run this again"
                raise SpoolError(f"spool.path: {spool_path}: the agent that uses it {text}")
            time.sleep(_LOOK_S)
        with spool_errors(answer, "read the answer"):
            return _answer(_read(answer), request)
    finally:
        for left in (path, answer):
            with suppress(OSError):
                left.unlink()


def _listed(directory: Path) -> Iterator[tuple[Path, os.stat_result]]:
    """Some of the files, so many at most however many there are."""
    try:
        with os.scandir(directory) as entries:
            paths = [Path(entry.path) for entry in islice(entries, _AT_ONCE)]
    except FileNotFoundError:
        return  # nobody ever asked
    for path in paths:
        with suppress(FileNotFoundError):  # taken back meanwhile
            yield path, path.lstat()


def _parsed(text: str) -> Request:
    facts = json.loads(text)
    verb, stills = facts["verb"], facts["stills"]
    if verb not in ("revive", "remove"):
        raise ValueError("verb: is neither revive nor remove")
    if not isinstance(stills, list) or len(stills) > STILLS_MAX:
        raise ValueError(f"stills: is no list of at most {STILLS_MAX}")
    return Request(verb, tuple((State(state), str(name)) for state, name in stills))


def _answer(text: str, request: Request) -> Answer:
    try:
        facts = json.loads(text)
        if "error" in facts:
            raise SpoolError(f"the agent refused: {facts['error']}")
        done = [None if each is None else str(each) for each in facts["done"]]
        if len(done) != len(request.stills):
            raise ValueError("another number of stills than was asked of")
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise SpoolError(f"the agent's answer cannot be read: {error}: is it of this version?") from error
    return done


def _read(path: Path) -> str:
    """Read a small file, whatever stands under its name.

    Raises:
        OSError: it cannot be read.
        ValueError: it is no file, too large, or not UTF-8.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with open(descriptor, "rb") as file:  # noqa: PTH123
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise ValueError("is no file")
        data = file.read(_BYTES_MAX + 1)
    if len(data) > _BYTES_MAX:
        raise ValueError(f"is over {_BYTES_MAX} bytes")
    return data.decode()


def _write(path: Path, text: str) -> None:
    """Let a file appear with all of its text, readable by its owner alone."""
    draft = path.with_suffix(_PART)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    try:
        with open(descriptor, "wb") as file:  # noqa: PTH123
            file.write(text.encode())
        draft.rename(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise


def _discard(path: Path, why: str) -> None:
    try:
        path.unlink()
    except OSError:
        return  # a directory; it does no harm, and a line a second would
    _LOG.warning("%s: %s: removed", path, why)
