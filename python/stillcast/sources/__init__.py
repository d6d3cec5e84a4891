"""Video sources: files, test pictures, cameras and network streams, played into feeds through PyAV.

Needs the extra ``video``; importing this package imports PyAV.
"""

from stillcast.hosts.offering import FrameSink
from stillcast.hosts.pyav import frame_from_av
from stillcast.sources.locations import Location, SourceKind, locate
from stillcast.sources.reader import Timeouts, VideoInfo, open_video
from stillcast.sources.source import Source, SourceOptions, SourceState, SourceStats

__all__ = [
    "FrameSink",
    "Location",
    "Source",
    "SourceKind",
    "SourceOptions",
    "SourceState",
    "SourceStats",
    "Timeouts",
    "VideoInfo",
    "frame_from_av",
    "locate",
    "open_video",
]
