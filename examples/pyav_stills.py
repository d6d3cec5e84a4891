"""Stills of a stream that the host decodes with PyAV: python examples/pyav_stills.py rtmp://127.0.0.1/live/lobby."""

import sys

import av

import stillcast
from stillcast.hosts import pyav

with (
    stillcast.Agent(stillcast.AgentConfig.load()) as agent,
    agent.open_feed("lobby", "91") as feed,
    av.open(sys.argv[1]) as container,
):
    (video,) = container.streams.video
    stills = pyav.Stills(feed, pixel_aspect=pyav.PixelAspect(video))
    for frame in container.decode(video):
        stills.offer(frame)
