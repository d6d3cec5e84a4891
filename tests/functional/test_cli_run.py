"""``stillcast run`` with files: what is captured, what is told, and how it ends."""

from __future__ import annotations

import json
import signal
import socket
from pathlib import Path

import pytest

from stillcast.capture import encoder_in_use
from stillcast.naming import parse_object_key
from stillcast.receiver import Receiver
from support.cli import running, settings, stillcast
from support.clips import clip, remuxed, truncated


def keys_in(directory: Path) -> set[str]:
    return {str(path.relative_to(directory)) for path in directory.rglob("*.jpg")}


def assert_accounted(agent: dict[str, object]) -> None:
    missed = agent["missed"]
    assert isinstance(missed, dict)
    assert agent["ticks"] == agent["stills"] + sum(missed.values())  # type: ignore[operator]


def test_files_are_captured_to_their_end_and_every_tick_has_its_account(tmp_path: Path) -> None:
    with Receiver() as receiver:
        done = stillcast(
            "run",
            f"lobby/91={clip('bigbuckbunny')}",
            clip("bikes"),
            "-c",
            settings(tmp_path, callback=receiver.url),
            "--json",
        )
        announced = receiver.received
        assert receiver.problems == []
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert [(source["feed"], source["state"]) for source in told["sources"]] == [
        ("lobby/91", "ended"),
        ("bikes/2", "ended"),
    ]
    assert told["sources"][0]["frames"] == 132
    assert told["sources"][1]["frames"] == 250
    agent = told["agent"]
    assert_accounted(agent)
    assert agent["encoder"] == encoder_in_use("auto")
    assert agent["stills"] == agent["stored"] == agent["announced"] >= 25
    stored = keys_in(tmp_path / "stills")
    assert stored == {still.object_key for still in announced}
    assert len(announced) == len(stored)
    assert {(still.cname, still.uid, still.extra_info) for still in announced} == {
        ("lobby", "91", "of a test"),
        ("bikes", "2", "of a test"),
    }


def test_sources_may_stand_in_the_file_and_one_line_tells_of_each_still(tmp_path: Path) -> None:
    more = f'[[source]]\nurl = "{clip("bikes")}"\ncname = "hall"\nuid = "7"\ninterval = 0.25\n'
    done = stillcast("run", "-c", settings(tmp_path, more=more), "--seconds", "3")
    assert done.returncode == 0, done.stderr
    keys = {line.split()[0] for line in done.stdout.splitlines()}
    assert keys == keys_in(tmp_path / "stills")
    assert len(keys) >= 8
    assert {(parse_object_key(key).cname, parse_object_key(key).uid) for key in keys} == {("hall", "7")}
    assert "stillcast: hall/7: playing: 640x272 h264 25 fps, 10.0 s" in done.stderr.splitlines()


def test_one_bad_source_ends_in_status_1_and_harms_no_other(tmp_path: Path) -> None:
    cut = truncated(remuxed(clip("bigbuckbunny"), tmp_path / "whole.mp4"), tmp_path / "cut.mp4", 0.4)
    good = remuxed(clip("bikes"), tmp_path / "good.mp4", seconds=3.0)
    done = stillcast("run", good, cut, tmp_path / "missing.mp4", "--cname", "room", "-c", settings(tmp_path), "--json")
    assert done.returncode == 1
    told = json.loads(done.stdout)
    assert [source["state"] for source in told["sources"]] == ["ended", "failed", "failed"]
    assert "ended early" in told["sources"][1]["error"]
    assert "no such file" in told["sources"][2]["error"]
    assert told["sources"][0]["stills"] >= 4
    assert told["sources"][1]["stills"] >= 1, "a truncated file gives what it has"
    assert_accounted(told["agent"])
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_cleanly_and_loses_nothing(tmp_path: Path, number: signal.Signals) -> None:
    with Receiver() as receiver:
        file = settings(tmp_path, callback=receiver.url)
        with running("run", "lavfi:testsrc2=size=320x240", "-c", file) as command:
            command.wait_for(".jpg")
            assert command.stop(number) == 0, command.err
        announced = {still.object_key for still in receiver.received}
    captured = {line.split()[0] for line in command.out}
    assert captured
    assert keys_in(tmp_path / "stills") == captured == announced


def test_stills_that_nobody_would_be_told_of_are_kept_and_it_says_so(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    short = remuxed(clip("bikes"), tmp_path / "short.mp4", seconds=2.0)
    done = stillcast("run", short, "-c", settings(tmp_path, callback=f"http://127.0.0.1:{port}/stills"))
    assert done.returncode == 1
    captured = {line.split()[0] for line in done.stdout.splitlines()}
    assert keys_in(tmp_path / "stills") == captured, "they are stored all the same"
    assert "undelivered stills stay in the spool" in done.stderr
    listed = stillcast("spool", "ls", "--path", tmp_path / "spool", "--json")
    assert {json.loads(line)["object_key"] for line in listed.stdout.splitlines()} == captured


def test_a_live_source_that_never_came_is_a_failure(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    done = stillcast("run", f"rtmp://127.0.0.1:{port}/live/x", "--seconds", "2", "-c", settings(tmp_path))
    assert done.returncode == 1
    assert (
        "connection refused: check host and port, and that the server runs; trying again until it comes" in done.stderr
    )
    assert "never gave a picture" in done.stderr
    assert sum("trying again" in line for line in done.stderr.splitlines()) == 1


def test_a_server_that_never_answers_does_not_hold_up_the_end(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"tcp://127.0.0.1:{silent.getsockname()[1]}"
        with running("run", url, "-c", settings(tmp_path)) as command:
            connection, _ = silent.accept()  # FFmpeg now waits for a first byte that never comes
            with connection:
                assert command.stop() == 1
    assert any("never gave a picture" in line for line in command.err)
