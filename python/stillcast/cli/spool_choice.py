"""Which stills of a spool a command is about."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Self

from stillcast.config import AgentConfig, SpoolConfig
from stillcast.config.rules import duration
from stillcast.errors import ConfigError
from stillcast.redaction import shown
from stillcast.spool import Spool, SpoolEntry, State


@dataclass(frozen=True, slots=True)
class Choice:
    """What was asked for; everything that was given has to fit.

    Attributes:
        states: only stills in these.
        sids: only stills with one of these; empty for all.
        older_than_s: only stills that were captured so many seconds ago or longer.
    """

    states: frozenset[State]
    sids: frozenset[str] = frozenset()
    older_than_s: float = 0.0

    @classmethod
    def parse(
        cls,
        sids: Sequence[str],
        states: Sequence[str] = (),
        older_than: str | None = None,
        *,
        by_default: Sequence[State] = tuple(State),
    ) -> Self:
        """Read what the command line said.

        Raises:
            ConfigError: a state or a time that is none.
        """
        return cls(
            frozenset(map(_state, states) if states else by_default),
            frozenset(sids),
            0.0 if older_than is None else _seconds(older_than),
        )

    def of(self, spool: Spool) -> Iterator[SpoolEntry]:
        """Stream the stills that fit, oldest first in each state.

        Raises:
            SpoolError: there is no spool, or it cannot be read.
            ConfigError: no still has one of the sids; known before the first one is given.
        """
        fitting = self._fitting(spool)
        if not self.sids:
            first = list(islice(fitting, 1))  # now, so that a spool that is not there is told before anything is done
            return chain(first, fitting)
        found = list(fitting)  # as many as were named
        if missing := sorted(self.sids - {entry.sid for entry in found}):
            where = " or ".join(state for state in State if state in self.states)
            way_out = f"no still in {where} has it: see stillcast spool ls"
            raise ConfigError([f"sid: {shown(sid)}: {way_out}" for sid in missing])
        return iter(found)

    def _fitting(self, spool: Spool) -> Iterator[SpoolEntry]:
        for entry in spool.ls(self.states):
            if entry.age_s >= self.older_than_s and (not self.sids or entry.sid in self.sids):
                yield entry


def spool_settings(config_path: Path | None, path: Path | None) -> SpoolConfig:
    """Load the settings of a spool, or take its directory for what they are about; without caps.

    Raises:
        ConfigError: both were given, or the settings are wrong.
    """
    if config_path and path:
        raise ConfigError(f"--path: {path}: says the same as --config: use one of them")
    settings = AgentConfig.load(config_path).spool
    return without_caps(settings.model_copy(update={"path": path, "allow_tmpfs": True}) if path else settings)


def without_caps(settings: SpoolConfig) -> SpoolConfig:
    """Have a spool opened without anything being dropped: that is for its agent to do, by the caps that it has."""
    endless = {"max_bytes": 1 << 60, "max_files": 1 << 60, "max_age": 1e11, "min_free": 0}
    return settings.model_copy(update=endless)


def _state(text: str) -> State:
    try:
        return State(text)
    except ValueError:
        raise ConfigError(f"--state: {shown(text)}: is no state: use {', '.join(State)}") from None


def _seconds(text: str) -> float:
    try:
        seconds = duration(float(text) if text.replace(".", "", 1).isdigit() else text)
    except ValueError as error:
        raise ConfigError(f"--older-than: {shown(text)}: {error}") from None
    assert isinstance(seconds, float)  # noqa: S101  # for mypy: rules give objects
    return seconds
