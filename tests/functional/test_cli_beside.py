"""``stillcast spool`` beside a running agent, and the figures that ``run`` serves."""

from __future__ import annotations

import json
import socket
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from stillcast.receiver import Receiver
from stillcast.spool import State
from support.callback_server import CallbackServer, answer
from support.cli import running, settings, stillcast
from support.spooled import places, spool_of, spooled
from support.stills import wait_until
from support.streams import free_port

OK = (200, {"status": "ok", "reasons": []})


# beside a running agent


@contextmanager
def running_agent(directory: Path, callback: str) -> Iterator[Path]:
    """``stillcast run`` with a feed that has no video, so that nothing but our stills moves; gives the settings."""
    file = settings(directory, callback=callback)
    with running("run", f"tcp://127.0.0.1:{free_port()}", "-c", file) as command:
        command.wait_for("stills go to")
        yield file
        command.stop()


def test_beside_an_agent_dead_letters_are_announced_by_it(tmp_path: Path) -> None:
    with spool_of(tmp_path) as spool:
        items = [spooled(spool, State.DEAD) for _ in range(3)]
        other = spooled(spool, State.QUARANTINE)
    with Receiver() as receiver, running_agent(tmp_path, receiver.url) as file:
        done = stillcast("spool", "retry", "--all", "-c", file)
        announced = {still.object_key for still in receiver.received}
    assert (done.returncode, done.stderr.splitlines()[-1]) == (0, "stillcast: 3 delivered")
    assert "is in use by process" in done.stderr
    assert announced == {item.object_key for item in items}
    assert places(tmp_path) == {other.sid: "quarantine"}
    assert list((tmp_path / "spool" / "requests").iterdir()) == []


def test_beside_an_agent_what_fails_again_is_told(tmp_path: Path) -> None:
    with spool_of(tmp_path) as spool:
        item = spooled(spool, State.DEAD)
    with CallbackServer(answer(500)) as server, running_agent(tmp_path, server.url) as file:
        done = stillcast("spool", "retry", item.sid, "-c", file, "--json")
    assert done.returncode == 1
    told = json.loads(done.stdout)
    assert (told["outcome"], told["sid"]) == ("failed", item.sid)
    assert "status 500" in told["reason"]


def test_beside_an_agent_purge_deletes_and_the_agent_knows(tmp_path: Path) -> None:
    with spool_of(tmp_path) as spool:
        for _ in range(2):
            spooled(spool, State.DEAD)
    with Receiver() as receiver:
        file = settings(tmp_path, callback=receiver.url)
        port = free_port()
        with running("run", f"tcp://127.0.0.1:{free_port()}", "-c", file, "--metrics", f":{port}") as command:
            command.wait_for(f"figures are at http://127.0.0.1:{port}/metrics")
            assert get(port, "/metrics")[1]['stillcast_spool_stills{state="dead"}'] == "2.0"
            done = stillcast("spool", "purge", "--yes", "-c", file)
            assert get(port, "/metrics")[1]['stillcast_spool_stills{state="dead"}'] == "0.0"
            command.stop()
    assert (done.returncode, done.stdout.split(" (")[0]) == (0, "removed 2 dead")


# figures


def get(port: int, path: str) -> tuple[int, dict[str, str]]:
    """Status, and the lines of the answer as name and value."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as response:
            status, text = response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            status, text = error.code, error.read().decode()
    if path == "/healthz":
        return status, json.loads(text)
    return status, dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))


def test_run_serves_metrics_and_says_how_it_is(tmp_path: Path) -> None:
    port = free_port()
    (tmp_path / "stills").write_text("a file where the directory should be")
    with running("run", "lavfi:testsrc2=size=320x240", "-c", settings(tmp_path), "--metrics", f":{port}") as command:
        command.wait_for("figures are at")
        command.wait_for("store: ")
        wait_until(lambda: get(port, "/healthz")[0] == 503, "the store to be parked")
        status, told = get(port, "/healthz")
        assert (status, told["status"]) == (503, "failing")
        assert "the store refuses every still: storage.url: " in told["reasons"][0]
        (tmp_path / "stills").unlink()
        wait_until(
            lambda: get(port, "/healthz") == (200, {"status": "ok", "reasons": []}), "the store to be taken again"
        )
        figures = get(port, "/metrics")[1]
        assert float(figures["stillcast_stored_stills_total"]) > 0
        assert float(figures["stillcast_store_parked"]) == 0
        command.stop()


def test_run_says_that_the_port_of_its_metrics_is_taken(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        place = f"127.0.0.1:{taken.getsockname()[1]}"
        done = stillcast("run", "lavfi:testsrc2", "-c", settings(tmp_path), "--metrics", place)
    assert done.returncode == 1
    assert f"--metrics: {place}: cannot listen" in done.stderr
    assert not (tmp_path / "spool").exists()
