"""A still against FFmpeg's lossless picture of the same frame: same size, area scaler, same matrix and range."""

from __future__ import annotations

import io
import subprocess
from math import log10

import av
import numpy as np
import pytest
from PIL import Image

from stillcast import encode_still
from stillcast.hosts.pyav import frame_from_av
from support.clips import clip
from support.streams import program


def frame_of(name: str, number: int) -> av.VideoFrame:
    with av.open(str(clip(name))) as container:
        return next(frame for index, frame in enumerate(container.decode(video=0)) if index == number)


def lossless(name: str, number: int, size: tuple[int, int], matrix: str) -> np.ndarray:
    width, height = size
    scale = (
        f"select=eq(n\\,{number}),scale={width}:{height}:flags=area+accurate_rnd+full_chroma_int"
        f":in_color_matrix={matrix}:in_range=tv:out_range=pc"
    )
    command = [program("ffmpeg", "ffmpeg"), "-v", "error", "-i", str(clip(name)), "-vf", scale, "-frames:v", "1"]
    done = subprocess.run([*command, "-pix_fmt", "rgb24", "-f", "rawvideo", "-"], capture_output=True, check=True)
    return np.frombuffer(done.stdout, np.uint8).reshape(height, width, 3).astype(float)


@pytest.mark.parametrize(
    ("name", "number", "size", "matrix"),
    [
        ("bigbuckbunny", 0, (640, 360), "bt709"),
        ("bigbuckbunny", 60, (640, 360), "bt709"),
        ("bigbuckbunny", 100, (854, 480), "bt709"),
        ("bigbuckbunny", 20, (1280, 720), "bt709"),
        ("bikes", 10, (640, 272), "bt601"),
        ("bikes", 100, (320, 136), "bt601"),
    ],
)
def test_a_still_at_quality_95_is_within_38_db_of_ffmpegs_picture(
    name: str, number: int, size: tuple[int, int], matrix: str
) -> None:
    still = encode_still(frame_from_av(frame_of(name, number), pixel_aspect=(1, 1)), max_size=size, quality=95)
    assert (still.width, still.height) == size
    ours = np.asarray(Image.open(io.BytesIO(still.jpeg)).convert("RGB")).astype(float)
    theirs = lossless(name, number, size, matrix)
    psnr_db = 10 * log10(255**2 / ((ours - theirs) ** 2).mean())
    assert psnr_db >= 38
    assert np.abs((ours - theirs).mean(axis=(0, 1))).max() < 1, "a cast over the whole picture"
