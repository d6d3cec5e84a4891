"""A LiveKit room: a real server, a participant in another process, and here one who subscribes."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

from livekit import rtc

from benchmarks.host_sinks import ByTheClock, DueSink, Host
from stillcast.hosts import livekit
from stillcast.hosts.offering import Offering
from support.examples import example
from support.livekit_room import ROOM, livekit_server, token

WARM_S = 20.0  # before WebRTC sends as many pixels as it is given
ROOM_S = 4.0  # of a round: the clip once

Watch = Callable[[rtc.Room, ByTheClock], Coroutine[Any, Any, None]]


@contextmanager
def room_hosts(video: Path) -> Iterator[dict[str, Host]]:
    """Enter a room where a video is shown; all of it is decoded, whether stills are made or not."""
    with (
        tempfile.TemporaryDirectory() as directory,
        livekit_server(Path(directory)) as server,
        example("livekit_publish", ROOM, "ada", str(video), home=Path(directory), variables=server),
        asyncio.Runner() as runner,
    ):
        room = runner.run(_enter(server["LIVEKIT_URL"]))

        def host(watch: Watch) -> Host:
            return lambda sink: runner.run(_stay(room, watch, sink))

        yield {
            "LiveKit, a room with a participant": host(_adapter),
            "LiveKit, a stream that is always open instead": host(_open_stream),
        }
        runner.run(room.disconnect())


async def _enter(url: str) -> rtc.Room:
    room = rtc.Room()
    await room.connect(url, token("stillcast"))
    await asyncio.sleep(WARM_S)
    return room


async def _stay(room: rtc.Room, watch: Watch, sink: DueSink | None) -> int:
    before = await _frames_decoded(room)
    watching = asyncio.create_task(watch(room, ByTheClock(sink))) if sink else None
    await asyncio.sleep(ROOM_S)
    if watching:
        watching.cancel()
        with suppress(asyncio.CancelledError):
            await watching
    return await _frames_decoded(room) - before


async def _adapter(room: rtc.Room, feed: ByTheClock) -> None:
    stills = livekit.RoomStills(lambda _room, _identity: feed, room)
    try:
        await stills.wait()
    finally:
        await stills.close()


async def _open_stream(room: rtc.Room, feed: ByTheClock) -> None:
    """What the SDK's own examples do, with a bound: every frame comes to Python."""
    stream, offering = rtc.VideoStream(_tracks(room)[0], capacity=1), Offering(feed, "stream")
    try:
        async for event in stream:
            offering.offer(partial(livekit.frame_from_livekit, event.frame, event.rotation))
    finally:
        await stream.aclose()


def _tracks(room: rtc.Room) -> list[rtc.Track]:
    publications = [each for who in room.remote_participants.values() for each in who.track_publications.values()]
    return [each.track for each in publications if each.track]


async def _frames_decoded(room: rtc.Room) -> int:
    reports = [await track.get_stats() for track in _tracks(room)]
    return sum(stats.inbound_rtp.inbound.frames_decoded for stats in chain(*reports))
