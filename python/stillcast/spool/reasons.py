"""Sidecars: why a still is deferred, dead or in quarantine, in a small file beside it."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from stillcast.spool import files

SUFFIX: Final = ".reason"
_BYTES_MAX: Final = 4096
_TEXT_MAX: Final = _BYTES_MAX // 8  # a character takes up to six bytes as JSON


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a still was given up or deferred.

    Attributes:
        text: one line.
        from_state: where it stood until then, and so where a replay puts it back.
        attempts: rounds of callbacks that failed so far, of one that is deferred.
    """

    text: str
    from_state: str
    attempts: int | None = None


def is_sidecar(name: str) -> bool:
    """Whether a file name is that of the reason of a spool file."""
    return name.endswith(SUFFIX) and files.is_name(name.removesuffix(SUFFIX))


def write(directory: Path, tmp: Path, name: str, reason: Reason) -> None:
    """Put the reason beside the place where the still is about to be; a reader sees all of it or nothing.

    Best effort: a still can be given up on a full disk too, then without its reason.
    """
    facts: dict[str, object] = {"reason": reason.text[:_TEXT_MAX], "from": reason.from_state}
    if reason.attempts is not None:
        facts["attempts"] = reason.attempts
    draft = f"{tmp}/{name}{SUFFIX}"
    try:
        files.remove(draft)
        files.write(draft, json.dumps(facts).encode("ascii"), sync=False)
        os.rename(draft, f"{directory}/{name}{SUFFIX}")  # noqa: PTH104
    except OSError:
        with suppress(OSError):
            files.remove(draft)


def read(directory: Path, name: str) -> Reason | None:
    """Read a reason back; None where there is none that can be read."""
    try:
        with (directory / f"{name}{SUFFIX}").open("rb") as file:
            facts = json.loads(file.read(_BYTES_MAX))
        attempts = facts.get("attempts")
        return Reason(str(facts["reason"]), str(facts["from"]), attempts if isinstance(attempts, int) else None)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def remove(directory: Path, name: str) -> None:
    """Remove the reason of a still that is no longer there, if it had one."""
    with suppress(OSError):
        files.remove(f"{directory}/{name}{SUFFIX}")
