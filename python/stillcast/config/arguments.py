"""The rules of the settings for arguments that are given in code."""

from __future__ import annotations

from typing import TypeVar

from pydantic import BaseModel, ValidationError

from stillcast.config.problems import argument_problems
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
