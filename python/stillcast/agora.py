"""Agora's API shape for inspection by stills; docs/agora.md maps every call, and every setting of its console.

Names, values and codes are Agora's. What they do is a feed's: opened, changed and closed at the agent.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from numbers import Integral
from typing import Annotated, Final

from pydantic import BeforeValidator

from stillcast.agent import Agent, Feed
from stillcast.capture import Frame
from stillcast.config import checked, rules
from stillcast.config.kinds import ExtraInfo, FilledText, Interval, Section
from stillcast.errors import ClosedError, ConfigError, StillcastError
from stillcast.redaction import shown

CONTENT_INSPECT_TYPE_INVALID: Final = 0
CONTENT_INSPECT_TYPE_MODERATION: Final = 1
CONTENT_INSPECT_TYPE_SUPERVISE: Final = 2
CONTENT_INSPECT_TYPE_IMAGE_MODERATION: Final = 3
MAX_CONTENT_INSPECT_MODULE_COUNT: Final = 32

ERR_OK: Final = 0
ERR_FAILED: Final = -1
ERR_INVALID_ARGUMENT: Final = -2
ERR_NOT_SUPPORTED: Final = -4
ERR_NOT_INITIALIZED: Final = -7

_LOG: Final = logging.getLogger("stillcast.agora")


# Neither dataclass is frozen: code that comes from Agora fills them in attribute by attribute.
@dataclass(slots=True)
class ContentInspectModule:
    """One kind of inspection.

    Attributes:
        type: ``CONTENT_INSPECT_TYPE_SUPERVISE``; the other kinds need a classifier, which stillcast has not.
        interval: seconds between two stills, 0.05 to 86,400.
    """

    type: int = CONTENT_INSPECT_TYPE_INVALID
    interval: float = 0


@dataclass(slots=True)
class ContentInspectConfig:
    """What to inspect; read by ``enable_content_inspect`` and not kept.

    Attributes:
        extra_info: ``callbackData`` of the callbacks, 1,024 bytes in UTF-8 at most; goes before the agent's
            ``callback.extra_info``, also when it is empty.
        module_count: how many modules there are; None counts them.
        modules: one of type SUPERVISE.
    """

    extra_info: str = ""
    module_count: int | None = None
    modules: list[ContentInspectModule] = field(default_factory=list)


class RtcEngine:
    """The inspection of one user's video in one channel, by the calls of Agora's engine. Any thread may call anything.

    Nothing raises, whatever is passed: a failure is a negative code, and one line of the logger ``stillcast.agora``
    that says what to do. A call that fails changes nothing. An engine works in the process that made it.
    """

    def __init__(self) -> None:
        self._pid = os.getpid()
        self._mutex = threading.RLock()  # guards what follows; a signal handler may come in again
        self._user: tuple[Agent, str, str] | None = None
        self._feed: Feed | None = None  # push reads it without the mutex

    def initialize(self, agent: Agent, cname: str, uid: str | int) -> int:
        """Say whose video it is and which agent delivers its stills; an agent serves any number of engines.

        Args:
            agent: the caller's own, who starts it before inspection is enabled, and stops it.
            cname: the channel.
            uid: the user, as text or as a number from 1 to 4,294,967,295.

        Returns:
            0; -2 for a bad argument, or for another user or agent before ``release``; -7 in a forked child.
        """
        return self._answer("initialize", lambda: self._initialize(agent, cname, uid))

    def enable_content_inspect(self, enabled: bool, config: ContentInspectConfig | None = None) -> int:
        """Begin, change or end the inspection.

        Args:
            enabled: True begins, or changes what runs as ``Feed.change`` does. False ends it; stills that were captured
                are still delivered.
            config: not looked at with False.

        Returns:
            0; -2 for a bad argument; -4 if nothing is bad, but a module has a type that is not supported; -7 before
            ``initialize``, while the agent does not run, or in a forked child; -1 for what should not happen.
        """
        return self._answer("enable_content_inspect", lambda: self._inspect(enabled, config))

    def push_video_frame(self, frame: Frame) -> bool:
        """Offer the newest frame, as ``Feed.push``: never blocks and never raises; one load while inspection is off.

        Returns:
            True if the frame was copied because a still is due.
        """
        feed = self._feed
        return feed is not None and feed.push(frame)

    @property
    def wanted(self) -> bool:
        """Whether a frame would be taken now, as ``Feed.wanted``."""
        feed = self._feed
        return feed is not None and feed.wanted

    def release(self) -> None:
        """End the inspection and forget the user; the agent goes on. ``initialize`` may follow. May be called again."""
        if os.getpid() == self._pid:
            self._answer("release", self._release)

    def _answer(self, call: str, work: Callable[[], None]) -> int:
        try:
            # Before the mutex, which a thread of the parent may have held: Note [Forks of the host].
            if os.getpid() != self._pid:
                raise ClosedError("engine: was made before this process was forked: make an Agent and an engine here")
            with self._mutex:
                work()
        except Exception as error:  # the host's own loop is given a number
            code = next((code for kind, code in _CODES.items() if isinstance(error, kind)), ERR_FAILED)
            with suppress(Exception):  # a handler of the host's log may raise
                text = "; ".join(str(error).splitlines())
                _LOG.error("%s: %s (code %d)", call, text, code, exc_info=error if code == ERR_FAILED else None)
            return code
        return ERR_OK

    def _initialize(self, agent: Agent, cname: str, uid: str | int) -> None:
        if not isinstance(agent, Agent):
            raise ConfigError(f"agent: {shown(agent)}: is no Agent: give the stillcast.Agent that delivers the stills")
        names = checked(_Names, cname=cname, uid=uid)
        user = (agent, names.cname, names.uid)
        if self._user not in (None, user):
            raise ConfigError(f"uid: {shown(uid)}: the engine is another user's or agent's: call release() first")
        self._user = user

    def _inspect(self, enabled: object, config: object) -> None:
        if self._user is None:
            raise ClosedError("engine: is not initialised: call initialize(agent, cname, uid) first")
        if not isinstance(enabled, bool):
            raise ConfigError(f"enabled: {shown(enabled)}: is not a bool: use True or False")
        if not enabled:
            self._close()
            return
        interval_s, extra_info = _wanted(config)
        if self._feed is not None:
            with suppress(ClosedError):  # its agent is over, and says so below
                self._feed.change(interval=interval_s, extra_info=extra_info)
                return
        agent, cname, uid = self._user
        self._feed = agent.open_feed(cname, uid, interval=interval_s, extra_info=extra_info)

    def _release(self) -> None:
        self._close()
        self._user = None

    def _close(self) -> None:
        if self._feed is not None:
            self._feed.close()
        self._feed = None


class _UnsupportedError(StillcastError):
    """A module wants what stillcast cannot do."""


_CODES: Final = {
    ConfigError: ERR_INVALID_ARGUMENT,
    _UnsupportedError: ERR_NOT_SUPPORTED,
    ClosedError: ERR_NOT_INITIALIZED,
}
# With 0 Agora is asked for a number; here all such users would be one.
_uid_number: Final = rules.whole_number(1, (1 << 32) - 1, "the user's number in the channel,")
_type: Final = rules.whole_number(1, 3, "CONTENT_INSPECT_TYPE_SUPERVISE (2), or another type,")
_count: Final = rules.whole_number(1, MAX_CONTENT_INSPECT_MODULE_COUNT, "the number of modules,")


def _uid(value: object) -> str:
    is_number = isinstance(value, Integral) and not isinstance(value, bool)
    return str(_uid_number(value)) if is_number else rules.filled_text(value)


def _modules(value: object) -> object:
    if isinstance(value, list | tuple) and 1 <= len(value) <= MAX_CONTENT_INSPECT_MODULE_COUNT:
        return value
    raise ValueError(
        f"is not a list of 1 to {MAX_CONTENT_INSPECT_MODULE_COUNT}: use one ContentInspectModule in a list"
    )


def _module(value: object) -> object:
    if isinstance(value, ContentInspectModule):
        return {"type": value.type, "interval": value.interval}
    raise ValueError("is no ContentInspectModule: make one of type and interval")


class _Names(Section):
    cname: FilledText
    uid: Annotated[str, BeforeValidator(_uid)]


class _Module(Section):
    type: Annotated[int, BeforeValidator(_type)]
    interval: Interval


class _Config(Section):
    modules: Annotated[tuple[Annotated[_Module, BeforeValidator(_module)], ...], BeforeValidator(_modules)]
    module_count: Annotated[int | None, BeforeValidator(rules.optional(_count))]
    extra_info: ExtraInfo


def _wanted(config: object) -> tuple[float, str]:
    """Give interval in seconds and extra_info; what is wrong goes before what is not supported."""
    if not isinstance(config, ContentInspectConfig):
        raise ConfigError(f"config: {shown(config)}: is no ContentInspectConfig: make one with a module in it")
    given = checked(_Config, modules=config.modules, module_count=config.module_count, extra_info=config.extra_info)
    types = [module.type for module in given.modules]
    if given.module_count not in (None, len(types)):
        raise ConfigError(f"module_count: {given.module_count}: is not the number of modules: use {len(types)}")
    if types.count(CONTENT_INSPECT_TYPE_SUPERVISE) > 1:
        raise ConfigError(f"modules: {len(types)}: have SUPERVISE more than once, and stills one interval: leave one")
    for index, type_ in enumerate(types):
        if type_ != CONTENT_INSPECT_TYPE_SUPERVISE:
            name = f"modules[{index}].type: {type_}"
            raise _UnsupportedError(f"{name}: needs a classifier, which stillcast has not: use SUPERVISE (2) alone")
    return given.modules[0].interval, given.extra_info
