"""``stillcast run``."""

from __future__ import annotations

import json
import re
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

import typer

from stillcast.agent import Agent, AgentStats
from stillcast.cli.accounting import account, is_settled, rows_as_json, stats_as_json, unaccounted, was_all_delivered
from stillcast.cli.display import Display, make_display
from stillcast.cli.metrics_server import MetricsServer, parse_place
from stillcast.cli.playback import FeedRow, Playback, StillCounter
from stillcast.cli.status import FAILED, say
from stillcast.cli.stopping import StopSignal, stop_signals
from stillcast.cli.trouble import TroubleWatch
from stillcast.config import AgentConfig, SourceConfig
from stillcast.errors import ConfigError
from stillcast.sources import SourceKind, SourceOptions, locate

# After Ctrl-C all must be over within 10 s: the sources get 2 of them, the agent 6, the rest is for everything else.
_SOURCES_STOP_S = 2.0
_AGENT_STOP_S = 6.0
# When the files have ended by themselves nobody waits impatiently, and the store may be slow.
_DELIVERY_S = 15.0
_DELIVERY_STEP_S = 0.5


@dataclass(frozen=True, slots=True)
class RunOptions:
    """What the command line said."""

    sources: tuple[str, ...]
    config: Path | None
    cname: str | None
    uid: str | None
    seconds: float | None
    metrics: str | None
    as_json: bool
    key_frames_only: bool = False


def run_sources(options: RunOptions) -> None:
    """Capture until stopped, until the time is over, or until every source has ended.

    Raises:
        ConfigError: the settings are wrong or name no source.
        typer.Exit: with status 1 if a source failed for good, or stills stay undelivered though nobody stopped it.
    """
    config = with_sources(options)
    place = parse_place(options.metrics) if options.metrics is not None else None
    with stop_signals() as stop:
        rows, stats, dead_before = _capture(config, options, place, stop)
    announces = config.callback.url is not None
    if options.as_json:
        typer.echo(json.dumps({"sources": rows_as_json(rows), "agent": stats_as_json(stats)}))
    else:
        say(account(stats, announces=announces))
    problems = [row.error for row in rows if row.error]
    if unknown := unaccounted(stats):
        problems.append(f"ticks: {unknown}: have no account: report this")
    if not was_all_delivered(stats, announces=announces, dead_before=dead_before):
        say(f"undelivered stills stay in the spool, {config.spool.path}: see stillcast spool ls")
        if not stop.was_asked:
            problems.append("stills: not all were delivered: see above")
    for problem in problems:
        say(f"error: {problem}")
    if problems:
        raise typer.Exit(FAILED)


def _capture(
    config: AgentConfig, options: RunOptions, place: tuple[str, int] | None, stop: StopSignal
) -> tuple[list[FeedRow], AgentStats, int]:
    agent = Agent(config)
    # Listening comes first: a port that is taken is known before anything is captured.
    with nullcontext() if place is None else MetricsServer(agent, *place) as server:
        agent.start()
        dead_before = agent.stats().dead_letters
        display = make_display(lambda: f"stillcast run: stills go to {config.storage.url}", as_json=options.as_json)
        playback = Playback(StillCounter(display.still))
        try:
            if server is not None:
                display.message(f"figures are at {server.url}/metrics, health at {server.url}/healthz")
            _play(agent, config, playback, display, stop, options)
            if not stop.was_asked:
                _deliver(agent, stop)
        finally:
            display.close()
            agent.stop(timeout=_AGENT_STOP_S)
    return playback.rows(), agent.stats(), dead_before


def _play(
    agent: Agent, config: AgentConfig, playback: Playback, display: Display, stop: StopSignal, options: RunOptions
) -> None:
    agent.on_still(playback.counter.count)
    for source in config.source:
        interval = source.interval or config.capture.interval
        key_frames_s = interval if options.key_frames_only else None
        playback.add(agent, source, SourceOptions(key_frames_s=key_frames_s), display.message)
    display.message(f"stills go to {config.storage.url}")
    watch = TroubleWatch()

    def show() -> None:
        for line in watch.look(agent.stats()):
            display.message(line)
        display.update(playback.rows())

    playback.start()
    try:
        stop.wait_until(playback.is_over, limit_s=options.seconds, each_step=show)
    finally:
        playback.stop(_SOURCES_STOP_S)
        show()


def _deliver(agent: Agent, stop: StopSignal) -> None:
    """Wait until all is stored and announced, but let Ctrl-C end the wait."""
    stop.wait_until(lambda: is_settled(agent, _DELIVERY_STEP_S), limit_s=_DELIVERY_S)


def with_sources(options: RunOptions) -> AgentConfig:
    """Load the settings with the sources of the file and those of the command line.

    Raises:
        ConfigError: as ``AgentConfig.load``, or there is no source, or ``--uid`` is given for several.
    """
    named = [_named(text) for text in options.sources]
    bare = sum(cname is None for cname, _, _ in named)
    if options.uid is not None and bare > 1:
        raise ConfigError(f"--uid: {options.uid}: is one user, but {bare} sources name none: write CNAME/UID=URL")
    given = [
        {"url": url, "cname": cname or options.cname or cname_of(url), "uid": uid or options.uid or str(position)}
        for position, (cname, uid, url) in enumerate(named, 1)
    ]
    from_file = AgentConfig.load(options.config).source
    if not given and not from_file:
        raise ConfigError("source: none: name a file or URL on the command line, or a [[source]] in the settings")
    if not given:
        return AgentConfig.load(options.config)
    return AgentConfig.load(options.config, source=[*map(_as_given, from_file), *given])


def cname_of(url: str) -> str:
    """Make a channel's name of a source's address: ``lobby`` of ``rtmp://host/live/lobby``, the stem of a file."""
    location = locate(url)
    if location.kind is SourceKind.LAVFI:
        last = re.split(r"[=,;\[]", location.target, maxsplit=1)[0]
    else:
        last = Path(re.split(r"[?#]", location.target, maxsplit=1)[0].rstrip("/")).stem
    return re.sub(r"[^A-Za-z0-9]+", "-", last).strip("-") or "source"


def _named(text: str) -> tuple[str | None, str | None, str]:
    """Split ``CNAME/UID=URL``; names are None where the text is a bare URL."""
    match = re.fullmatch(r"([^/=:]+)/([^/=:]+)=(.+)", text, re.DOTALL)
    if match is None or Path(text).exists():
        return None, None, text
    return match[1], match[2], match[3]


def _as_given(source: SourceConfig) -> dict[str, object]:
    values = {name: getattr(source, name) for name in type(source).model_fields}
    return {name: value for name, value in values.items() if value is not None}
