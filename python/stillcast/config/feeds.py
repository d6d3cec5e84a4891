"""The settings of single feeds, and of the sources that ``stillcast run`` captures from."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from pydantic import field_serializer

from stillcast.config.kinds import ExtraInfo, FilledText, Interval, Quality, Section, Size
from stillcast.config.sections import CaptureConfig
from stillcast.redaction import address_secrets, without_secrets

_CAPTURED: Final = ("interval", "max_size", "quality")  # what a feed may have of its own of the common settings


class FeedConfig(Section):
    """One feed: whose video, and what it has of its own.

    Attributes:
        cname: the channel, not empty.
        uid: the user, not empty.
        interval: as ``capture.interval``; None takes that.
        max_size: as ``capture.max_size``; None takes that.
        quality: as ``capture.quality``; None takes that.
        extra_info: as ``callback.extra_info``; None takes that.
    """

    cname: FilledText
    uid: FilledText
    interval: Interval | None = None
    max_size: Size | None = None
    quality: Quality | None = None
    extra_info: ExtraInfo | None = None

    def capture(self, common: CaptureConfig) -> CaptureConfig:
        """Lay the feed's own settings over the common ones."""
        return _over(common, self)


class FeedChange(Section):
    """What of a running feed may change; as in ``FeedConfig``, but None leaves it as it is."""

    interval: Interval | None = None
    max_size: Size | None = None
    quality: Quality | None = None
    extra_info: ExtraInfo | None = None

    def capture(self, before: CaptureConfig) -> CaptureConfig:
        """Lay the changes over what the feed had."""
        return _over(before, self)


def _over(common: CaptureConfig, own: FeedConfig | FeedChange) -> CaptureConfig:
    given = {name: value for name in _CAPTURED if (value := getattr(own, name)) is not None}
    return common.model_copy(update=given)


class SourceConfig(FeedConfig):
    """A video that ``stillcast run`` captures from, as a feed.

    Attributes:
        url: file, camera or stream. It may hold a password, so messages show ``public_url`` instead.
    """

    url: FilledText

    @property
    def public_url(self) -> str:
        """The address without user, password and query, for logs and tables."""
        return without_secrets(self.url)

    @field_serializer("url")
    def _dump_url(self, _url: str) -> str:
        return self.public_url

    def secrets(self) -> Iterator[str]:
        """Give user, password and query of the address."""
        yield from filter(None, address_secrets(self.url))
