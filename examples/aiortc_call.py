"""The other side of aiortc_stills.py: a peer in the same process, who shows a video to its end; then both hang up."""

import asyncio

from aiortc import RTCPeerConnection
from aiortc.contrib.media import MediaPlayer


async def call(host: RTCPeerConnection, video: str) -> None:
    caller, shown, ended = RTCPeerConnection(), MediaPlayer(video).video, asyncio.Event()
    shown.on("ended", ended.set)
    caller.addTrack(shown)
    await caller.setLocalDescription(await caller.createOffer())
    await host.setRemoteDescription(caller.localDescription)
    await host.setLocalDescription(await host.createAnswer())
    await caller.setRemoteDescription(host.localDescription)
    await ended.wait()
    await asyncio.gather(caller.close(), host.close())
