"""What whoever chooses channel and user names can not do to us."""

from __future__ import annotations

import io
import json
import logging
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from stillcast import Agent, AgentConfig, ConfigError, Frame
from stillcast.callbacks import build_body
from stillcast.cli.display import _feed_table
from stillcast.cli.playback import FeedRow
from stillcast.cli.status import say
from stillcast.naming import format_object_key, parse_object_key
from stillcast.redaction import LogRedaction, Redactor
from stillcast.sources import SourceState, SourceStats
from stillcast.spool.item import describe
from stillcast.storage import DirectoryStore
from support.settings import clear_environment
from support.stills import START, make_still

HOSTILE = [
    "../../../../etc/cron.d/x",
    "..",
    ".",
    "/etc/passwd",
    "a\\..\\b",
    "\x00",
    "a\nINFO stillcast.agent: forged",
    "\r\x1b[2J\x1b]0;owned\x07",
    "\u202egpj.exe",
    "%2e%2e%2f",
    "${jndi:ldap://host/x}",
    "<script>alert(1)</script>",
    "'; DROP TABLE stills; --",
    "__uid_s_91__uid_e_video_20201216081128672.jpg",
]


@pytest.mark.parametrize("name", HOSTILE)
def test_no_name_leaves_the_directory_of_the_store(tmp_path: Path, name: str) -> None:
    root = tmp_path / "stills"
    key = format_object_key(prefix=(), sid="ab" * 16, cname=name, uid=name, captured_at=START)
    DirectoryStore(root).put(key, b"jpeg")
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert written == [root / key]
    assert written[0].resolve().is_relative_to(root)
    assert key.isascii()
    assert key.isprintable()


@pytest.mark.parametrize("name", HOSTILE)
def test_no_name_reads_back_as_another_one(name: str) -> None:
    parsed = parse_object_key(format_object_key(prefix=(), sid="ab" * 16, cname=name, uid="91", captured_at=START))
    assert (parsed.cname, parsed.uid) == (name, "91")


@pytest.mark.parametrize("name", HOSTILE)
def test_no_name_breaks_out_of_the_callbacks_body(name: str) -> None:
    item = describe(make_still(cname=name, uid=name), request_id="r", extra_info=name)
    body = json.loads(build_body(item, url="https://localhost/"))
    assert (body["channelName"], body["userId"], body["callbackParam"]) == (name, name, {"cname": name})
    assert body["code"] == 200
    assert len(body) == 10


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("logger", ["stillcast.agent", "stillcast.delivery"])
def test_no_name_forges_a_line_of_the_log_of_a_running_agent(name: str, logger: str) -> None:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    logging.getLogger().addHandler(handler)
    redaction = LogRedaction(Redactor([]))
    redaction.start()
    try:
        logging.getLogger(logger).error("a still of %s/%s was lost", name, name)
    finally:
        redaction.stop()
        logging.getLogger().removeHandler(handler)
    (line,) = stream.getvalue().splitlines()
    assert line.isprintable()


@pytest.mark.parametrize("name", HOSTILE)
def test_no_name_moves_the_cursor_or_colours_the_table(name: str) -> None:
    stats = SourceStats(SourceState.PLAYING, 0, 0, 0, 0, 0, 0, 0, None)
    out = io.StringIO()
    Console(file=out, force_terminal=True, width=120, color_system=None).print(
        _feed_table([FeedRow(name, "rtmp://h", stats, None, 0, None)], "title")
    )
    written = out.getvalue()
    assert "\x1b[2J" not in written
    assert "\x07" not in written
    assert "\u202e" not in written
    assert "forged" not in [line.strip() for line in written.splitlines()]


@pytest.mark.parametrize("name", HOSTILE)
def test_no_name_reaches_a_terminal_as_a_control_character(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    say(name)
    for line in capsys.readouterr().err.splitlines():
        assert line.isprintable()
        assert line.startswith("stillcast: ")


@pytest.mark.parametrize("size", [800, 100_000, 5_000_000])
def test_a_huge_name_is_refused_when_its_feed_is_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    clear_environment(monkeypatch, home=tmp_path)
    config = AgentConfig.load(spool={"path": tmp_path / "spool", "allow_tmpfs": True})
    with Agent(config) as agent:
        for names in (("x" * size, "91"), ("lobby", "é" * size)):
            with pytest.raises(ConfigError) as refused:
                agent.open_feed(*names)
            assert len(str(refused.value)) < 600
        feed = agent.open_feed("lobby", "91")  # and the next one is served
        feed.push(Frame.from_array(np.zeros((90, 160, 3), np.uint8), "BGR24"))
        assert agent.flush(30)
        assert agent.stats().stored == 1
