"""Stills of a WebRTC peer: the host's signalling calls `watch` with a connection that it has not yet answered."""

from aiortc import MediaStreamTrack, RTCPeerConnection

import stillcast
from stillcast.hosts import aiortc


def watch(connection: RTCPeerConnection, agent: stillcast.Agent, cname: str, uid: str) -> None:
    @connection.on("track")
    def on_track(track: MediaStreamTrack) -> None:
        if track.kind == "video":
            aiortc.Stills(agent.open_feed(cname, uid), track)
