"""Every error that stillcast raises, sorted by what the caller can do about it."""

from __future__ import annotations

from collections.abc import Iterable


class StillcastError(Exception):
    """The root of the tree: catch it to catch whatever stillcast raises."""


class ConfigError(StillcastError, ValueError):
    """Settings or arguments that break a rule; mend them and start again.

    Attributes:
        problems: every problem that was found, each as ``key: value: what is wrong and what is right``.
    """

    def __init__(self, problems: str | Iterable[str]) -> None:
        self.problems: tuple[str, ...] = (problems,) if isinstance(problems, str) else tuple(problems)
        super().__init__("\n".join(self.problems))


class FrameFormatError(StillcastError, ValueError):
    """Planes that cannot be the frame they are said to be; raised where the ``Frame`` is made."""


class NoFrameError(StillcastError, TimeoutError):
    """A snapshot was asked of a feed to which no frame was ever pushed."""


class SpoolError(StillcastError):
    """The spool cannot be used or one of its files cannot be read."""


class StorageError(StillcastError):
    """The store refused or could not be reached."""


class CallbackError(StillcastError):
    """The callback server did not take the announcement."""


class SourceError(StillcastError):
    """A video source cannot be opened, has no video, or broke off."""


class ClosedError(StillcastError):
    """The agent or the feed is closed, or was not started yet."""
