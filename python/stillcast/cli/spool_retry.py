"""``stillcast spool retry``."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import Final

import typer

from stillcast.callbacks import Notifier
from stillcast.cli.spool_choice import Choice
from stillcast.cli.spool_following import Following, Outcome
from stillcast.cli.status import FAILED, say
from stillcast.cli.stopping import StopSignal, stop_signals
from stillcast.config import AgentConfig
from stillcast.delivery import Delivery, DeliveryStats
from stillcast.errors import ConfigError
from stillcast.spool import Spool, SpoolEntry, SpoolInUseError, State
from stillcast.spool.requests import STILLS_MAX, Answer, Request, ask, fulfil
from stillcast.storage import open_store

_STOP_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class RetryOptions:
    """What the command line said."""

    sids: tuple[str, ...]
    everything: bool
    config: Path | None
    wait_s: float
    as_json: bool


@dataclass(frozen=True, slots=True)
class _Owner:
    """Who moves and delivers the stills: an agent that runs, or ourselves.

    Attributes:
        fulfil: does what is asked.
        stats: of the delivery; None where it is another process's.
    """

    fulfil: Callable[[Request], Answer]
    stats: Callable[[], DeliveryStats | None]


def retry(options: RetryOptions) -> None:
    """Put dead letters back, and print what becomes of each.

    Beside a running agent they are its to deliver; without one they are delivered here, and what else waits in the
    spool with them.

    Raises:
        ConfigError: the settings are wrong, or no dead letter has such a sid.
        SpoolError: there is no spool, or it cannot be used.
        typer.Exit: with status 1 if some failed again or still wait.
    """
    if bool(options.sids) == options.everything:
        raise ConfigError("spool retry: needs SIDs or --all: see stillcast spool ls")
    config = AgentConfig.load(options.config)
    spool = Spool.of(config.spool)
    chosen = Choice.parse(options.sids, by_default=[State.DEAD]).of(spool)
    if (first := next(chosen, None)) is None:
        say(f"no dead letters in {config.spool.path}")
        return
    logging.getLogger("stillcast.delivery").setLevel(logging.ERROR)  # each still has a line of its own here
    chosen, totals = chain([first], chosen), Counter[str]()
    with stop_signals() as stop, _owner(config, spool) as owner:
        for outcome in _retried(chosen, owner, config, options.wait_s, stop):
            totals[outcome.outcome] += 1
            typer.echo(outcome.as_json() if options.as_json else outcome.as_line())
    say(_summary(totals))
    if totals["failed"] or totals["waits"]:
        raise typer.Exit(FAILED)


def _summary(totals: Counter[str]) -> str:
    names = {"delivered": "delivered", "failed": "failed again", "waits": "still wait", "gone": "gone meanwhile"}
    return ", ".join(f"{totals[word]} {name}" for word, name in names.items() if totals[word])


def _retried(
    chosen: Iterator[SpoolEntry], owner: _Owner, config: AgentConfig, wait_s: float, stop: StopSignal
) -> Iterator[Outcome]:
    """Put back and follow so many at a time, so that memory does not grow with their number."""
    while batch := list(islice(chosen, STILLS_MAX)):
        answer = owner.fulfil(Request("revive", tuple((entry.state, entry.name) for entry in batch)))
        revived = {}
        for entry, state in zip(batch, answer, strict=True):
            if state is None:
                yield Outcome.of(entry, "gone", "is no longer a dead letter")
            elif state == State.STORED and config.callback.url is None:
                yield Outcome.of(entry, "waits", "callback.url is not set: nobody is told of it")
            else:
                revived[entry.name] = entry
        following = Following(config.spool.path, revived, max_age_s=config.spool.max_age)
        yield from _followed(following, owner, wait_s, stop)
        if stop.was_asked:
            return


def _followed(following: Following, owner: _Owner, wait_s: float, stop: StopSignal) -> Iterator[Outcome]:
    while not following.is_over:
        yield from following.look()
        stats = owner.stats()
        if stop.was_asked:
            yield from following.give_up("was interrupted")
        elif stats is not None and stats.parked is not None:
            yield from following.give_up(stats.parked)
        elif following.idle_s > wait_s:
            held = stats.callbacks_parked if stats is not None else None
            yield from following.give_up(held or f"nothing moved for {wait_s:g} s")
        else:
            stop.pause()


@contextmanager
def _owner(config: AgentConfig, spool: Spool) -> Iterator[_Owner]:
    try:
        spool.open()
    except SpoolInUseError as error:
        say(f"{config.spool.path} is in use by {error.owner}, which is asked to deliver")
        yield _Owner(partial(ask, config.spool.path), lambda: None)
        return
    try:
        with _delivering(config, spool) as delivery:
            yield _Owner(partial(fulfil, spool), delivery.stats)
    finally:
        spool.close()


@contextmanager
def _delivering(config: AgentConfig, spool: Spool) -> Iterator[Delivery]:
    store = open_store(config.storage, sync=config.spool.durability == "power")
    delivery = Delivery(spool, store, Notifier(config.callback) if config.callback.url else None)
    delivery.start()
    try:
        yield delivery
    finally:
        delivery.stop(_STOP_S)
