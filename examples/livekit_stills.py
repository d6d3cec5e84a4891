"""Stills of all participants of a LiveKit room: python examples/livekit_stills.py ROOM; server: LIVEKIT_URL."""

import asyncio
import os
import sys

from livekit import api, rtc

import stillcast
from stillcast.hosts import livekit


async def main(name: str) -> None:
    grants = api.VideoGrants(room_join=True, room=name, hidden=True, can_publish=False)
    room, token = rtc.Room(), api.AccessToken().with_identity("stillcast").with_grants(grants)
    await room.connect(os.environ["LIVEKIT_URL"], token.to_jwt())
    with stillcast.Agent(stillcast.AgentConfig.load()) as agent:
        stills = livekit.RoomStills(agent.open_feed, room)
        try:
            await stills.wait()
        finally:
            await room.disconnect()


asyncio.run(main(*sys.argv[1:]))
