"""Stills of all users of a channel, by Agora's Python server SDK: call `observe` once you are connected."""

from typing import Protocol

import stillcast
from stillcast.hosts import agora


class LocalUser(Protocol):
    """The SDK's own: ``connection.get_local_user()``."""

    def register_video_frame_observer(self, observer: agora.VideoFrameObserver) -> int:
        """Have an observer called with each frame."""


def observe(local_user: LocalUser, agent: stillcast.Agent) -> agora.VideoFrameObserver:
    observer = agora.VideoFrameObserver(agent.open_feed)
    local_user.register_video_frame_observer(observer)
    return observer  # in on_user_left: observer.leave(channel_id, user_id)
