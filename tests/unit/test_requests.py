"""What a command asks of a spool's owner, and what the owner makes of files that nobody of ours left."""

from __future__ import annotations

import json
import logging
import os
import stat
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from stillcast.errors import SpoolError
from stillcast.spool import Spool, State
from stillcast.spool.requests import STILLS_MAX, Inbox, Request, ask
from support.stills import make_spool, make_still, put

NAME = f"{'7' * 32}.request"


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    with make_spool(tmp_path / "spool") as opened:
        yield opened


@pytest.fixture
def requests(spool: Spool) -> Path:
    directory = spool.path / "requests"
    directory.mkdir(mode=0o700)
    return directory


@contextmanager
def serving(spool: Spool) -> Iterator[None]:
    """An owner that looks often."""
    over = threading.Event()

    def serve() -> None:
        inbox = Inbox(spool)
        while not over.wait(0.005):
            inbox.serve()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def dead(spool: Spool, number: int, from_state: State = State.READY) -> str:
    item = put(spool, make_still(number))
    if from_state is State.STORED:
        spool.move(item.name, State.READY, State.STORED)
    spool.move(item.name, from_state, State.DEAD, "of a test")
    return item.name


def test_the_owner_puts_dead_letters_back_to_where_they_came_from(spool: Spool) -> None:
    unsent, untold = dead(spool, 1), dead(spool, 2, State.STORED)
    gone = dead(spool, 3)
    spool.remove(State.DEAD, gone)
    with serving(spool):
        answer = ask(spool.path, Request("revive", tuple((State.DEAD, name) for name in (unsent, untold, gone))))
    assert answer == ["ready", "stored", None]
    assert (spool.counts()[State.READY], spool.counts()[State.STORED], spool.counts()[State.DEAD]) == (1, 1, 0)


def test_the_owner_removes_what_is_named_and_nothing_else(spool: Spool) -> None:
    first, second = dead(spool, 1), dead(spool, 2)
    waiting = put(spool, make_still(3)).name
    with serving(spool):
        answer = ask(spool.path, Request("remove", ((State.DEAD, first), (State.DEAD, waiting))))
    assert answer == ["removed", None]
    assert [entry.name for entry in spool.ls()] == [waiting, second]


def test_nothing_of_a_request_stays_and_only_the_owner_can_read_it(spool: Spool) -> None:
    name = dead(spool, 1)
    seen: list[int] = []
    inbox = Inbox(spool)

    def look_then_serve() -> None:
        while not (found := list((spool.path / "requests").glob("*.request"))):
            time.sleep(0.002)
        seen.extend(stat.S_IMODE(path.stat().st_mode) for path in (*found, spool.path / "requests"))
        inbox.serve()

    thread = threading.Thread(target=look_then_serve)
    thread.start()
    assert ask(spool.path, Request("revive", ((State.DEAD, name),))) == ["ready"]
    thread.join()
    assert seen == [0o600, 0o700]
    assert list((spool.path / "requests").iterdir()) == []


def test_without_an_answer_the_request_is_taken_back(spool: Spool) -> None:
    name = dead(spool, 1)
    with pytest.raises(SpoolError, match=r"did not answer within 0\.1 s"):
        ask(spool.path, Request("remove", ((State.DEAD, name),)), wait_s=0.1)
    Inbox(spool).serve()
    assert spool.counts()[State.DEAD] == 1
    assert list((spool.path / "requests").iterdir()) == []


def test_a_name_that_is_none_is_refused_in_words(spool: Spool, caplog: pytest.LogCaptureFixture) -> None:
    victim = spool.path.parent / "victim.jpg"
    victim.write_bytes(b"not yours")
    with serving(spool), pytest.raises(SpoolError, match=r"the agent refused: .*is no name of a spooled still"):
        ask(spool.path, Request("remove", ((State.DEAD, "../../victim.jpg"),)))
    assert victim.exists()
    assert "was refused" in caplog.text


