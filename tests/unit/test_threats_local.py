"""What another user of the same machine can not do to us."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from stillcast import SpoolError
from stillcast.spool import privacy
from stillcast.storage import DirectoryStore, StorageFailure
from support.stills import make_spool, make_still, put

KEY = make_still(sid="ab" * 16).object_key


def test_a_spool_that_another_user_made_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "spool").mkdir(mode=0o700)
    owner = (tmp_path / "spool").stat().st_uid
    monkeypatch.setattr(privacy.os, "geteuid", lambda: owner + 1)
    monkeypatch.setattr(privacy, "_ROOT", -1)
    with pytest.raises(SpoolError, match=rf"belongs to user {owner}, who could lead us astray: give it to user"):
        make_spool(tmp_path / "spool").open()
    assert list((tmp_path / "spool").iterdir()) == []


@pytest.mark.parametrize("mode", [0o777, 0o1777, 0o770, 0o702, 0o2775])
def test_a_spool_that_others_may_write_into_is_refused_and_one_below_it_is_taken(tmp_path: Path, mode: int) -> None:
    volume = tmp_path / "volume"
    volume.mkdir()
    volume.chmod(mode)
    with pytest.raises(SpoolError, match=rf"has mode {mode:04o}, which lets others write into it: run chmod 700"):
        make_spool(volume).open()
    assert list(volume.iterdir()) == []
    with make_spool(volume / "spool") as spool:
        put(spool)
    assert (volume / "spool").stat().st_mode & 0o777 == 0o700


def test_a_link_in_the_place_of_the_lock_truncates_nothing(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_text("not to be touched")
    (tmp_path / "spool").mkdir(mode=0o700)
    (tmp_path / "spool" / "lock").symlink_to(precious)
    with pytest.raises(SpoolError):
        make_spool(tmp_path / "spool").open()
    assert precious.read_text() == "not to be touched"


def test_a_link_in_the_place_of_a_spooled_still_is_not_ours(tmp_path: Path) -> None:
    with make_spool(tmp_path / "spool") as spool:
        name = put(spool).name
        path = spool.path / "ready" / name
        elsewhere = tmp_path / "elsewhere"
        path.rename(elsewhere)
        path.symlink_to(elsewhere)
    with make_spool(tmp_path / "spool") as spool:
        assert spool.oldest("ready", 10, ()) == []
    assert elsewhere.exists()


def test_a_link_in_the_place_of_a_draft_is_not_written_through(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    precious = tmp_path / "precious"
    precious.write_text("not to be touched")
    store = DirectoryStore(tmp_path / "stills")
    monkeypatch.setattr(Path, "replace", lambda *_: (_ for _ in ()).throw(OSError(5, "stopped here")))
    monkeypatch.setattr(Path, "unlink", lambda *_, **__: None)
    with pytest.raises(StorageFailure):
        store.put(KEY, b"jpeg")
    monkeypatch.undo()
    (draft,) = (tmp_path / "stills").rglob("*.part")
    draft.unlink()
    draft.symlink_to(precious)
    with pytest.raises(StorageFailure):
        store.put(KEY, b"jpeg")
    assert precious.read_text() == "not to be touched"


def test_whatever_the_umask_is_the_spool_is_for_its_owner_alone(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        with make_spool(tmp_path / "spool") as spool:
            item = put(spool)
            spool.move(item.name, "ready", "dead", "because")
    finally:
        os.umask(before)
    for path in (tmp_path / "spool", *(tmp_path / "spool").rglob("*")):
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path


def test_the_command_line_of_a_process_of_ours_holds_no_settings(tmp_path: Path) -> None:
    # Nothing can be given there that would be a secret: every option that takes one takes its file.
    done = subprocess.run(
        [sys.executable, "-m", "stillcast.cli", "receive", "--help"], capture_output=True, text=True, check=True
    )
    assert "--secret-file" in done.stdout
    assert "--secret " not in done.stdout
