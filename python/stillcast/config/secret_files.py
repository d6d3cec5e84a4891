"""Files that hold one secret each: who may have touched them, and what is in them."""

from __future__ import annotations

import os
import re
import shlex
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from stillcast.config import rules
from stillcast.config.rules import ProblemsError
from stillcast.redaction import escaped, shown

CREDENTIALS_VARIABLE: Final = "CREDENTIALS_DIRECTORY"
"""Where systemd puts the credentials of a service (systemd.exec(5), "Credentials")."""

CREDENTIALS: Final = {
    f"stillcast.{name}": (name.split(".")[0], f"{name.split('.')[1]}_file")
    for name in ("storage.access_key", "storage.secret_key", "storage.session_token", "callback.secret")
}
"""The credentials that are looked for by themselves, and the section and key that each of them sets."""

_FILE_BYTES_MAX: Final = 64 * 1024
_OURS: Final = "stillcast."
_OTHERS: Final = stat.S_IRWXO
_VARIABLE: Final = re.compile(rf"\$(?:{CREDENTIALS_VARIABLE}|\{{{CREDENTIALS_VARIABLE}\}})(?=/|$)")
_ROOT: Final = 0


def path(value: object) -> Path:
    """Take a path; ``$CREDENTIALS_DIRECTORY`` or ``${CREDENTIALS_DIRECTORY}`` may stand at its start."""
    given = os.fspath(value) if isinstance(value, os.PathLike) else value
    if not isinstance(given, str) or not _VARIABLE.match(given):
        return rules.path(given)
    if not (directory := os.environ.get(CREDENTIALS_VARIABLE)):
        right = "start it by systemd with LoadCredential=, or write the path out"
        raise ValueError(f"has ${CREDENTIALS_VARIABLE}, which is not set: {right}")
    return rules.path(_VARIABLE.sub(lambda _: directory, given))


def existing_file(value: object) -> object:
    """Take the path of a file that is there now, by the same rule."""
    return rules.existing_file(path(value))


def read_secret(file: Path) -> str:
    """Read a secret without its line end; only from a file that nobody else may read or could have written.

    Links are followed, and what is judged is the file that was opened. The group may read it, because Kubernetes and
    systemd give a service its secrets that way; nobody but the owner may write it.

    Raises:
        ValueError: the file holds no secret, or others may read or write it; "what is wrong: what is right".
    """
    try:
        content = _read(file)
    except OSError as error:
        raise ValueError(f"cannot be read ({error.strerror}): give the path of a readable file") from None
    if len(content) > _FILE_BYTES_MAX:
        raise ValueError("is too large for a secret: write the secret alone into it")
    try:
        secret = content.decode().rstrip("\r\n")
    except UnicodeDecodeError:
        raise ValueError("is not UTF-8 text: write the secret alone into it") from None
    if not secret.strip():
        raise ValueError("is empty: write the secret into it")
    return secret


def require_private(mode: int, owner: int, file: Path) -> None:
    """Refuse a secret's file that another user may read, or may have written.

    Args:
        mode: ``st_mode``.
        owner: ``st_uid``.
        file: for the way out.

    Raises:
        ValueError: "what is wrong: what is right".
    """
    way_out = f"run chmod 600 {shlex.quote(escaped(str(file)))}"
    if not stat.S_ISREG(mode):
        raise ValueError("is no regular file: write the secret into one")
    if owner not in (os.geteuid(), _ROOT):
        raise ValueError(
            f"has mode {stat.S_IMODE(mode):04o} and belongs to user {owner}, who can read and change it: "
            "give it to the user that stillcast runs as, or to root"
        )
    if mode & _OTHERS:
        raise ValueError(f"has mode {stat.S_IMODE(mode):04o}, which lets every user of this machine in: {way_out}")
    if mode & stat.S_IWGRP:
        raise ValueError(f"has mode {stat.S_IMODE(mode):04o}, which lets its group change it: {way_out}")


def credentials_layer(environment: Mapping[str, str], problems: list[str]) -> Mapping[str, dict[str, object]]:
    """Find systemd's credentials for us, by their names; each serves as the ``…_file`` of its key.

    What another service's credentials are is not looked at. A directory that cannot be looked into has none: a process
    that a service started may have the variable without the right to the files.
    """
    directory = Path(environment.get(CREDENTIALS_VARIABLE) or os.devnull)
    try:
        names = sorted(name for name in os.listdir(directory) if name.startswith(_OURS))  # noqa: PTH208  # names alone
    except OSError:
        return {}
    layer: dict[str, dict[str, object]] = {}
    for name in names:
        if name not in CREDENTIALS:
            right = f"use one of {', '.join(CREDENTIALS)}"
            problems.append(f"${CREDENTIALS_VARIABLE}: {shown(name)}: is not a credential of stillcast: {right}")
            continue
        section, key = CREDENTIALS[name]
        layer.setdefault(section, {})[key] = str(directory / name)
    return layer


def file_problem(key: str, file: Path, error: ValueError) -> ProblemsError:
    """Name the key of a file that was refused, and its path."""
    return ProblemsError([f"{key}: {shown(str(file))}: {error}"])


def _read(file: Path) -> bytes:
    # A pipe without a writer must not hold up the start, and a terminal not become ours.
    descriptor = os.open(file, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
    with open(descriptor, "rb") as opened:  # noqa: PTH123  # a descriptor has no path
        facts = os.fstat(descriptor)
        require_private(facts.st_mode, facts.st_uid, file)
        # One more than it may have; never all of something endless.
        return opened.read(_FILE_BYTES_MAX + 1)
