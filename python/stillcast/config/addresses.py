"""The rules for addresses: the store's, the endpoint's and the callback's."""

from __future__ import annotations

import ipaddress
import os
import re
from pathlib import Path
from urllib.parse import SplitResult, unquote_to_bytes, urlsplit

from stillcast.config.rules import filled_text

_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_URL_RIGHT = "use s3://bucket or file:///absolute/path"


def storage_url(value: object) -> object:
    """Take ``s3://bucket`` or ``file:///absolute/path``."""
    parts = _split(value, _URL_RIGHT)
    if parts.query or parts.fragment:
        raise ValueError('has "?" or "#": write them as %3F and %23')
    match parts.scheme:
        case "s3":
            _check_bucket(parts)
        case "file":
            _check_directory(parts)
        case "":
            raise ValueError(f"has no scheme: {_URL_RIGHT}")
        case _:
            raise ValueError(f"has a scheme that no store has: {_URL_RIGHT}")
    return value


def bucket_of(url: str) -> str | None:
    """Read the bucket from a valid ``storage.url``; None if it is a directory's."""
    parts = urlsplit(url)
    return parts.netloc if parts.scheme == "s3" else None


def directory_of(url: str) -> Path | None:
    """Read the directory from a valid ``storage.url``; None if it is a bucket's."""
    parts = urlsplit(url)
    return Path(os.fsdecode(unquote_to_bytes(parts.path))) if parts.scheme == "file" else None


def endpoint(value: object) -> object:
    """Take the address of an S3 server: scheme, host and port, nothing behind them."""
    parts = _http(value)
    if parts.username is not None or parts.password is not None:
        raise ValueError("has a user or password in it: use storage.access_key and storage.secret_key")
    if parts.path not in {"", "/"} or parts.query or parts.fragment:
        raise ValueError("has something behind the host: use scheme, host and port only, as https://s3.example.com")
    return value


def callback_url(value: object) -> object:
    """Take the address that callbacks are posted to."""
    parts = _http(value)
    if parts.username is not None or parts.password is not None:
        raise ValueError("has a user or password in it: use callback.secret to prove who calls")
    if parts.fragment:
        raise ValueError('has "#", which is never sent: leave it out')
    return value


def sends_in_clear(url: str) -> bool:
    """Say whether requests to this address cross a network without encryption."""
    parts = urlsplit(url)
    return parts.scheme == "http" and not _is_loopback(parts.hostname or "")


def _http(value: object) -> SplitResult:
    right = "use https://host"
    parts = _split(value, right)
    if parts.scheme not in {"https", "http"}:
        raise ValueError(f"is not a web address: {right}")
    if not parts.hostname:
        raise ValueError(f"has no host: {right}")
    return parts


def _split(value: object, right: str) -> SplitResult:
    given = filled_text(value)
    # urlsplit() drops tabs and newlines without a word; a request would not.
    if any(character.isspace() or not character.isprintable() for character in given):
        raise ValueError("has white space or control characters: percent-encode them")
    try:
        parts = urlsplit(given)
        port = parts.port if parts.scheme in {"http", "https"} else None
    except ValueError:  # its text may quote the address, and so a password
        raise ValueError(f"has a host or port that cannot be read: {right}") from None
    if port == 0:
        raise ValueError("has port 0, on which nothing listens: use a port from 1 to 65535")
    return parts


def _check_bucket(parts: SplitResult) -> None:
    bucket = parts.netloc
    if "@" in bucket:
        raise ValueError("has a user or password in it: use storage.access_key and storage.secret_key")
    if parts.path not in {"", "/"}:
        raise ValueError("has a path behind the bucket: use storage.prefix for directories")
    if not _BUCKET.fullmatch(bucket) or ".." in bucket or _is_ip(bucket):
        raise ValueError(
            'has no valid bucket name: use 3 to 63 lowercase letters, digits, "." and "-", with a letter or digit at '
            'both ends, no ".." and not an IP address'
        )


def _check_directory(parts: SplitResult) -> None:
    if parts.netloc not in {"", "localhost"}:
        raise ValueError("has a host or a relative path: use file:///absolute/path, with three slashes")
    if not parts.path.startswith("/"):
        raise ValueError("has no absolute path: use file:///absolute/path")
    if b"\0" in unquote_to_bytes(parts.path):
        raise ValueError("has a zero byte in its path: use file:///absolute/path")


def _is_ip(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _is_loopback(host: str) -> bool:
    return host == "localhost" or (_is_ip(host) and ipaddress.ip_address(host).is_loopback)
