"""The secrets of all tests, known in one place, and how they are looked for where no secret may be.

``tests/conftest.py`` looks at the end of every test. Text that passes by pytest, of a child process for example, is
handed to ``refuse``.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from stillcast.redaction import Redactor

CANARY: Final = "cAnArY-51b2"
ACCESS_KEY: Final = "STILLCASTTESTKEY"
SECRET_KEY: Final = "stillcast/test+secret"
WRITER_KEY: Final = "STILLCASTWRITEONLY"
WRITER_SECRET: Final = "stillcast/writer+secret"
PUTTER_KEY: Final = "STILLCASTPUTONLY"
PUTTER_SECRET: Final = "stillcast/putter+secret"
SESSION_TOKEN: Final = "FwoGcAnArY//stillcast/session+token=="
WEBHOOK_SECRET: Final = "whsec_" + "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVo="
WRONG_SECRET: Final = "not/the+secret"
PASSWORD: Final = "cAnArY-p@ss:word/7"
CANARIES: Final = (
    CANARY,
    ACCESS_KEY,
    SECRET_KEY,
    WRITER_KEY,
    WRITER_SECRET,
    PUTTER_KEY,
    PUTTER_SECRET,
    SESSION_TOKEN,
    WEBHOOK_SECRET,
    WEBHOOK_SECRET.removeprefix("whsec_"),
    WRONG_SECRET,
    PASSWORD,
    *filter(None, [os.environ.get("STILLCAST_TESTS_CANARY")]),  # of the test of this watch
)

MAY_HOLD_SECRETS: Final = frozenset(
    {
        "stillcast.toml",  # settings, as an operator writes them
        "secret",
        "secret-key",
        "webhook-secret",
        "stillcast.storage.access_key",  # credentials, as systemd names them
        "stillcast.storage.secret_key",
        "stillcast.storage.secretkey",
        "stillcast.storage.session_token",
        "stillcast.callback.secret",
        "s3.json",  # what a test's own server is told
    }
)
"""Names of the files that tests write secrets into on purpose."""

_WHERE_MAX: Final = 60
_CHUNK: Final = 1 << 20


def found_in(text: str) -> str | None:
    """Find a canary in a text, in any form that a Redactor knows; gives what stands around it, itself masked."""
    masked = _REDACTOR.masked(text)
    if masked == text:
        return None
    before = next(index for index, (one, other) in enumerate(zip(text, masked, strict=False)) if one != other)
    return masked[max(0, before - _WHERE_MAX) : before + _WHERE_MAX]


def refuse(text: str, where: str) -> None:
    """Fail if a text that people or programs may see has a canary in it."""
    around = found_in(text)
    assert around is None, f"a canary secret is in {where}: ...{around}..."


def in_files(directory: Path) -> Iterator[str]:
    """Find every file below a directory that has a canary in it or in its name, except those that may."""
    for root, _, names in os.walk(directory):
        for name in names:
            path = Path(root, name)
            if name not in MAY_HOLD_SECRETS and (found_in(name) or _is_in(path)):
                yield str(path.relative_to(directory))


def in_command_lines(ancestor: int) -> Iterator[str]:
    """Find running processes that have a canary in their command line and descend from one process."""
    for entry in os.scandir("/proc"):
        if not entry.name.isdigit():
            continue
        line = _read(Path(entry.path, "cmdline"))
        if line and _BYTES.search(line) and _descends(int(entry.name), ancestor):
            yield _REDACTOR.masked(line.replace(b"\0", b" ").decode(errors="replace"))[:300]


def _is_in(path: Path) -> bool:
    try:
        if not path.is_file() or path.is_symlink():
            return False
        with path.open("rb") as file:
            tail = b""
            while chunk := file.read(_CHUNK):
                if _BYTES.search(tail + chunk):
                    return True
                tail = chunk[-256:]
    except OSError:  # gone meanwhile, or made unreadable by the test
        pass
    return False


def _descends(process: int, ancestor: int) -> bool:
    while process > 1:
        if process == ancestor:
            return True
        stat = _read(Path(f"/proc/{process}/stat"))
        fields = stat.rpartition(b")")[2].split()
        process = int(fields[1]) if len(fields) > 1 else 0
    return False


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:  # it has ended
        return b""


def _forms(secrets: Iterable[str]) -> re.Pattern[bytes]:
    pattern = Redactor(secrets)._pattern
    assert pattern is not None
    return re.compile(pattern.pattern.encode())


_REDACTOR: Final = Redactor(CANARIES)
_BYTES: Final = _forms(CANARIES)
