"""What may be shown to whom: values written for messages, addresses without passwords, texts without secrets.

Two lines of defence. Messages are built of what is harmless: ``shown`` and ``without_secrets`` see to that where they
are written. A ``Redactor``, which knows the secrets themselves, goes over texts that others wrote, and over the log.
"""

from __future__ import annotations

import base64
import html
import json
import logging
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import PurePath
from typing import Final
from urllib.parse import quote, quote_plus, unquote, urlsplit

HIDDEN: Final = "<hidden>"
"""Stands wherever a secret would."""

SECRETS: Final = frozenset({"access_key", "secret_key", "session_token", "secret"})
"""The settings that are secrets, by the last part of their names."""

SECRET_CHARACTERS_MIN: Final = 8
"""Shorter ones are not looked for in texts: too many harmless words would be masked with them."""

LOGGERS: Final = (
    "stillcast",
    "stillcast.agent",
    "stillcast.agora",
    "stillcast.callbacks",
    "stillcast.capture",
    "stillcast.cli",
    "stillcast.config",
    "stillcast.delivery",
    "stillcast.hosts",
    "stillcast.receiver",
    "stillcast.sources",
    "stillcast.spool",
    "stillcast.storage",
)
"""Every logger of ours. A logger's filters see what is logged to it and not what is logged to its children."""

_LIBRARY_LOGGERS: Final = (
    "asyncio",
    "botocore.auth",
    "botocore.endpoint",
    "botocore.hooks",
    "botocore.httpsession",
    "botocore.parsers",
    "urllib3.connectionpool",
)
_SOUNDS_SECRET: Final = re.compile(r"secret|key|token|pass|pwd|cred|auth|sign", re.IGNORECASE)
# Up to the last "@": a password that nobody percent-encoded may have any character.
_USER_INFO: Final = re.compile(r"^([A-Za-z][A-Za-z0-9+.-]*://)?.*@", re.DOTALL)
_AFTER_PATH: Final = re.compile(r"([?#]).+", re.DOTALL)
_SHOWN_CHARACTERS_MAX: Final = 80
_SHOWN_ITEMS_MAX: Final = 6


def shown(value: object) -> str:
    """Write a value for a message: short, on one line, and harmless to a terminal.

    Text stands in double quotes with control characters, invisible ones and lone surrogates escaped.
    """
    match value:
        case str():
            return f'"{printable(value)}"'
        case None:
            return "none"
        case bool():
            return str(value).lower()
        case list() | tuple():
            more = ", ..." if len(value) > _SHOWN_ITEMS_MAX else ""
            items = ("[...]" if isinstance(item, list | tuple) else shown(item) for item in value[:_SHOWN_ITEMS_MAX])
            return f"[{', '.join(items)}{more}]"
        case int() if value.bit_length() > 128:  # writing it out takes long and has a limit of digits
            return f"an integer of {value.bit_length()} bits"
        case int() | float() | datetime():
            return str(value)
        case PurePath():
            return f'"{printable(str(value))}"'
        case Mapping():
            return "a table"
    return f"a {type(value).__name__}"


def printable(text: str) -> str:
    """Escape what a terminal would not show as it is, and cut what is long from the middle."""
    if len(text) > _SHOWN_CHARACTERS_MAX:
        half = (_SHOWN_CHARACTERS_MAX - 3) // 2
        text = f"{text[:half]}...{text[-half:]}"
    return escaped(text)


def escaped(text: str) -> str:
    """Escape what a terminal would not show as it is: control characters, invisible ones, lone surrogates."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def without_secrets(address: str) -> str:
    """Mask what an address may carry for a few eyes only: user, password, query and fragment."""
    return _AFTER_PATH.sub(rf"\1{HIDDEN}", _USER_INFO.sub(rf"\1{HIDDEN}@", address))


def address_secrets(address: str) -> Iterator[str]:
    """Give what ``without_secrets`` masks in an address, as it stands there and decoded."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return
    user_info = parts.netloc.rpartition("@")[0]
    password = user_info.partition(":")[2]
    values = [pair.partition("=")[2] for pair in parts.query.split("&")]
    for secret in (user_info, password, parts.query, *values):
        yield secret
        yield unquote(secret)


def sounds_secret(name: str) -> bool:
    """Say whether what has this name is probably for a few eyes only."""
    return _SOUNDS_SECRET.search(name) is not None


