"""``stillcast spool export``."""

from __future__ import annotations

import errno
import json
import os
from collections import Counter
from dataclasses import dataclass, fields
from datetime import datetime
from pathlib import Path
from typing import Final, Literal

import typer

from stillcast.cli.spool_choice import Choice, spool_settings
from stillcast.cli.status import FAILED, plain, say
from stillcast.errors import ConfigError, SpoolError
from stillcast.naming import ObjectKeyError, parse_object_key
from stillcast.spool import Spool, SpoolEntry, SpoolItem, State
from stillcast.spool.footer import NotASpoolFileError
from stillcast.spool.peeking import peek

_BY_DEFAULT: Final = tuple(state for state in State if state is not State.QUARANTINE)
_NO_LINKS: Final = frozenset({errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK})

Word = Literal["copied", "there", "gone", "failed"]


class _ExportError(Exception):
    """One still was not exported; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class ExportOptions:
    """What the command line said."""

    directory: Path
    sids: tuple[str, ...]
    states: tuple[str, ...]
    config: Path | None
    path: Path | None
    as_json: bool


def export(options: ExportOptions) -> None:
    """Copy stills out of a spool, and print what became of each; the spool is only read.

    Raises:
        ConfigError: the settings or options are wrong.
        SpoolError: there is no spool, or it cannot be read.
        typer.Exit: with status 1 if some could not be copied.
    """
    choice = Choice.parse(options.sids, options.states, by_default=_BY_DEFAULT)
    spool = Spool.of(spool_settings(options.config, options.path))
    entries = choice.of(spool)
    target = _target(options.directory)
    totals: Counter[str] = Counter()
    for entry in entries:
        word, file, reason = _exported(spool.path, entry, target)
        totals[word] += 1
        typer.echo(_json(entry, word, file, reason) if options.as_json else _line(entry, word, reason))
    names = {"copied": "copied", "there": "there already", "gone": "delivered meanwhile", "failed": "failed"}
    parts = [f"{totals[word]} {name}" for word, name in names.items() if totals[word]]
    say(f"{', '.join(parts) or 'nothing to copy'}: {target}")
    if totals["failed"]:
        raise typer.Exit(FAILED)


def _exported(root: Path, entry: SpoolEntry, target: Path) -> tuple[Word, Path | None, str | None]:
    try:
        found = peek(root, entry.state, entry.name)
        if found is None:
            return "gone", None, "is delivered or was dropped meanwhile"
        item, jpeg = found
        file = _place(target, item)
        is_new = _write_once(file, jpeg)
        _write_once(file.with_suffix(".json"), _facts(item))
    except (SpoolError, NotASpoolFileError, ObjectKeyError, _ExportError) as error:
        return "failed", None, str(error)
    except OSError as error:
        return "failed", None, f"{error.strerror or error}: check the directory and its disk"
    return ("copied" if is_new else "there"), file, None


def _target(directory: Path) -> Path:
    try:
        directory.mkdir(parents=True, exist_ok=True)
        return directory.resolve(strict=True)
    except OSError as error:
        raise ConfigError(f"DIR: {directory}: {error.strerror or error}: name a directory that can be made") from None


def _place(target: Path, item: SpoolItem) -> Path:
    """Where a still goes: its key below the directory, and nowhere else, whatever lies there."""
    parse_object_key(item.object_key)  # a key of ours has no "..", and a file of another's making may have any
    file = target / item.object_key
    if len(os.fsencode(file.name)) > os.pathconf(target, "PC_NAME_MAX"):
        file = file.with_name(f"{item.sid}.jpg")  # a key may be longer than a file's name; the facts have it
    file.parent.mkdir(parents=True, exist_ok=True)
    if not file.parent.resolve(strict=True).is_relative_to(target):
        raise _ExportError(f"{file.parent}: a link leads out of the directory: remove it, or export elsewhere")
    return file


def _write_once(file: Path, data: bytes) -> bool:
    """Let a file appear with all of its bytes; False if just that file was there.

    Raises:
        _ExportError: another one is there.
    """
    draft = file.with_name(f".{file.stem[:32]}{file.suffix}.part")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    try:
        with open(descriptor, "wb") as output:  # noqa: PTH123
            output.write(data)
        _link(draft, file)
    except FileExistsError:
        if file.is_symlink() or not file.is_file() or file.read_bytes() != data:
            text = f"{file}: another file has that name: remove it, or export elsewhere"
            raise _ExportError(text) from None
        return False
    finally:
        draft.unlink(missing_ok=True)
    return True


def _link(draft: Path, file: Path) -> None:
    """Give a file its name unless one has it; as ``rename`` would not ask."""
    try:
        os.link(draft, file, follow_symlinks=False)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        if os.path.lexists(file):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), file) from None
        draft.rename(file)


def _facts(item: SpoolItem) -> bytes:
    """Write what is known of a still; the same at each export."""
    values = {field.name: getattr(item, field.name) for field in fields(item)}
    values["dhash"] = f"{item.dhash:016x}"
    text = {name: value.isoformat() if isinstance(value, datetime) else value for name, value in values.items()}
    return (json.dumps(text, indent=2) + "\n").encode()


def _line(entry: SpoolEntry, word: Word, reason: str | None) -> str:
    return f"{word:<7} {entry.object_key or entry.name}" + (f"  {plain(reason)}" if reason else "")


def _json(entry: SpoolEntry, word: Word, file: Path | None, reason: str | None) -> str:
    told = {"outcome": word, "sid": entry.sid, "object_key": entry.object_key, "reason": reason}
    return json.dumps({**told, "file": str(file) if file else None})
