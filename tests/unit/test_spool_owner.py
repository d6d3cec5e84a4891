"""One owner a spool, nobody else's eyes, no part in it for a forked child."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from stillcast.errors import SpoolError
from stillcast.spool import Spool, State, filesystem
from support.stills import make_spool, put

READY, STORED, DEFERRED, DEAD, QUARANTINE = State


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    with make_spool(tmp_path / "spool") as opened:
        yield opened


def test_nobody_else_can_read_the_spool(tmp_path: Path) -> None:
    (tmp_path / "spool" / "ready").mkdir(parents=True, mode=0o755)
    with make_spool(tmp_path / "spool") as spool:
        item = put(spool)
        spool.move(item.name, READY, DEAD, "because")
        modes = {path: stat.S_IMODE(path.stat().st_mode) for path in spool.path.rglob("*")}
    assert {mode for path, mode in modes.items() if path.is_dir()} == {0o700}
    assert {mode for path, mode in modes.items() if path.is_file()} == {0o600}


def test_a_new_spool_directory_is_private(spool: Spool) -> None:
    assert stat.S_IMODE(spool.path.stat().st_mode) == 0o700


def test_a_second_owner_is_told_who_has_the_spool_and_what_to_do(spool: Spool) -> None:
    with pytest.raises(SpoolError, match=rf"{spool.path}: already in use by process {os.getpid()}: stop it, or give"):
        make_spool(spool.path).open()


def test_a_spool_can_be_opened_again_once_its_owner_closed_it(spool: Spool) -> None:
    item = put(spool)
    spool.close()
    with make_spool(spool.path) as again:
        assert again.counts()[READY] == 1
        assert again.read(READY, item.name)[0] == item


def test_a_closed_spool_says_so_and_takes_nothing(spool: Spool) -> None:
    item = put(spool)
    spool.close()
    for use in (
        lambda: put(spool),
        lambda: spool.move(item.name, READY, STORED),
        lambda: spool.remove(READY, item.name),
    ):
        with pytest.raises(SpoolError, match="the spool is not open: call open"):
            use()
    assert [path.name for path in (spool.path / "ready").iterdir()] == [item.name]


def test_a_path_that_is_a_file_is_named_as_such(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SpoolError, match=r"file: cannot open the spool: .*set spool.path to a directory"):
        make_spool(tmp_path / "file").open()


_FORKING = """
import os, sys, time
sys.path[:0] = sys.argv[2:]
from stillcast.errors import SpoolError
from stillcast.spool import State
from support.stills import make_spool, make_still, put
def say(*words):  # a line in one write: two processes say theirs at the same time
    os.write(1, f"{' '.join(map(str, words))}\\n".encode())
spool = make_spool(sys.argv[1])
spool.open()
name = put(spool).name
child = os.fork()
if child:
    say("forked", name, child)
    time.sleep(600)
uses = {
    "put": lambda: put(spool, make_still(1)),
    "read": lambda: spool.read(State.READY, name),
    "move": lambda: spool.move(name, State.READY, State.STORED),
    "defer": lambda: spool.defer(name, State.READY, due_s=1.0, attempts=1, reason="r"),
    "revive": lambda: spool.revive(name),
    "remove": lambda: spool.remove(State.READY, name),
    "oldest": lambda: spool.oldest(State.READY, 9),
    "due": lambda: spool.due(9),
    "attempts": lambda: spool.attempts(name),
    "tidy": spool.tidy,
}
for what, use in uses.items():
    try:
        use()
        say(what, "did its work in the child")
    except SpoolError as error:
        say(what, "says:", error)
