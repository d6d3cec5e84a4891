"""aiortc: two peers on loopback over real WebRTC, one sends Big Buck Bunny, the other makes stills of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import aioice.ice
import av
import numpy as np
import pytest
from aiortc import MediaStreamTrack, RTCPeerConnection, VideoStreamTrack
from aiortc.contrib.media import MediaPlayer, MediaRelay

from stillcast.hosts import aiortc
from support.clips import clip
from support.host_frames import StillSink, picture
from support.loops import on_a_loop, until


@pytest.fixture(autouse=True)
def loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aioice.ice, "get_host_addresses", lambda **_: ["127.0.0.1"])


@asynccontextmanager
async def peers(
    sent: MediaStreamTrack, watch: Callable[[RTCPeerConnection], object]
) -> AsyncIterator[RTCPeerConnection]:
    """Two connected peers; gives the one that sends. The other is given to ``watch`` before it answers."""
    sender, receiver = RTCPeerConnection(), RTCPeerConnection()
    sender.addTrack(sent)
    watch(receiver)
    try:
        await sender.setLocalDescription(await sender.createOffer())
        await receiver.setRemoteDescription(sender.localDescription)
        await receiver.setLocalDescription(await receiver.createAnswer())
        await sender.setRemoteDescription(receiver.localDescription)
        yield sender
    finally:
        await sender.close()
        await receiver.close()


@on_a_loop
async def test_stills_of_a_peer_show_what_it_sends_and_its_feed_closes_when_it_hangs_up():
    player = MediaPlayer(str(clip("bigbuckbunny")), loop=True)
    sink, watched = StillSink(), []

    def on_track(track: MediaStreamTrack) -> None:
        watched.append(aiortc.Stills(sink, track))

    async with peers(player.video, lambda receiver: receiver.on("track", on_track)) as sender:
        await until(lambda: len(sink.stills) >= 3)
        assert not sink.closed
        await sender.close()
        await until(lambda: sink.closed)
    player.video.stop()
    (stills,) = watched
    assert stills.counts.refused == 0
    still = sink.stills[0]
    assert still.width / still.height == pytest.approx(16 / 9, rel=0.01)
    assert still.luma_deviation > 20


@on_a_loop
async def test_the_hosts_own_reader_gets_every_frame_beside_the_stills():
    relay, sink, own = MediaRelay(), StillSink(wanted=False), []

    async def read(track: MediaStreamTrack) -> None:
        while True:
            own.append(await track.recv())

    tasks = []

    def on_track(track: MediaStreamTrack) -> None:
        aiortc.Stills(sink, track, relay=relay)
        tasks.append(asyncio.ensure_future(read(relay.subscribe(track))))

    async with peers(VideoStreamTrack(), lambda receiver: receiver.on("track", on_track)):
        await until(lambda: len(own) >= 10)
        sink.wanted = True
        await until(lambda: len(sink.stills) >= 1)
    await asyncio.gather(*tasks, return_exceptions=True)
    # The track's green is the one of its planes: Y, Cb and Cr are 0.
    assert np.abs(picture(sink.stills[0]).mean(axis=(0, 1)) - [0, 135, 0]).max() < 6


@on_a_loop
async def test_closing_lets_go_of_a_track_that_sends_nothing():
    class Silent(MediaStreamTrack):
        kind = "video"

        async def recv(self) -> None:
            await asyncio.Event().wait()

    for begun in (True, False):
        sink = StillSink()
        stills = aiortc.Stills(sink, Silent())
        await asyncio.sleep(0.01 if begun else 0)
        await stills.close()
        await stills.close()
        assert sink.closed


class Red(MediaStreamTrack):
    """A red picture of 720 rows, the next one whenever it is asked for, of which nobody says a matrix."""

    kind = "video"

    def __init__(self, frames: int) -> None:
        super().__init__()
        self.left = frames
        self.frame = av.VideoFrame.from_ndarray(np.full((720, 1280, 3), (200, 30, 30), np.uint8), format="rgb24")

    async def recv(self) -> av.VideoFrame:
        await asyncio.sleep(0)
        if self.left == 0:
            raise RuntimeError("the camera is gone")
        self.left -= 1
        return self.frame.reformat(format="yuv420p")


@on_a_loop
async def test_colours_of_large_frames_are_those_that_the_sender_made():
    sink = StillSink()
    stills = aiortc.Stills(sink, Red(100))
    await until(lambda: len(sink.stills) >= 1)
    await stills.close()
    assert np.abs(picture(sink.stills[0]).mean(axis=(0, 1)) - [200, 30, 30]).max() < 4


@on_a_loop
async def test_a_track_that_fails_closes_its_feed_with_one_line(caplog: pytest.LogCaptureFixture):
    sink = StillSink(wanted=False)
    stills = aiortc.Stills(sink, Red(3), name="camera")
    await until(lambda: sink.closed)
    assert stills.counts.offered == 3
    assert [record.getMessage() for record in caplog.records] == ["camera: ended: RuntimeError: the camera is gone"]


@on_a_loop
async def test_after_closing_the_host_has_the_track_for_itself():
    track, sink = Red(1000), StillSink()
    stills = aiortc.Stills(sink, track)
    await until(lambda: len(sink.stills) >= 1)
    await stills.close()
    before = track.left
    for _ in range(20):
        await track.recv()
        await asyncio.sleep(0)
    assert (track.left, track.readyState) == (before - 20, "live")
