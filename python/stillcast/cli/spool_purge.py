"""``stillcast spool purge``."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Final

import typer

from stillcast.cli.sizes import in_words
from stillcast.cli.spool_choice import Choice, spool_settings
from stillcast.cli.status import say
from stillcast.errors import ConfigError
from stillcast.spool import Spool, SpoolEntry, SpoolInUseError, State
from stillcast.spool.requests import STILLS_MAX, Answer, Request, ask, fulfil

_BY_DEFAULT: Final = (State.DEAD, State.QUARANTINE)


@dataclass(frozen=True, slots=True)
class PurgeOptions:
    """What the command line said."""

    sids: tuple[str, ...]
    states: tuple[str, ...]
    older_than: str | None
    yes: bool
    config: Path | None
    path: Path | None
    as_json: bool


@dataclass(slots=True)
class _Total:
    """Stills by state, and the bytes of their files."""

    stills: Counter[State]
    bytes: int = 0

    def add(self, entry: SpoolEntry) -> None:
        self.stills[entry.state] += 1
        self.bytes += entry.bytes

    def __str__(self) -> str:
        if not self.stills:
            return "nothing"
        counts = ", ".join(f"{self.stills[state]} {state}" for state in State if self.stills[state])
        return f"{counts} ({in_words(self.bytes)})"


def purge(options: PurgeOptions) -> None:
    """Delete what was given up, or what is named; what waits to be delivered only where its state is named.

    Raises:
        ConfigError: the settings or options are wrong, or nobody can be asked and ``--yes`` is not given.
        SpoolError: there is no spool, or it cannot be used.
        typer.Abort: whoever was asked said no.
    """
    choice = Choice.parse(options.sids, options.states, options.older_than, by_default=_BY_DEFAULT)
    spool = Spool.of(spool_settings(options.config, options.path))
    _make_sure(choice, spool, options)
    removed = _Total(Counter())
    for entry in _removed(choice, spool):
        removed.add(entry)
    if options.as_json:
        typer.echo(json.dumps({"removed": removed.stills, "bytes": removed.bytes}))
    else:
        typer.echo(f"removed {removed}")


def _make_sure(choice: Choice, spool: Spool, options: PurgeOptions) -> None:
    if options.yes:
        return
    if not sys.stdin.isatty():
        raise ConfigError("--yes: none: is needed where nobody can be asked: add it if the stills shall be deleted")
    total = _Total(Counter())
    for entry in choice.of(spool):
        total.add(entry)
    if total.stills:
        typer.confirm(f"Delete {total} from {spool.path}?", abort=True, err=True)


def _removed(choice: Choice, spool: Spool) -> Iterator[SpoolEntry]:
    chosen = choice.of(spool)
    with closing(spool):
        fulfilled = _owner(spool)
        while batch := list(islice(chosen, STILLS_MAX)):
            answer = fulfilled(Request("remove", tuple((entry.state, entry.name) for entry in batch)))
            yield from (entry for entry, done in zip(batch, answer, strict=True) if done)


def _owner(spool: Spool) -> Callable[[Request], Answer]:
    """Become the spool's owner, or find the one that there is."""
    try:
        spool.open()
    except SpoolInUseError as error:
        say(f"{spool.path} is in use by {error.owner}, which is asked to delete")
        return partial(ask, spool.path)
    return partial(fulfil, spool)