spool.close()
say("counted", spool.counts()[State.READY])
time.sleep(600)
"""


_USES = "put read move defer revive remove oldest due attempts tidy"


def test_a_forked_child_has_no_part_in_the_spool_and_does_not_keep_it_from_others(tmp_path: Path) -> None:
    path = tmp_path / "spool"
    command = [sys.executable, "-c", _FORKING, str(path), *sys.path]
    parent = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)
    assert parent.stdout is not None
    try:
        lines = [parent.stdout.readline().split(" ", 1) for _ in range(12)]
        said = {what: text.strip() for what, text in lines}
        name, child = said.pop("forked").split()
        assert said.pop("counted") == "1"
        told = f"says: spool.path: {path}: belongs to process {parent.pid}, which this one was forked from: open a"
        assert {what for what, text in said.items() if told in text} == set(_USES.split())
        with pytest.raises(SpoolError, match=f"in use by process {parent.pid}"):
            make_spool(path).open()
        parent.kill()
        parent.wait()
        os.kill(int(child), 0)  # it lives on
        with make_spool(path) as heir:
            assert heir.oldest(READY, 9) == [name]
    finally:
        os.killpg(parent.pid, signal.SIGKILL)  # the child too, whatever was read of it
        parent.stdout.close()
        parent.wait()


_MOUNTS = """\
22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
23 22 0:5 / /dev rw,nosuid shared:2 - devtmpfs udev rw
24 23 0:21 / /dev/shm rw,nosuid,nodev shared:3 - tmpfs tmpfs rw
25 22 0:22 / /run/with\\040blank rw - ramfs none rw
26 22 8:2 / /run/with\\040blank/disk rw - xfs /dev/sdb rw
27 22 0:23 / /hidden rw - tmpfs tmpfs rw
28 22 8:3 / /hidden rw - ext4 /dev/sdc rw
odd line
"""


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        ("/var/lib/stillcast", False),
        ("/dev/shm", True),
        ("/dev/shm/a/b", True),
        ("/dev/shmooth", False),
        ("/run/with blank/spool", True),
        ("/run/with blank/disk/spool", False),
        ("/hidden/spool", False),
    ],
)
def test_the_file_system_of_a_path_is_that_of_its_longest_mount_point(tmp_path: Path, path: str, answer: bool) -> None:
    (tmp_path / "mounts").write_text(_MOUNTS)
    assert filesystem.is_in_memory(Path(path), tmp_path / "mounts") is answer


def test_where_nobody_can_tell_the_file_system_is_allowed(tmp_path: Path) -> None:
    assert filesystem.is_in_memory(Path("/dev/shm"), tmp_path / "no such file") is False


def test_a_link_into_memory_is_followed(tmp_path: Path) -> None:
    (tmp_path / "mounts").write_text(f"24 23 0:21 / {tmp_path / 'memory'} rw - tmpfs tmpfs rw\n")
    (tmp_path / "memory").mkdir()
    (tmp_path / "link").symlink_to("memory")
    assert filesystem.is_in_memory(tmp_path / "link" / "spool", tmp_path / "mounts")


def test_a_spool_in_memory_is_refused_unless_it_is_meant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Path] = []
    monkeypatch.setattr(filesystem, "is_in_memory", lambda path: asked.append(path) or True)
    path = tmp_path / "spool"
    with pytest.raises(
        SpoolError, match=rf"spool.path: {path}: is in memory, .*: name a disk, or set spool.allow_tmpfs"
    ):
        make_spool(path, allow_tmpfs=False).open()
    assert asked == [path]
    assert not path.exists()
    with make_spool(path, allow_tmpfs=True):
        pass


def test_memory_itself_is_recognised() -> None:
    assert filesystem.is_in_memory(Path("/dev/shm")) is ("tmpfs /dev/shm " in Path("/proc/mounts").read_text())


@pytest.mark.parametrize("name", ["ready", "tmp", "dead", "lock"])
def test_a_link_in_place_of_a_part_of_the_spool_is_refused_and_not_followed(tmp_path: Path, name: str) -> None:
    target = tmp_path / "elsewhere"
    target.mkdir(mode=0o755) if name != "lock" else target.write_text("precious")
    (tmp_path / "spool").mkdir()
    (tmp_path / "spool" / name).symlink_to(target)
    with pytest.raises(SpoolError, match="cannot open the spool"):
        make_spool(tmp_path / "spool").open()
    if name == "lock":
        assert target.read_text() == "precious"
    else:
        assert stat.S_IMODE(target.stat().st_mode) == 0o755


def test_a_refused_open_holds_no_lock(tmp_path: Path) -> None:
    (tmp_path / "spool").mkdir()
    (tmp_path / "spool" / "dead").write_text("in the way")
    with pytest.raises(SpoolError, match="cannot open the spool"):
        make_spool(tmp_path / "spool").open()
    (tmp_path / "spool" / "dead").unlink()
    with make_spool(tmp_path / "spool") as spool:
        assert spool.counted