GARBAGE = {
    "no JSON": b"\xff\xd8 a picture",
    "another shape": b'["revive"]',
    "no such verb": json.dumps({"verb": "format", "stills": []}).encode(),
    "no such state": json.dumps({"verb": "remove", "stills": [["tmp", "x"]]}).encode(),
    "too many": json.dumps({"verb": "remove", "stills": [["dead", "x"]] * (STILLS_MAX + 1)}).encode(),
    "too long": b"[" * 300_000,
    "too deep": b"[" * 100_000,
    "numbers": json.dumps({"verb": "remove", "stills": [[1, 2]]}).encode(),
    "empty": b"",
}


@pytest.mark.parametrize("content", GARBAGE.values(), ids=GARBAGE)
def test_garbage_is_removed_with_a_log_line_and_harms_nothing(
    spool: Spool, requests: Path, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    name = dead(spool, 1)
    (requests / NAME).write_bytes(content)
    inbox = Inbox(spool)
    inbox.serve()
    assert not (requests / NAME).exists()
    assert len(caplog.records) == 1
    with serving(spool):
        assert ask(spool.path, Request("revive", ((State.DEAD, name),))) == ["ready"]


def test_what_is_no_request_is_removed_and_links_and_pipes_are_never_opened(
    spool: Spool, requests: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("kept")
    (requests / "notes.txt").write_text("of a person")
    (requests / NAME).symlink_to(secret)
    os.mkfifo(requests / NAME.replace("7", "8"))
    (requests / NAME.replace("7", "9")).mkdir()
    Inbox(spool).serve()
    assert secret.read_text() == "kept"
    assert [path.name for path in requests.iterdir()] == [NAME.replace("7", "9")], "a directory does no harm"
    assert "kept" not in caplog.text


def test_what_is_stale_is_swept_and_not_done(spool: Spool, requests: Path, caplog: pytest.LogCaptureFixture) -> None:
    name = dead(spool, 1)
    text = json.dumps({"verb": "remove", "stills": [["dead", name]]})
    for suffix in (".request", ".answer", ".part"):
        (requests / NAME).with_suffix(suffix).write_text(text)
    Inbox(spool, clock=lambda: time.time() + 61).serve()
    assert list(requests.iterdir()) == []
    assert spool.counts()[State.DEAD] == 1, "whoever asked has gone"
    assert [record.getMessage().count("whoever asked has gone") for record in caplog.records] == [1, 1, 1]


def test_an_answer_that_waits_for_its_reader_is_left_alone(spool: Spool, requests: Path) -> None:
    (requests / NAME).with_suffix(".answer").write_text("{}")
    Inbox(spool).serve()
    assert [path.suffix for path in requests.iterdir()] == [".answer"]


def test_a_flood_is_served_a_part_at_a_time(spool: Spool, requests: Path) -> None:
    text = json.dumps({"verb": "remove", "stills": []})
    for number in range(100):
        (requests / f"{number:032x}.request").write_text(text)
    inbox = Inbox(spool)
    inbox.serve()
    assert len(list(requests.glob("*.request"))) >= 80
    for _ in range(200):
        inbox.serve()
        for answer in requests.glob("*.answer"):
            answer.unlink()
    assert list(requests.iterdir()) == []


def test_a_spool_that_nobody_asked_costs_a_look_and_no_word(spool: Spool, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, "stillcast.spool"):
        Inbox(spool).serve()
    assert caplog.records == []
    assert not (spool.path / "requests").exists()


def test_an_answer_of_another_shape_is_an_error_in_words(spool: Spool, requests: Path) -> None:
    def answer_wrong() -> None:
        while not (found := list(requests.glob("*.request"))):
            time.sleep(0.002)
        draft = requests / "draft"
        draft.write_text('{"done": ["ready", "ready"]}')
        draft.rename(found[0].with_suffix(".answer"))

    thread = threading.Thread(target=answer_wrong)
    thread.start()
    with pytest.raises(SpoolError, match="answer cannot be read"):
        ask(spool.path, Request("revive", ((State.DEAD, "x"),)))
    thread.join()
    assert list(requests.glob("*.answer")) == []
