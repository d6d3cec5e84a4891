"""All settings of an agent, and how they are loaded."""

from __future__ import annotations

import os
from collections.abc import Iterator

from pydantic import Field, ValidationError

from stillcast.config import layers, problems
from stillcast.config.feeds import SourceConfig
from stillcast.config.kinds import Section
from stillcast.config.secret_files import credentials_layer
from stillcast.config.sections import CallbackConfig, CaptureConfig, SpoolConfig, StorageConfig
from stillcast.errors import ConfigError

# Note [Why not pydantic-settings]: a variable has two spellings here, one that misses its key is an error and not
# ignored, and a problem must name the variable it came from. That takes less code beside that package than through it.
_SECTIONS: layers.Sections = {
    "capture": CaptureConfig,
    "storage": StorageConfig,
    "callback": CallbackConfig,
    "spool": SpoolConfig,
}


class AgentConfig(Section):
    """All settings of an agent; frozen. Made by ``load``, or from sections that are models already.

    Attributes:
        capture: when a still is taken and what it looks like.
        storage: where stills end.
        callback: who is told of each still.
        spool: the durable store between capture and upload.
        source: what ``stillcast run`` captures from; no two of the same cname and uid.
    """

    capture: CaptureConfig = Field(default_factory=CaptureConfig)
    storage: StorageConfig = Field(default_factory=StorageConfig)
    callback: CallbackConfig = Field(default_factory=CallbackConfig)
    spool: SpoolConfig = Field(default_factory=SpoolConfig)
    source: tuple[SourceConfig, ...] = ()

    @classmethod
    def load(cls, path: str | os.PathLike[str] | None = None, **overrides: object) -> AgentConfig:
        """Read the settings: systemd's credentials, over them a TOML file, the environment, the overrides, key by key.

        Files that hold secrets are read here, once.

        Args:
            path: a TOML file; None for none.
            **overrides: sections by name, each a dict of its keys (``capture={"interval": 0.5}``); ``source`` is a
                list of dicts and replaces the sources of the file.

        Returns:
            The settings, every default filled in.

        Raises:
            ConfigError: with every problem of every layer; no secret is in any of them.
        """
        found: list[str] = []
        from_file = {} if path is None else layers.read_file(path, found)
        file_failed = bool(found)
        from_environment, origins = layers.read_environment(os.environ, _SECTIONS, found)
        credentials = credentials_layer(os.environ, found)
        given = layers.merge((credentials, from_file, from_environment, overrides), _SECTIONS, found)
        origins = {key: name for key, name in origins.items() if not _has(overrides, key)}
        # Without the file, what is missing from it would be reported as missing.
        if not file_failed:
            config = _validated(given, origins, found)
            if config is not None and not found:
                return config
        raise ConfigError(found)

    def secrets(self) -> Iterator[str]:
        """Give every secret of every section in the clear, for a ``Redactor``."""
        for section in (self.storage, self.callback, *self.source):
            yield from section.secrets()


def _validated(given: dict[str, object], origins: dict[str, str], found: list[str]) -> AgentConfig | None:
    found.extend(problems.duplicate_sources(given.get(layers.LIST_SECTION)))
    try:
        return AgentConfig.model_validate(given)
    except ValidationError as error:
        found.extend(problems.problems_of(error, {**_SECTIONS, layers.LIST_SECTION: SourceConfig}, origins))
    return None


def _has(overrides: dict[str, object], name: str) -> bool:
    section, key = name.split(".")
    content = overrides.get(section)
    return isinstance(content, dict) and key in content
