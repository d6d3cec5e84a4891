"""What all adapters share: a host never sees an exception, and frames that nobody needs are not made."""

from __future__ import annotations

import logging

import numpy as np
import pytest

from stillcast import Frame, FrameFormatError
from stillcast.hosts.offering import Offering
from support.host_frames import StillSink


def grey() -> Frame:
    return Frame.from_array(np.full((16, 16), 128, np.uint8), "GRAY8")


def refuse() -> Frame:
    raise FrameFormatError("frame: is empty: send pictures")


def test_a_frame_is_made_only_when_a_still_is_due():
    sink = StillSink(wanted=False)
    offering = Offering(sink, "camera")
    assert not offering.offer(lambda: pytest.fail("made"))
    sink.wanted = True
    assert offering.offer(grey)
    assert (offering.counts.offered, offering.counts.pushed, offering.counts.refused) == (2, 1, 0)
    assert len(sink.stills) == 1


def test_frames_that_cannot_be_made_are_told_of_once_a_minute(caplog: pytest.LogCaptureFixture):
    now_s = [0.0]
    offering = Offering(StillSink(), "camera", clock_s=lambda: now_s[0])
    with caplog.at_level(logging.WARNING, "stillcast.hosts"):
        for at_s, make in ((0.0, refuse), (1.0, refuse), (2.0, grey), (3.0, refuse), (59.9, refuse), (60.0, refuse)):
            now_s[0] = at_s
            offering.offer(make)
    assert [record.getMessage() for record in caplog.records] == [
        "camera: frames refused: frame: is empty: send pictures"
    ] * 2
    assert (offering.counts.pushed, offering.counts.refused) == (1, 5)


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ValueError("no"), "ValueError: no"),
        (RuntimeError(), "RuntimeError"),
        (KeyError("main"), "KeyError: 'main'"),
        (OSError("gone\n  for   good\n"), "OSError: gone for good"),
        (FrameFormatError("frame: is empty"), "frame: is empty"),
    ],
)
def test_no_error_of_the_hosts_library_reaches_the_host(error: Exception, text: str, caplog: pytest.LogCaptureFixture):
    def fail() -> Frame:
        raise error

    assert not Offering(StillSink(), "camera").offer(fail)
    assert caplog.records[0].getMessage() == f"camera: frames refused: {text}"
