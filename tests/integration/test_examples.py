"""The examples as they stand, as programmes of their own: a still in the directory that the settings name.

Those of LiveKit run beside the server of their host's tests.
"""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from support.clips import clip
from support.examples import EXAMPLES, PATIENCE_S, example, owners, stills, wait_for_stills
from support.streams import free_port, http_server, publisher, rtmp_server


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*_stills.py")), ids=lambda path: path.stem)
def test_the_example_of_an_adapter_fits_on_a_screen(path: Path):
    assert len(path.read_text().splitlines()) <= 25


def test_pyav_from_nginx_rtmp(tmp_path: Path):
    with (
        rtmp_server(tmp_path / "nginx", free_port()) as server,
        publisher(clip("bigbuckbunny"), ["-f", "flv", f"{server}/lobby"], tmp_path / "ffmpeg.log"),
        example("pyav_stills", f"{server}/lobby", home=tmp_path) as child,
    ):
        assert set(wait_for_stills(child, tmp_path)) == {("lobby", "91")}


def test_pyav_from_an_hls_list(tmp_path: Path):
    web = tmp_path / "web"
    web.mkdir()
    target = ["-f", "hls", "-hls_time", "4", "-hls_flags", "delete_segments", str(web / "live.m3u8")]
    with publisher(clip("bigbuckbunny"), target, tmp_path / "ffmpeg.log"), http_server(web) as server:
        while not (web / "live.m3u8").is_file():
            time.sleep(0.1)
        with example("pyav_stills", f"{server}/live.m3u8", home=tmp_path) as child:
            wait_for_stills(child, tmp_path)


def test_opencv_from_a_file(tmp_path: Path):
    with example("opencv_stills", str(clip("bigbuckbunny")), home=tmp_path) as child:
        assert child.wait(PATIENCE_S) == 0
    assert stills(tmp_path)


def test_aiortc_from_a_peer_that_shows_a_file(tmp_path: Path):
    with example("aiortc_stills", str(clip("bigbuckbunny")), home=tmp_path) as child:
        assert child.wait(PATIENCE_S) == 0
    assert owners(tmp_path)["lobby", "91"] > 5


@pytest.mark.parametrize(
    "source", ["videotestsrc is-live=true", f"uridecodebin uri={clip('bigbuckbunny').as_uri()} ! videoconvert"]
)
def test_gstreamer_from_test_pictures_and_from_a_file(source: str, tmp_path: Path):
    with example("gstreamer_stills", source, home=tmp_path) as child:
        wait_for_stills(child, tmp_path)


def test_a_video_that_is_not_there_ends_an_example_with_a_word(tmp_path: Path):
    for name, source in (
        ("opencv_stills", "nowhere.mp4"),
        ("gstreamer_stills", "uridecodebin uri=file:///nowhere.mp4"),
    ):
        with example(name, source, home=tmp_path) as child:
            assert child.wait(PATIENCE_S) == 1
        assert "Traceback" not in (tmp_path / f"{name}.log").read_text()
    assert "nowhere.mp4: OpenCV cannot open it" in (tmp_path / "opencv_stills.log").read_text()
    assert "Resource not found." in (tmp_path / "gstreamer_stills.log").read_text()
