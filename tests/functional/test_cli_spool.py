"""``stillcast spool retry``, ``purge`` and ``export``, as whoever operates an agent meets them."""

from __future__ import annotations

import hashlib
import json
import os
import pty
import subprocess
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from stillcast.receiver import Receiver
from stillcast.spool import State
from support.callback_server import CallbackServer, answer
from support.cli import COMMAND, environment, settings, stillcast
from support.spooled import places, spool_of, spooled
from support.stills import make_still, put

NOBODY = "0" * 32


# ls


def test_ls_says_when_a_deferred_still_is_tried_again(tmp_path: Path) -> None:
    with spool_of(tmp_path) as spool:
        item = spooled(spool, State.DEFERRED, reason="status 503")
    done = stillcast("spool", "ls", "--path", tmp_path / "spool")
    assert done.stdout.rstrip().endswith(f"{item.object_key}  failed 3 times, again in 5m: status 503")
    (told,) = map(json.loads, stillcast("spool", "ls", "--path", tmp_path / "spool", "--json").stdout.splitlines())
    assert (told["state"], told["attempts"], told["reason"]) == ("deferred", 3, "status 503")
    assert 200 < told["due_in_s"] < 331


# retry


def test_retry_delivers_dead_letters_without_an_agent(tmp_path: Path) -> None:
    with spool_of(tmp_path) as spool:
        unsent = spooled(spool, State.READY)
        spool.move(unsent.name, State.READY, State.DEAD, "key too long")
        untold = spooled(spool, State.DEAD)
    with Receiver() as receiver:
        done = stillcast("spool", "retry", "--all", "-c", settings(tmp_path, callback=receiver.url))
        announced = {still.object_key for still in receiver.received}
    assert (done.returncode, done.stderr) == (0, "stillcast: 2 delivered\n")
    assert sorted(done.stdout.splitlines()) == sorted(f"delivered  {item.object_key}" for item in (unsent, untold))
    assert announced == {unsent.object_key, untold.object_key}
    assert (tmp_path / "stills" / unsent.object_key).exists()
    assert not (tmp_path / "stills" / untold.object_key).exists(), "it was stored before, and is only announced"
    assert places(tmp_path) == {}


def test_retry_of_one_leaves_the_others(tmp_path: Path) -> None:
    with spool_of(tmp_path) as spool:
        wanted, other = spooled(spool, State.DEAD), spooled(spool, State.DEAD)
    with Receiver() as receiver:
        done = stillcast("spool", "retry", wanted.sid, "--json", "-c", settings(tmp_path, callback=receiver.url))
    assert done.returncode == 0, done.stderr
    assert [json.loads(line) for line in done.stdout.splitlines()] == [
        {"outcome": "delivered", "sid": wanted.sid, "object_key": wanted.object_key, "reason": None}
    ]
    assert places(tmp_path) == {other.sid: "dead"}


def test_what_fails_again_is_a_dead_letter_again_and_ends_in_status_1(tmp_path: Path) -> None:
    with spool_of(tmp_path) as spool:
        item = spooled(spool, State.DEAD)
    with CallbackServer(answer(500)) as server:
        done = stillcast("spool", "retry", "--all", "-c", settings(tmp_path, callback=server.url))
        assert len(server.requests) == 3
    assert (done.returncode, done.stderr) == (1, "stillcast: 1 failed again\n")
    assert done.stdout.startswith(f"failed     {item.object_key}  ")
    assert "status 500" in done.stdout
    assert places(tmp_path) == {item.sid: "dead"}


def test_what_nobody_can_deliver_still_waits_and_ends_in_status_1(tmp_path: Path) -> None:
    with spool_of(tmp_path) as spool:
        item = spooled(spool, State.READY)
        spool.move(item.name, State.READY, State.DEAD, "of a test")
    (tmp_path / "stills").write_text("a file where the directory should be")
    done = stillcast("spool", "retry", "--all", "-c", settings(tmp_path))
    assert (done.returncode, done.stderr) == (1, "stillcast: 1 still wait\n")
    assert done.stdout.startswith(f"waits      {item.object_key}  storage.url: ")
    assert places(tmp_path) == {item.sid: "ready"}


def test_without_a_callback_nobody_is_told_and_it_says_so(tmp_path: Path) -> None:
    with spool_of(tmp_path) as spool:
        spooled(spool, State.DEAD)
    done = stillcast("spool", "retry", "--all", "-c", settings(tmp_path))
    assert done.returncode == 1
    assert "callback.url is not set" in done.stdout


def test_an_unreadable_still_is_told_as_failed(tmp_path: Path) -> None:
    with spool_of(tmp_path) as spool:
        item = spooled(spool, State.DEAD)
        path = spool.path / State.DEAD / item.name
        path.write_bytes(path.read_bytes()[:-10])
    with Receiver() as receiver:
        done = stillcast("spool", "retry", "--all", "-c", settings(tmp_path, callback=receiver.url))
        assert receiver.received == []
    assert done.returncode == 1
    assert done.stdout.startswith(f"failed     {item.sid}  ")
    assert places(tmp_path) == {item.sid: "quarantine"}


