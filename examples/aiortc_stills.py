"""Stills of a WebRTC peer: python examples/aiortc_stills.py VIDEO; instead of `call` goes your signalling."""

import asyncio
import sys

from aiortc import MediaStreamTrack, RTCPeerConnection
from aiortc_call import call

import stillcast
from stillcast.hosts import aiortc


async def main(video: str) -> None:
    host = RTCPeerConnection()
    with stillcast.Agent(stillcast.AgentConfig.load()) as agent:

        @host.on("track")
        def watch(track: MediaStreamTrack) -> None:
            if track.kind == "video":
                aiortc.Stills(agent.open_feed("lobby", "91"), track)

        await call(host, video)


asyncio.run(main(sys.argv[1]))
