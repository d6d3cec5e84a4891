"""The rules of the settings for arguments that are given in code."""

from __future__ import annotations

from typing import TypeVar

from pydantic import BaseModel, ValidationError

from stillcast.config import rules
from stillcast.config.kinds import quality_rule
from stillcast.config.problems import argument_problems
from stillcast.config.sections import CaptureConfig
from stillcast.errors import ConfigError

_Section = TypeVar("_Section", bound=BaseModel)


def checked(section: type[_Section], **arguments: object) -> _Section:
    """Make a section of arguments.

    Raises:
        ConfigError: with every argument that breaks its rule.
    """
    try:
        return section(**arguments)
    except ValidationError as error:
        raise ConfigError(argument_problems(error)) from None


def picture_arguments(max_size: object, quality: object) -> tuple[int, int, int]:
    """Check what a still shall be: (width, height, quality), by the rules of these settings.

    Their model is asked only for the words of the error: it would cost more than all else that Python does for a still.

    Raises:
        ConfigError: with every argument that breaks its rule.
    """
    try:
        width, height = rules.size(max_size)
        return width, height, quality_rule(quality)
    except ValueError:
        settings = checked(CaptureConfig, max_size=max_size, quality=quality)
        return *settings.max_size, settings.quality
