"""Every contender makes a decodable still of the right size that shows the picture; run by ``make bench``."""

from __future__ import annotations

import pytest

from benchmarks.cases import Case
from benchmarks.frames import SourceFrame, source_frames
from benchmarks.peers import PEERS, Job, Peer
from benchmarks.quality import compare
from benchmarks.stills import decode, matched_quality, mean_bytes

CASE = Case("bigbuckbunny", "720p", (1280, 720), (426, 240))


@pytest.fixture(scope="module")
def frames() -> list[SourceFrame]:
    return source_frames(CASE.clip, CASE.source, 3)


@pytest.mark.parametrize("peer", PEERS, ids=lambda peer: peer.name)
def test_a_still_shows_the_frame_that_was_given(peer: Peer, frames: list[SourceFrame]) -> None:
    try:
        maker = peer.open(Job(CASE.source, CASE.target, peer.quality or peer.qualities[0]))
    except (ImportError, OSError) as error:
        pytest.skip(str(error))
    loaded = [maker.load(frame) for frame in frames]
    stills = [maker.still(one) for one in loaded]
    for frame, jpeg in zip(frames, stills, strict=True):
        found = decode(jpeg)
        assert found.y.shape == (240, 426)
        quality = compare(found, frame.reference(CASE.target))
        assert quality.ssim_fitted > 0.93
        assert quality.colour_error < 6
    assert [maker.still(one) for one in loaded] == stills, "a still depends on those before it"


@pytest.mark.parametrize("peer", [peer for peer in PEERS if peer.quality is None], ids=lambda peer: peer.name)
def test_the_matched_quality_is_the_nearest_in_bytes(peer: Peer, frames: list[SourceFrame]) -> None:
    job = Job(CASE.source, CASE.target, 0)
    sizes = {
        quality: mean_bytes(peer.open(Job(CASE.source, CASE.target, quality)), frames) for quality in peer.qualities
    }
    for quality, size in sizes.items():
        assert matched_quality(peer, job, frames, size * 1.01) == quality
