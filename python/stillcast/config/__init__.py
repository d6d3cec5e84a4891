"""The settings: a TOML file, then the environment, then the program's own overrides."""

from stillcast.config.agent_config import AgentConfig
from stillcast.config.sections import CallbackConfig, CaptureConfig, SourceConfig, SpoolConfig, StorageConfig

__all__ = ["AgentConfig", "CallbackConfig", "CaptureConfig", "SourceConfig", "SpoolConfig", "StorageConfig"]
