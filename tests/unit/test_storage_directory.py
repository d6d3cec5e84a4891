"""The directory as the store, on a real file system."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from stillcast.exif import with_capture_time
from stillcast.storage import DirectoryStore, FailureKind, StorageFailure, open_store
from support.stills import START, make_still, storage_config

KEY = make_still(sid="ab" * 16).object_key


def test_a_key_becomes_a_path_below_the_directory(tmp_path: Path) -> None:
    store = open_store(storage_config((tmp_path / "a" / "b").as_uri()))
    store.put(KEY, b"jpeg")
    assert (tmp_path / "a" / "b" / KEY).read_bytes() == b"jpeg"
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == [KEY.rsplit("/", 1)[1]]
    store.close()


def test_putting_again_repeats_the_file(tmp_path: Path) -> None:
    store = DirectoryStore(tmp_path)
    for _ in range(2):
        store.put(KEY, b"jpeg")
    assert (tmp_path / KEY).read_bytes() == b"jpeg"


def test_nobody_ever_sees_a_part_of_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[bool, int]] = []
    replace = Path.replace

    def spy(self: Path, target: Path) -> Path:
        seen.append((target.exists(), self.stat().st_size))
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", spy)
    DirectoryStore(tmp_path).put(KEY, b"x" * 100_000)
    assert seen == [(False, 100_000)]


def test_what_a_crash_left_half_written_is_taken_over_by_the_next_put(tmp_path: Path) -> None:
    part = tmp_path / KEY
    part.parent.mkdir(parents=True)
    draft = part.with_name(f".{hashlib.sha256(KEY.encode()).hexdigest()[:32]}.part")
    draft.write_bytes(b"x" * 1000)
    DirectoryStore(tmp_path).put(KEY, b"jpeg")
    assert part.read_bytes() == b"jpeg"
    assert not draft.exists()


@pytest.mark.parametrize("key", ["../x.jpg", "a/../../x.jpg", "/etc/x.jpg", "a//x.jpg", "", ".", "a/.", "a\0b"])
def test_a_key_that_would_leave_the_directory_is_refused(tmp_path: Path, key: str) -> None:
    with pytest.raises(StorageFailure, match="would leave the directory") as failure:
        DirectoryStore(tmp_path / "store").put(key, b"jpeg")
    assert failure.value.kind is FailureKind.ITEM
    assert list(tmp_path.rglob("*")) == []


def test_a_name_too_long_for_a_file_is_the_items_own_failure(tmp_path: Path) -> None:
    key = make_still(cname="\U0001f600" * 30).object_key
    with pytest.raises(StorageFailure, match="longer than the 255 bytes of a file name") as failure:
        DirectoryStore(tmp_path).put(key, b"jpeg")
    assert (failure.value.kind, failure.value.code) == (FailureKind.ITEM, "KeyTooLongError")


def test_a_file_in_the_way_is_named_and_parks_the_store(tmp_path: Path) -> None:
    (tmp_path / "test").write_text("in the way")
    with pytest.raises(StorageFailure, match=rf"{tmp_path}: cannot store: .*: a file is in the way") as failure:
        DirectoryStore(tmp_path).put(KEY, b"jpeg")
    assert failure.value.kind is FailureKind.DESTINATION


@pytest.mark.parametrize(
    ("number", "kind", "code"),
    [
        (errno.ENOSPC, FailureKind.DESTINATION, "ENOSPC"),
        (errno.EROFS, FailureKind.DESTINATION, "EROFS"),
        (errno.EIO, FailureKind.PASSING, "EIO"),
    ],
)
def test_a_failing_disk_is_named_and_leaves_no_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, kind: FailureKind, code: str
) -> None:
    def fail(_self: Path, _target: Path) -> Path:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(StorageFailure, match=os.strerror(number)) as failure:
        DirectoryStore(tmp_path).put(KEY, b"jpeg")
    assert (failure.value.kind, failure.value.code) == (kind, code)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_directory_that_is_to_survive_power_loss_syncs_file_and_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[bool] = []
    monkeypatch.setattr(os, "fsync", lambda fd: synced.append(stat.S_ISDIR(os.fstat(fd).st_mode)))
    open_store(storage_config(tmp_path.as_uri()), sync=True).put(KEY, b"jpeg")
    assert synced == [False, True]
    open_store(storage_config(tmp_path.as_uri())).put(KEY, b"jpeg")
    assert synced == [False, True]


def test_a_directory_needs_no_boto3() -> None:
    code = "import sys; sys.path[:] = sys.argv[1:]; import stillcast.delivery; print('boto3' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code, *sys.path], capture_output=True, text=True, check=True)
    assert run.stdout == "False\n"


LATEST = "test/latest/lobby/91.jpg"
JPEG = b"\xff\xd8jpeg\xff\xd9"


def test_the_newest_picture_replaces_the_one_before_at_once_and_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = DirectoryStore(tmp_path)
    store.put_latest(LATEST, b"before")
    seen: list[tuple[bytes, int]] = []
    replace = Path.replace

    def spy(self: Path, target: Path) -> Path:
        seen.append((target.read_bytes(), self.stat().st_size))
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", spy)
    store.put_latest(LATEST, b"x" * 100_000)
    assert seen == [(b"before", 100_000)]
    assert (tmp_path / LATEST).read_bytes() == b"x" * 100_000
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["91.jpg"]


def test_two_agents_write_the_newest_picture_into_drafts_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drafts: list[str] = []
    replace = Path.replace

    def spy(self: Path, target: Path) -> Path:
        drafts.append(self.name)
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", spy)
    for _ in range(2):
        DirectoryStore(tmp_path).put_latest(LATEST, b"jpeg")
    assert len(set(drafts)) == 2


def test_the_capture_time_of_the_newest_picture_is_that_of_its_exif(tmp_path: Path) -> None:
    store = DirectoryStore(tmp_path)
    assert store.latest_captured_at(LATEST) is None
    store.put_latest(LATEST, with_capture_time(JPEG, START))
    assert store.latest_captured_at(LATEST) == START


@pytest.mark.parametrize("body", [JPEG, b"", b"notes"])
def test_a_file_that_does_not_say_when_it_was_captured_is_told_from_none(tmp_path: Path, body: bytes) -> None:
    store = DirectoryStore(tmp_path)
    store.put_latest(LATEST, body)
    with pytest.raises(StorageFailure, match="does not say when it was captured") as failure:
        store.latest_captured_at(LATEST)
    assert failure.value.kind is FailureKind.ITEM


def test_a_pipe_in_the_place_of_the_newest_picture_holds_nobody_up(tmp_path: Path) -> None:
    (tmp_path / LATEST).parent.mkdir(parents=True)
    os.mkfifo(tmp_path / LATEST)
    store = DirectoryStore(tmp_path)
    with pytest.raises(StorageFailure, match="does not say when it was captured"):
        store.latest_captured_at(LATEST)
    store.put_latest(LATEST, b"jpeg")
    assert (tmp_path / LATEST).read_bytes() == b"jpeg"


def test_a_newest_picture_that_cannot_be_read_is_a_failure(tmp_path: Path) -> None:
    (tmp_path / LATEST).mkdir(parents=True)
    with pytest.raises(StorageFailure, match="a directory is in the way"):
        DirectoryStore(tmp_path).latest_captured_at(LATEST)
