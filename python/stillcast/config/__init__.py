"""The settings: a TOML file, then the environment, then the program's own overrides."""

from stillcast.config.agent_config import AgentConfig
from stillcast.config.arguments import checked, picture_arguments
from stillcast.config.feeds import FeedChange, FeedConfig, SourceConfig
from stillcast.config.kinds import Encoder
from stillcast.config.sections import CallbackConfig, CaptureConfig, SpoolConfig, StorageConfig

__all__ = [
    "AgentConfig",
    "CallbackConfig",
    "CaptureConfig",
    "Encoder",
    "FeedChange",
    "FeedConfig",
    "SourceConfig",
    "SpoolConfig",
    "StorageConfig",
    "checked",
    "picture_arguments",
]
