"""Stills of all participants of a LiveKit room: python examples/livekit_stills.py ws://127.0.0.1:7880 TOKEN."""

import asyncio
import sys

from livekit import rtc

import stillcast
from stillcast.hosts import livekit


async def main(url: str, token: str) -> None:
    room = rtc.Room()
    await room.connect(url, token)
    with stillcast.Agent(stillcast.AgentConfig.load()) as agent:
        stills = livekit.RoomStills(agent.open_feed, room)
        ended = asyncio.Event()
        room.on("disconnected", lambda *_: ended.set())
        await ended.wait()
        await stills.close()


asyncio.run(main(*sys.argv[1:]))
