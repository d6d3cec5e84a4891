"""The examples of hosts that are known by shape: Agora's local user and a camera are stood in for."""

from __future__ import annotations

import runpy
import signal
import textwrap
from pathlib import Path
from types import SimpleNamespace

import pytest

import stillcast
from support.agents import settings
from support.examples import EXAMPLES, example, wait_for_stills
from support.stills import wait_until


def test_agora_stills_are_made_of_all_users_until_they_leave(tmp_path: Path):
    registered = []
    local_user = SimpleNamespace(register_video_frame_observer=registered.append)
    grey = bytes(range(256)) * (96 * 64 // 256)
    frame = SimpleNamespace(
        type=1, width=96, height=64, rotation=0, y_stride=96, u_stride=48, v_stride=48, y_buffer=grey
    )
    frame.u_buffer = frame.v_buffer = bytes([128]) * (48 * 32)
    told: list[stillcast.Still] = []
    with stillcast.Agent(settings(tmp_path)) as agent:
        agent.on_still(told.append)
        observe = runpy.run_path(str(EXAMPLES / "agora_stills.py"))["observe"]
        observer = observe(local_user, agent)
        assert registered == [observer]

        def push() -> bool:
            for uid in ("91", "92"):
                observer.on_frame("lobby", uid, frame)
            return {still.uid for still in told} == {"91", "92"}

        wait_until(push, "stills of both")
        observer.leave("lobby", "91")
        wait_until(lambda: agent.stats().feeds == 1, "one feed")
        observer.close()
        wait_until(lambda: agent.stats().feeds == 0, "no feed")


CAMERA = textwrap.dedent("""
    import threading
    import time


    class Picamera2:
        post_callback = None

        def create_video_configuration(self, main):
            return {"main": {**main, "stride": main["size"][0]}}

        def configure(self, config):
            self.config = config
            width, height = config["main"]["size"]
            self.bytes = bytes([100]) * (width * height) + bytes([128]) * (width * height // 2)

        def make_buffer(self, name):
            return self.bytes

        def start(self):
            self.over = threading.Event()
            self.thread = threading.Thread(target=self.run)
            self.thread.start()

        def run(self):
            while not self.over.wait(0.03):
                self.post_callback(self)

        def stop(self):
            self.over.set()
            self.thread.join()
""")


def test_picamera2_stills_of_a_camera_that_is_stood_in_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "picamera2.py").write_text(CAMERA)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with example("picamera2_stills", home=tmp_path) as child:
        wait_for_stills(child, tmp_path)
        child.send_signal(signal.SIGINT)
        assert child.wait(20) == 0
