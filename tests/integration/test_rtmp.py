"""``stillcast run`` from a real RTMP server: nginx with its RTMP module, fed by ffmpeg."""

from __future__ import annotations

import hashlib
import json
import time
from pathlib import Path

from stillcast.receiver import Receiver
from support.cli import running, settings, stillcast
from support.clips import clip
from support.streams import free_port, publisher, rtmp_server


def test_a_stream_from_nginx_is_captured_and_every_tick_has_its_account(tmp_path: Path) -> None:
    with (
        rtmp_server(tmp_path / "nginx", free_port()) as server,
        publisher(clip("bigbuckbunny"), ["-f", "flv", f"{server}/lobby"], tmp_path / "ffmpeg.log"),
        Receiver() as receiver,
    ):
        file = settings(tmp_path, callback=receiver.url)
        done = stillcast("run", f"{server}/lobby", "--uid", "91", "-c", file, "--seconds", "12", "--json")
        announced = receiver.received
        assert receiver.problems == []
    assert done.returncode == 0, done.stderr
    agent = json.loads(done.stdout)["agent"]
    assert agent["ticks"] == agent["stills"] + sum(agent["missed"].values())
    assert agent["stills"] == agent["stored"] == agent["announced"] == len(announced)
    assert len(announced) >= 10, done.stderr
    for still in announced:
        data = (tmp_path / "stills" / still.object_key).read_bytes()
        assert (still.code, still.cname, still.uid, still.extra_info) == (200, "lobby", "91", "of a test")
        assert still.still is not None
        assert (still.still["width"], still.still["height"], still.still["bytes"]) == (640, 360, len(data))
        assert still.still["sha256"] == hashlib.sha256(data).hexdigest()


def test_a_server_that_goes_away_and_comes_back_is_found_again(tmp_path: Path) -> None:
    port = free_port()
    file = settings(tmp_path)
    with running("run", f"rtmp://127.0.0.1:{port}/live/lobby", "-c", file) as command:
        command.wait_for("lobby/1: reconnecting: ")
        for number in (1, 2):
            with (
                rtmp_server(tmp_path / f"nginx{number}", port) as server,
                publisher(clip("bigbuckbunny"), ["-f", "flv", f"{server}/lobby"], tmp_path / "ffmpeg.log"),
            ):
                command.wait_for("lobby/1: playing: " + ("1280x720" if number == 1 else "back after "))
                captured = len(command.out)
                while len(command.out) < captured + 3:
                    assert command.process.poll() is None
                    time.sleep(0.05)
        assert command.stop() == 0, command.err
    told = [line for line in command.err if "reconnecting" in line]
    assert 2 <= len(told) <= 4, "one line for each loss, not for each attempt"
