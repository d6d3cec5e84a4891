"""Stills from live video, delivered.

A streaming host pushes the frames it has; every few seconds stillcast makes a small, true JPEG of the newest one, puts
it into an S3 bucket or a directory under a name that says whose and when, and tells a server with a signed callback.
"""

from __future__ import annotations

from importlib.metadata import version

from stillcast.agent import Agent, AgentStats, Feed
from stillcast.capture import Frame, encode_still
from stillcast.config import AgentConfig
from stillcast.errors import (
    CallbackError,
    ClosedError,
    ConfigError,
    FrameFormatError,
    NoFrameError,
    SourceError,
    SpoolError,
    StillcastError,
    StorageError,
)
from stillcast.histograms import Histogram
from stillcast.naming import ObjectKey, ObjectKeyError, format_object_key, parse_object_key
from stillcast.stills import EncodedStill, Still

__version__ = version("stillcast")

__all__ = [
    "Agent",
    "AgentConfig",
    "AgentStats",
    "CallbackError",
    "ClosedError",
    "ConfigError",
    "EncodedStill",
    "Feed",
    "Frame",
    "FrameFormatError",
    "Histogram",
    "NoFrameError",
    "ObjectKey",
    "ObjectKeyError",
    "SourceError",
    "SpoolError",
    "Still",
    "StillcastError",
    "StorageError",
    "__version__",
    "encode_still",
    "format_object_key",
    "parse_object_key",
]
