"""What `put` returned survives: kills, full disks, and with `power` the order of the syncs."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from stillcast.spool import Spool, State
from support.stills import make_spool, put

READY, STORED, DEFERRED, DEAD, QUARANTINE = State


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    with make_spool(tmp_path / "spool") as opened:
        yield opened


def test_a_full_disk_of_the_kernel_is_told_too(tmp_path: Path) -> None:
    """With a real file system: the limit of a file's size stands in for a disk that is full."""
    code = """
import resource, signal, sys
sys.path[:0] = sys.argv[2:]
from support.stills import make_spool, make_still, put
from stillcast.errors import SpoolError
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
with make_spool(sys.argv[1]) as spool:
    put(spool)
    resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))
    try:
        put(spool, make_still(jpeg=b"x" * 9000))
    except SpoolError as error:
        print(error)
    print(dict(spool.counts())["ready"], list((spool.path / "tmp").iterdir()))
"""
    run = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "spool"), *sys.path], capture_output=True, text=True, check=True
    )
    told, left = run.stdout.splitlines()
    assert "cannot spool a still: File too large" in told
    assert left == "1 []"


def test_power_durability_syncs_the_file_before_and_the_directory_after_the_rename(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[str] = []
    fsync, rename = os.fsync, os.rename
    monkeypatch.setattr(
        os, "fsync", lambda fd: (steps.append("dir" if stat.S_ISDIR(os.fstat(fd).st_mode) else "file"), fsync(fd))[1]
    )
    monkeypatch.setattr(os, "rename", lambda source, to: (steps.append("rename"), rename(source, to))[1])
    with make_spool(tmp_path / "power", durability="power") as spool:
        put(spool)
    assert steps == ["file", "rename", "dir"]
    steps.clear()
    with make_spool(tmp_path / "process") as spool:
        put(spool)
    assert steps == ["rename"]


def test_what_put_returned_survives_a_kill_at_any_moment(tmp_path: Path) -> None:
    code = """
import sys
sys.path[:0] = sys.argv[2:]
from support.stills import make_spool, make_still, put
spool = make_spool(sys.argv[1])
spool.open()
for number in range(100000):
    print(put(spool, make_still(number, jpeg=b"x" * 45000)).name, flush=True)
"""
    for round_ in range(3):
        process = subprocess.Popen(
            [sys.executable, "-c", code, str(tmp_path / f"spool{round_}"), *sys.path], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        promised = [process.stdout.readline().strip() for _ in range(20 + 37 * round_)]
        process.send_signal(signal.SIGKILL)
        promised += process.stdout.read().split("\n")[:-1]
        process.stdout.close()
        assert process.wait() == -signal.SIGKILL
        with make_spool(tmp_path / f"spool{round_}") as spool:
            found = set(spool.oldest(READY, 100_000))
            assert set(promised) <= found
            assert len(found) <= len(promised) + 1
            assert all(len(spool.read(READY, name)[1]) == 45_000 for name in found)
            assert spool.counts()[READY] == len(found)
