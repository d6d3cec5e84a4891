"""Stills of a camera that hangs upside down: python examples/picamera2_stills.py, until Ctrl-C."""

import signal
from contextlib import suppress

from picamera2 import Picamera2

import stillcast
from stillcast.hosts import picamera2

camera = Picamera2()
camera.configure(camera.create_video_configuration(main={"format": "YUV420", "size": (1920, 1080)}))
with stillcast.Agent(stillcast.AgentConfig.load()) as agent, agent.open_feed("garden", "camera1") as feed:
    camera.post_callback = picamera2.Stills(feed, rotation=180).offer
    camera.start()
    with suppress(KeyboardInterrupt):
        signal.pause()
    camera.stop()
