"""``stillcast run`` from a live HLS stream: segments come in bursts, pictures at their own speed all the same."""

from __future__ import annotations

import itertools
import json
import time
from datetime import timedelta
from pathlib import Path

from stillcast.receiver import Receiver
from support.cli import settings, stillcast
from support.clips import clip, remuxed
from support.streams import http_server, publisher


def test_a_live_stream_in_segments_gives_a_still_at_every_tick(tmp_path: Path) -> None:
    web = tmp_path / "web"
    web.mkdir()
    # One key frame every 5.28 s, so segments are as long, and much longer than the half second between two ticks.
    target = ["-f", "hls", "-hls_time", "4", "-hls_flags", "delete_segments", str(web / "live.m3u8")]
    with (
        publisher(clip("bigbuckbunny"), target, tmp_path / "ffmpeg.log"),
        http_server(web) as server,
        Receiver() as receiver,
    ):
        while not (web / "live.m3u8").is_file():
            time.sleep(0.1)
        file = settings(tmp_path, callback=receiver.url)
        done = stillcast("run", f"{server}/live.m3u8", "-c", file, "--seconds", "12", "--json")
        captured = sorted(still.captured_at for still in receiver.received)
        assert receiver.problems == []
    assert done.returncode == 0, done.stderr
    agent = json.loads(done.stdout)["agent"]
    assert agent["ticks"] == agent["stills"] + sum(agent["missed"].values())
    assert len(captured) >= 12
    in_a_burst = [later - earlier for earlier, later in itertools.pairwise(captured)]
    assert max(in_a_burst) < timedelta(seconds=4), "a gap as long as a segment: pictures came in bursts"


def test_a_video_file_over_http_plays_at_its_own_speed_and_ends(tmp_path: Path) -> None:
    remuxed(clip("bigbuckbunny"), tmp_path / "clip.mp4")
    with http_server(tmp_path) as server:
        started = time.monotonic()
        done = stillcast("run", f"{server}/clip.mp4", "-c", settings(tmp_path), "--json")
        took_s = time.monotonic() - started
    assert done.returncode == 0, done.stderr
    (source,) = json.loads(done.stdout)["sources"]
    assert (source["state"], source["frames"]) == ("ended", 132)
    assert took_s >= 5.0


def test_a_video_file_that_http_cannot_serve_in_parts_fails_clearly(tmp_path: Path) -> None:
    # Its index is at its end, and this server cannot go back to the pictures.
    with http_server(clip("bigbuckbunny").parent) as server:
        done = stillcast("run", f"{server}/bigbuckbunny.mp4", "-c", settings(tmp_path))
    assert done.returncode == 1
    assert "if the server cannot serve parts of a file, copy it here and play the copy" in done.stderr
