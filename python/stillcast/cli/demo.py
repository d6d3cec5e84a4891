"""``stillcast demo``: a video through the whole agent, and the stills to look at."""

from __future__ import annotations

import base64
import secrets
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import typer
from pydantic import SecretStr

from stillcast.agent import Agent, AgentStats
from stillcast.cli.accounting import is_settled
from stillcast.cli.demo_report import DemoReport, Ledger, print_report
from stillcast.cli.display import Display, make_display
from stillcast.cli.playback import FeedRow, Playback, StillCounter
from stillcast.cli.status import FAILED
from stillcast.cli.stopping import StopSignal, stop_signals
from stillcast.config import AgentConfig, CallbackConfig, CaptureConfig, SourceConfig, SpoolConfig, StorageConfig
from stillcast.errors import ConfigError
from stillcast.receiver import Receiver
from stillcast.sources import SourceKind, SourceOptions, Timeouts, locate, open_video

_CNAME = "demo"
# Two that look different, so that it can be seen which feed a still is of. FFmpeg paints the first one in BT.601, but
# does not say so, and 720 rows without a word are taken for BT.709.
_TEST_PICTURES = (
    "lavfi:testsrc2=size=1280x720:rate=25,format=yuv420p,setparams=colorspace=smpte170m:range=tv",
    "lavfi:testsrc=size=960x540:rate=25",
)
_SOURCES_STOP_S = 2.0
_AGENT_STOP_S = 6.0
_DELIVERY_S = 10.0
_DELIVERY_STEP_S = 0.5


@dataclass(frozen=True, slots=True)
class DemoOptions:
    """What the command line said."""

    video: str | None
    seconds: float
    interval: float
    output: Path | None
    as_json: bool


def run_demo(options: DemoOptions) -> None:
    """Play, then print the table of the stills and the path of the contact sheet.

    Raises:
        SourceError: there is no such video.
        ConfigError: the directory cannot be used.
        typer.Exit: with status 1 if no still was announced or anything on the way went wrong.
    """
    feeds = _feeds(options.video)
    directory = _directory(options.output)
    secret = "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode("ascii")
    ledger = Ledger()
    with stop_signals() as stop, Receiver(secret=secret, on_still=ledger.note_announced) as receiver:
        config = _config(directory, options.interval, receiver.url, secret)
        rows, stats = _capture(config, feeds, options, ledger, stop)
        problems = [*receiver.problems, *(row.error for row in rows if row.error)]
    report = DemoReport(
        directory=directory,
        title=Path(options.video).name if options.video else "test pictures",
        seconds=options.seconds,
        interval=options.interval,
        rows=rows,
        stats=stats,
        stills=ledger.stills(),
        problems=problems + ledger.check_store(config.storage.directory),
    )
    print_report(report, as_json=options.as_json)
    if not report.is_good:
        raise typer.Exit(FAILED)


def _capture(
    config: AgentConfig,
    feeds: Sequence[tuple[SourceConfig, SourceOptions]],
    options: DemoOptions,
    ledger: Ledger,
    stop: StopSignal,
) -> tuple[list[FeedRow], AgentStats]:
    agent = Agent(config)
    agent.start()
    display = make_display(lambda: "stillcast demo", as_json=options.as_json, shows_stills=False)
    playback = Playback(StillCounter(ledger.note_still))
    try:
        agent.on_still(playback.counter.count)
        for source, how in feeds:
            playback.add(agent, source, how, display.message)
        _play(playback, display, stop, options.seconds)
        stop.wait_until(lambda: is_settled(agent, _DELIVERY_STEP_S), limit_s=_DELIVERY_S)
    finally:
        display.close()
        agent.stop(timeout=_AGENT_STOP_S)
    return playback.rows(), agent.stats()


def _play(playback: Playback, display: Display, stop: StopSignal, seconds: float) -> None:
    playback.start()
    try:
        stop.wait_until(playback.is_over, limit_s=seconds, each_step=lambda: display.update(playback.rows()))
    finally:
        playback.stop(_SOURCES_STOP_S)
        display.update(playback.rows())


def _feeds(video: str | None) -> list[tuple[SourceConfig, SourceOptions]]:
    """Choose what the two feeds play: a file half a length apart, so that their stills differ."""
    if video is None:
        urls: Sequence[str] = _TEST_PICTURES
        start_s = 0.0
    else:
        urls = (video, video)
        start_s = _half_length_s(video)
    return [
        (SourceConfig(url=url, cname=_CNAME, uid=str(number)), SourceOptions(loop=True, start_s=start_s * (number - 1)))
        for number, url in enumerate(urls, 1)
    ]


def _half_length_s(video: str) -> float:
    """Open the video once, so that a wrong name is said before anything is started."""
    location = locate(video)
    opened = open_video(location, Timeouts())
    try:
        return (opened.duration_s or 0.0) / 2 if location.kind is SourceKind.FILE else 0.0
    finally:
        opened.close()


def _directory(output: Path | None) -> Path:
    if output is None:
        return Path(tempfile.mkdtemp(prefix=f"stillcast-demo-{datetime.now(UTC):%Y%m%d-%H%M%S}-"))
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"--output: {output}: {error.strerror or error}: name a directory that can be made") from None
    return output.resolve()


def _config(directory: Path, interval: float, callback_url: str, secret: str) -> AgentConfig:
    """Make settings of nothing but the demo's own: neither a file nor the environment can get in its way."""
    return AgentConfig(
        capture=CaptureConfig(interval=interval),
        storage=StorageConfig(url=(directory / "stills").as_uri()),
        callback=CallbackConfig(url=callback_url, secret=SecretStr(secret), extended=True, extra_info="stillcast demo"),
        spool=SpoolConfig(path=directory / "spool", allow_tmpfs=True),
    )
