"""OpenCV from files, through the real library: frames grabbed, few retrieved, stills upright and undistorted."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from stillcast.hosts import opencv
from support.clips import clip, turned
from support.host_frames import StillSink, picture


class CountingCapture:
    """A ``cv2.VideoCapture`` that counts."""

    def __init__(self, path: Path) -> None:
        self.real = cv2.VideoCapture(str(path))
        self.grabbed = self.retrieved = 0

    def grab(self) -> bool:
        self.grabbed += 1
        return self.real.grab()

    def retrieve(self) -> tuple[bool, np.ndarray]:
        self.retrieved += 1
        return self.real.retrieve()

    def get(self, name: int) -> float:
        return self.real.get(name)


def test_every_frame_is_grabbed_and_only_one_that_is_due_retrieved():
    capture = CountingCapture(clip("bigbuckbunny"))
    sink = StillSink(wanted=False)
    stills = opencv.Stills(sink)
    while stills.grab(capture):
        sink.wanted = stills.counts.offered % 50 == 49
    assert capture.grabbed == 133
    assert capture.retrieved == len(sink.stills) == stills.counts.pushed == 2


def test_a_still_shows_what_opencv_decodes():
    capture = cv2.VideoCapture(str(clip("bigbuckbunny")))
    sink = StillSink()
    assert opencv.Stills(sink).grab(capture)
    expected = cv2.VideoCapture(str(clip("bigbuckbunny"))).read()[1][..., ::-1].astype(int)
    error = np.abs(picture(sink.stills[0]) - expected).mean()
    assert error < 2.0, error


@pytest.mark.parametrize("degrees", [90, 180, 270])
@pytest.mark.parametrize("turns_itself", [True, False])
def test_a_turned_file_gives_upright_stills_whoever_turns_it(degrees: int, turns_itself: bool, tmp_path: Path):
    plain, sink = StillSink(), StillSink()
    opencv.Stills(plain).grab(cv2.VideoCapture(str(clip("bigbuckbunny"))))
    capture = cv2.VideoCapture(str(turned(clip("bigbuckbunny"), tmp_path / "phone.mp4", degrees)))
    capture.set(cv2.CAP_PROP_ORIENTATION_AUTO, float(turns_itself))
    assert opencv.Stills(sink).grab(capture)
    expected = np.rot90(picture(plain.stills[0]), -degrees // 90)
    assert np.abs(picture(sink.stills[0]) - expected).mean() < 2.5


def anamorphic(path: Path) -> Path:
    """A clip of 720x576 whose pixels are 64:45, so that it is to be shown at 16:9."""
    with av.open(str(clip("bigbuckbunny"))) as reader, av.open(str(path), "w") as writer:
        out = writer.add_stream("mpeg4", rate=25)
        out.width, out.height, out.pix_fmt = 720, 576, "yuv420p"
        out.codec_context.sample_aspect_ratio = Fraction(64, 45)
        for number, frame in zip(range(5), reader.decode(video=0), strict=False):
            small = frame.reformat(width=720, height=576, format="yuv420p")
            small.pts, small.time_base = number, Fraction(1, 25)
            writer.mux(out.encode(small))
        writer.mux(out.encode(None))
    return path


def test_pixels_that_are_not_square_are_undone(tmp_path: Path):
    sink = StillSink()
    assert opencv.Stills(sink).grab(cv2.VideoCapture(str(anamorphic(tmp_path / "wide.mp4"))))
    assert sink.stills[0].width / sink.stills[0].height == pytest.approx(16 / 9, rel=0.01)


def test_the_end_of_a_capture_is_told_and_nothing_is_offered(tmp_path: Path):
    sink = StillSink()
    stills = opencv.Stills(sink)
    assert not stills.grab(cv2.VideoCapture(str(tmp_path / "none.mp4")))
    assert stills.counts.offered == 0


@pytest.mark.parametrize(
    ("image", "says"),
    [
        (np.zeros((48, 64, 2), np.uint8), "has the shape (48, 64, 2)"),
        (np.zeros(64, np.uint8), "has the shape (64,)"),
        (np.zeros((48, 64, 3), np.float32), "use uint8"),
        (np.zeros((0, 64, 3), np.uint8), "0"),
        (None, "NoneType"),
    ],
)
def test_images_that_cannot_be_read_are_refused_in_words(
    image: np.ndarray | None, says: str, caplog: pytest.LogCaptureFixture
):
    sink = StillSink()
    assert not opencv.Stills(sink).offer(image)
    assert says in caplog.records[0].getMessage()


@pytest.mark.parametrize("shape", [(48, 64), (48, 64, 1), (48, 64, 3), (48, 64, 4)])
def test_grey_and_coloured_images_are_taken(shape: tuple[int, ...]):
    sink = StillSink()
    assert opencv.Stills(sink).offer(np.full(shape, 100, np.uint8)[:, ::-1])
    assert np.abs(picture(sink.stills[0]) - 100).max() <= 2