def test_more_dead_letters_than_one_request_holds_are_delivered(tmp_path: Path) -> None:
    with spool_of(tmp_path) as spool:
        items = [spooled(spool, State.READY) for _ in range(1100)]
        for item in items:
            spool.move(item.name, State.READY, State.DEAD, "of a test")
    done = stillcast("spool", "retry", "--all", "-c", settings(tmp_path))
    assert (done.returncode, done.stderr) == (0, "stillcast: 1100 delivered\n")
    assert len(set(done.stdout.splitlines())) == 1100


@pytest.mark.parametrize(
    "arguments",
    [
        ["retry"],
        ["retry", NOBODY],
        ["retry", NOBODY, "--all"],
        ["retry", "--all", "-c", "/nonexistent.toml"],
        ["purge"],
        ["purge", "--yes", NOBODY],
        ["purge", "--yes", "--state", "lost"],
        ["purge", "--yes", "--older-than", "soon"],
        ["purge", "--yes", "--older-than", "-1"],
        ["export"],
        ["export", "out", NOBODY],
        ["export", "out", "--state", "tmp"],
        ["export", "/proc/nowhere"],
    ],
    ids=" ".join,
)
def test_wrong_usage_ends_with_status_2_and_changes_nothing(tmp_path: Path, arguments: list[str]) -> None:
    with spool_of(tmp_path) as spool:
        item = spooled(spool, State.DEAD)
    where = {
        "STILLCAST_SPOOL_PATH": str(tmp_path / "spool"),
        "STILLCAST_STORAGE_URL": (tmp_path / "stills").as_uri(),
    }
    done = subprocess.run(
        [*COMMAND, "spool", *arguments],
        env=environment(where),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        cwd=tmp_path,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    assert done.stderr
    assert "Traceback" not in done.stderr
    assert places(tmp_path) == {item.sid: "dead"}


@pytest.mark.parametrize("arguments", [["retry", "--all"], ["purge", "--yes"], ["export", "out"]], ids=" ".join)
def test_where_no_spool_is_none_is_made(tmp_path: Path, arguments: list[str]) -> None:
    done = stillcast("spool", *arguments, env={"STILLCAST_SPOOL_PATH": str(tmp_path / "nowhere")})
    assert done.returncode == 1
    assert "no spool is there" in done.stderr
    assert list(tmp_path.iterdir()) == []


# purge


def test_purge_deletes_what_was_given_up_and_nothing_that_waits(tmp_path: Path) -> None:
    with spool_of(tmp_path) as spool:
        kept = {spooled(spool, state).sid: str(state) for state in (State.READY, State.STORED, State.DEFERRED)}
        spooled(spool, State.DEAD)
        spooled(spool, State.QUARANTINE)
    done = stillcast("spool", "purge", "--yes", "--path", tmp_path / "spool")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("removed 1 dead, 1 quarantine (")
    assert places(tmp_path) == kept
    assert not list((tmp_path / "spool" / "dead").iterdir()), "its reason goes with it"


def test_purge_deletes_what_waits_only_where_its_state_is_named(tmp_path: Path) -> None:
    with spool_of(tmp_path) as spool:
        spooled(spool, State.READY)
        dead = spooled(spool, State.DEAD)
    done = stillcast("spool", "purge", "--yes", "--state", "ready", "--path", tmp_path / "spool", "--json")
    told = json.loads(done.stdout)
    assert told["removed"] == {"ready": 1}
    assert told["bytes"] > 200
    assert places(tmp_path) == {dead.sid: "dead"}


def test_purge_keeps_what_is_younger_and_what_is_not_named(tmp_path: Path) -> None:
    with spool_of(tmp_path) as spool:
        old = spooled(spool, State.DEAD, age=timedelta(days=2))
        other = spooled(spool, State.DEAD, age=timedelta(days=2))
        young = spooled(spool, State.DEAD, age=timedelta(hours=1))
    purge = ("spool", "purge", "--yes", "--path", tmp_path / "spool", "--older-than", "36h")
    assert stillcast(*purge, old.sid).returncode == 0
    assert places(tmp_path) == {other.sid: "dead", young.sid: "dead"}
    assert stillcast(*purge).returncode == 0
    assert places(tmp_path) == {young.sid: "dead"}


def test_commands_about_a_spool_drop_nothing_to_keep_its_caps(tmp_path: Path) -> None:
    with spool_of(tmp_path) as spool:
        kept = {spooled(spool, State.READY, age=timedelta(days=10)).sid: "ready" for _ in range(3)}
        spooled(spool, State.DEAD)
    file = settings(tmp_path)
    file.write_text(file.read_text().replace("[spool]\n", "[spool]\nmax_files = 1\nmax_age = 60\n"))
    assert stillcast("spool", "purge", "--yes", "-c", file).returncode == 0
    assert stillcast("check", "-c", file).returncode == 0
    assert places(tmp_path) == kept


@pytest.mark.parametrize(("said", "status", "left"), [("y\n", 0, 0), ("n\n", 1, 1), ("\n", 1, 1)])
def test_purge_asks_on_a_terminal(tmp_path: Path, said: str, status: int, left: int) -> None:
    with spool_of(tmp_path) as spool:
        spooled(spool, State.DEAD)
    ours, theirs = pty.openpty()
    try:
        os.write(ours, said.encode())
        done = subprocess.run(
            [*COMMAND, "spool", "purge", "--path", str(tmp_path / "spool")],
            env=environment(),
            stdin=theirs,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    finally:
        os.close(theirs)
        os.close(ours)
    assert done.returncode == status
    assert "Delete 1 dead (" in done.stderr
    assert len(places(tmp_path)) == left


# export


def test_export_copies_stills_under_their_keys_with_their_facts(tmp_path: Path) -> None:
    with spool_of(tmp_path) as spool:
        items = [spooled(spool, state) for state in (State.READY, State.STORED, State.DEFERRED, State.DEAD)]
        before = sorted((path, path.stat().st_mtime_ns) for path in spool.path.rglob("*"))
        done = stillcast("spool", "export", tmp_path / "out", "--path", tmp_path / "spool")
        assert sorted((path, path.stat().st_mtime_ns) for path in spool.path.rglob("*")) == before, "beside an owner"
    assert (done.returncode, done.stderr) == (0, f"stillcast: 4 copied: {tmp_path / 'out'}\n")
    for item in items:
        jpeg = (tmp_path / "out" / item.object_key).read_bytes()
        facts = json.loads((tmp_path / "out" / item.object_key).with_suffix(".json").read_text())
        assert hashlib.sha256(jpeg).hexdigest() == item.sha256 == facts["sha256"]
        assert (facts["cname"], facts["uid"], facts["object_key"]) == (item.cname, item.uid, item.object_key)
        assert datetime.fromisoformat(facts["captured_at"]) == item.captured_at
    assert len([path for path in (tmp_path / "out").rglob("*") if path.is_file()]) == 8


def test_export_again_copies_nothing_and_replaces_nothing(tmp_path: Path) -> None:
    with spool_of(tmp_path) as spool:
        first, second = spooled(spool, State.DEAD), spooled(spool, State.DEAD)
    export = ("spool", "export", tmp_path / "out", "--path", tmp_path / "spool")
    assert stillcast(*export, first.sid).returncode == 0
    other = tmp_path / "out" / second.object_key
    other.write_bytes(b"of a person")
    done = stillcast(*export, "--json")
    told = {entry["sid"]: entry for entry in map(json.loads, done.stdout.splitlines())}
    assert done.returncode == 1
    assert (told[first.sid]["outcome"], told[second.sid]["outcome"]) == ("there", "failed")
    assert "another file has that name" in told[second.sid]["reason"]
    assert other.read_bytes() == b"of a person"
    assert not list((tmp_path / "out").rglob(".*")), "no half of a file stays"


def test_export_never_leaves_its_directory(tmp_path: Path) -> None:
    with spool_of(tmp_path) as spool:
        item = spooled(spool, State.DEAD)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "test").symlink_to(tmp_path / "elsewhere")
    done = stillcast("spool", "export", tmp_path / "out", "--path", tmp_path / "spool")
    assert done.returncode == 1
    assert f"failed  {item.object_key}  " in done.stdout
    assert "a link leads out of the directory" in done.stdout
    assert [path for path in (tmp_path / "elsewhere").rglob("*") if path.is_file()] == []


def test_export_says_what_cannot_be_read_and_copies_the_rest(tmp_path: Path) -> None:
    with spool_of(tmp_path) as spool:
        broken, good = spooled(spool, State.DEAD), spooled(spool, State.DEAD)
        path = spool.path / State.DEAD / broken.name
        path.write_bytes(path.read_bytes()[:-10])
    done = stillcast("spool", "export", tmp_path / "out", "--path", tmp_path / "spool")
    assert done.returncode == 1
    assert done.stderr.endswith(f"1 copied, 1 failed: {tmp_path / 'out'}\n")
    assert (tmp_path / "out" / good.object_key).exists()
    assert places(tmp_path) == {broken.sid: "dead", good.sid: "dead"}, "the spool is only read"


def test_a_key_that_is_longer_than_a_file_name_goes_under_its_sid(tmp_path: Path) -> None:
    with spool_of(tmp_path) as spool:
        item = put(spool, make_still(cname="c" * 300))
    assert stillcast("spool", "export", tmp_path / "out", "--path", tmp_path / "spool").returncode == 0
    (file,) = (tmp_path / "out").rglob("*.jpg")
    assert file.name == f"{item.sid}.jpg"
    assert json.loads(file.with_suffix(".json").read_text())["object_key"] == item.object_key
