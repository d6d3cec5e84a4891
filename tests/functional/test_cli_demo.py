"""``stillcast demo``, as a stranger runs it."""

from __future__ import annotations

import io
import json
import signal
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from stillcast.naming import parse_object_key
from support.cli import running, stillcast
from support.clips import clip

PURE = [(255, 0, 0), (0, 255, 0), (255, 255, 0), (0, 0, 255), (255, 0, 255), (0, 255, 255)]


def colours(path: Path) -> np.ndarray:
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB")).astype(int)


def luma(path: Path) -> np.ndarray:
    with Image.open(path) as picture:
        return np.asarray(picture.convert("L")).astype(int)


def test_the_demo_ends_in_stills_of_two_feeds_and_a_contact_sheet(tmp_path: Path) -> None:
    done = stillcast("demo", "--seconds", "3", "--interval", "0.5", "--output", tmp_path, "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["ok"] is True
    assert told["problems"] == []
    agent = told["agent"]
    assert agent["ticks"] == agent["stills"] + sum(agent["missed"].values())
    assert agent["stills"] == agent["stored"] == agent["announced"] == len(told["stills"])
    assert {still["uid"] for still in told["stills"]} == {"1", "2"}
    assert len(told["stills"]) >= 8
    for still in told["stills"]:
        data = (tmp_path / "stills" / still["object_key"]).read_bytes()
        picture = Image.open(io.BytesIO(data))
        assert picture.size == (still["width"], still["height"]) == (640, 360)
        assert len(data) == still["bytes"]
        assert still["announced_ms"] > 0
        assert parse_object_key(still["object_key"]).cname == "demo"
    # testsrc2's six bars are pure colours: wrong if the matrix or the range is taken for another. A line and dots move
    # over them, so the median of all stills is looked at.
    ones = [colours(tmp_path / "stills" / still["object_key"]) for still in told["stills"] if still["uid"] == "1"]
    middle = np.median(ones, axis=0)
    for number, colour in enumerate(PURE):
        assert np.abs(middle[340, number * 640 // 6 + 50] - colour).max() <= 8
    with Image.open(told["contact_sheet"]) as sheet:
        assert sheet.width > 1000


def test_the_demo_of_a_video_prints_a_line_a_still_and_where_the_sheet_is(tmp_path: Path) -> None:
    done = stillcast("demo", clip("bikes"), "--seconds", "3", "--output", tmp_path)
    assert done.returncode == 0, done.stderr
    stills = [line.split() for line in done.stdout.splitlines() if ".jpg  " in line]
    assert len(stills) >= 4
    assert {words[1] for words in stills} == {"640x272"}
    assert f"contact sheet: {tmp_path / 'contact-sheet.jpg'}" in done.stdout.splitlines()
    assert (tmp_path / "contact-sheet.jpg").is_file()
    assert "stills, 0 missed" in done.stderr or "missed (" in done.stderr
    pictures = [luma(tmp_path / "stills" / words[0]) for words in stills]
    assert np.abs(pictures[0] - pictures[-1]).mean() > 5, "the two feeds must not show the same"


def test_the_demo_loops_a_short_video(tmp_path: Path) -> None:
    done = stillcast("demo", clip("carphone_pristine"), "--seconds", "6", "--output", tmp_path, "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert all(source["frames"] > 130 for source in told["sources"]), "120 frames are the whole clip"
    for still in told["stills"]:
        assert still["width"] / still["height"] == pytest.approx(176 * 128 / 117 / 144, rel=0.02)


def test_ctrl_c_ends_the_demo_with_what_it_has(tmp_path: Path) -> None:
    with running("demo", "--seconds", "600", "--interval", "0.2", "--output", tmp_path) as demo:
        demo.wait_for("demo/2: playing")
        while len(list((tmp_path / "stills").rglob("*.jpg"))) < 4:
            assert demo.process.poll() is None
        assert demo.stop(signal.SIGINT) == 0, demo.err
    assert demo.out[-1] == f"contact sheet: {tmp_path / 'contact-sheet.jpg'}\n"


@pytest.mark.parametrize("video", ["missing.mp4", "notes.txt"])
def test_the_demo_of_no_video_fails_in_one_line(tmp_path: Path, video: str) -> None:
    (tmp_path / "notes.txt").write_text("no video\n" * 50)
    done = stillcast("demo", tmp_path / video, "--output", tmp_path / "out")
    assert done.returncode == 1
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith(f'stillcast: error: source: "{tmp_path / video}": ')
    assert not (tmp_path / "out").exists()


def test_the_demo_does_not_take_the_settings_of_the_environment(tmp_path: Path) -> None:
    done = stillcast(
        "demo", "--seconds", "2", "--output", tmp_path, env={"STILLCAST_STORAGE_URL": "s3://somebodys-bucket"}
    )
    assert done.returncode == 0, done.stderr
    assert list((tmp_path / "stills").rglob("*.jpg"))