class Redactor:
    """Masks the secrets it knows in any text, also where they stand percent-encoded, in base64, JSON, HTML or a repr.

    Immutable, for any thread, and tells nobody what it knows: it cannot be pickled, and its repr is bare.
    """

    __slots__ = ("_pattern",)

    def __init__(self, secrets: Iterable[str]) -> None:
        """Learn the secrets.

        Args:
            secrets: those under ``SECRET_CHARACTERS_MIN`` characters are left alone.
        """
        forms = {form for secret in secrets if len(secret) >= SECRET_CHARACTERS_MIN for form in _forms(secret)}
        # Longest first: what contains another one is masked as a whole.
        longest_first = sorted((re.escape(form) for form in forms), key=lambda form: (-len(form), form))
        self._pattern = re.compile("|".join(longest_first)) if longest_first else None

    def __bool__(self) -> bool:
        return self._pattern is not None

    def __repr__(self) -> str:
        return f"{type(self).__name__}({HIDDEN})"

    def __reduce__(self) -> str:
        raise TypeError("a Redactor holds secrets: make it anew where it is needed instead of pickling it")

    def masked(self, text: str) -> str:
        """Give the text with ``HIDDEN`` in the place of every secret."""
        return text if self._pattern is None else self._pattern.sub(HIDDEN, text)


class LogRedaction:
    """Masks the secrets of one owner in the log, tracebacks included, from ``start`` to ``stop``; keeps lines single.

    It stands at the loggers and not at handlers, so it comes before every handler of the host, wherever that is.
    Owners beside each other have one each.
    """

    def __init__(self, redactor: Redactor) -> None:
        self._filter = _Masking(redactor)

    def start(self) -> None:
        """Begin; once more does nothing."""
        for logger in _loggers():
            logger.addFilter(self._filter)

    def stop(self) -> None:
        """Leave the loggers as if it had never been there."""
        for logger in _loggers():
            # A new list: removing from the one that another thread walks through would hide a filter from it.
            logger.filters = [each for each in logger.filters if each is not self._filter]


class _Masking(logging.Filter):
    def __init__(self, redactor: Redactor) -> None:
        super().__init__()
        self._redactor = redactor

    def filter(self, record: logging.LogRecord) -> bool:
        """Mask the record in place; nothing is ever held back."""
        masked = self._redactor.masked
        try:
            message = record.getMessage()
        except Exception:  # logging would print the arguments
            record.msg, record.args = f"a log line that cannot be written: {record.msg!r}", None
            message = record.msg
        clean = masked(message)
        if record.name in LOGGERS:  # a line of ours is one line, whatever the name of a channel has in it
            clean = escaped(clean)
        if clean != message:
            record.msg, record.args = clean, None
        if record.stack_info:
            record.stack_info = masked(record.stack_info)
        self._mask_traceback(record)
        return True

    def _mask_traceback(self, record: logging.LogRecord) -> None:
        if record.exc_info and not record.exc_text:
            text = logging.Formatter().formatException(record.exc_info)
            if (clean := self._redactor.masked(text)) != text:
                # Handlers that write the exception themselves must not find it.
                record.exc_info, record.exc_text = None, clean
        elif record.exc_text:
            record.exc_text = self._redactor.masked(record.exc_text)


def _loggers() -> list[logging.Logger]:
    return [logging.getLogger(name) for name in LOGGERS + _LIBRARY_LOGGERS]


def _forms(secret: str) -> set[str]:
    percent = {quote(secret), quote(secret, safe=""), quote_plus(secret)}
    lower = {re.sub(r"%[0-9A-F]{2}", lambda match: match[0].lower(), form) for form in percent}
    quoted = {json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1], repr(secret)[1:-1]}
    quoted |= {repr(secret.encode())[2:-1], html.escape(secret), html.escape(secret, quote=False), escaped(secret)}
    forms = {secret, *percent, *lower, *quoted, *_base64_forms(secret.encode())}
    return {form for form in forms if len(form) >= SECRET_CHARACTERS_MIN}


def _base64_forms(secret: bytes) -> Iterator[str]:
    """Give base64 of the secret wherever it begins within three bytes, without the characters it shares with others."""
    for shift in range(3):
        encoded = base64.b64encode(bytes(shift) + secret).decode("ascii")
        whole = encoded[-(-shift * 8 // 6) : (shift + len(secret)) * 8 // 6]
        yield whole
        yield whole.translate(str.maketrans("+/", "-_"))
