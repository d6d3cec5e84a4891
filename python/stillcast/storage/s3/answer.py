"""Reading one answer of HTTP/1.1 (RFC 9112) from a stream of bytes that nobody vouches for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

_HEAD_BYTES_MAX: Final = 64 * 1024
_BODY_BYTES_MAX: Final = 64 * 1024
_WITHOUT_BODY: Final = frozenset({204, 304})
_FIRST_FINAL_STATUS: Final = 200
_HEX: Final = frozenset(b"0123456789abcdefABCDEF")


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server said.

    Attributes:
        status: HTTP status, 200 to 999.
        headers: the last of each name, names in lower case.
        body: its first 64 KiB.
        keeps: whether the connection can take another request.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    keeps: bool


class NotHttpError(Exception):
    """What came is no answer of HTTP, or has no end."""


class BrokenOffError(Exception):
    """The server closed before its answer was whole."""


def read_answer(receive: Callable[[], bytes], *, has_body: bool = True) -> Answer:
    """Read one answer, interim ones (1xx) passed over.

    Args:
        receive: gives the next bytes, none at the end; what it raises is passed on.
        has_body: False for the answer to ``CONNECT``, whose body is the tunnel.

    Raises:
        NotHttpError: it is none.
        BrokenOffError: it stopped too early.
    """
    incoming = _Incoming(receive)
    status = 0
    while status < _FIRST_FINAL_STATUS:
        status, is_new, headers = _parse_head(incoming.until(b"\r\n\r\n"))
    body, is_whole = _read_body(incoming, headers) if has_body and status not in _WITHOUT_BODY else (b"", True)
    wish = headers.get("connection", "").lower()
    keeps = is_whole and incoming.is_empty and (is_new or wish == "keep-alive") and wish != "close"
    return Answer(status, headers, body, keeps)


def _parse_head(head: bytes) -> tuple[int, bool, dict[str, str]]:
    first, *lines = head.decode("latin-1").split("\r\n")
    version, _, rest = first.partition(" ")
    number = rest[:3]
    if not version.startswith("HTTP/1.") or len(number) != 3 or not number.isdecimal() or int(number) < 100:
        raise NotHttpError
    pairs = (line.partition(":") for line in lines)
    return int(number), version == "HTTP/1.1", {name.lower(): value.strip() for name, _, value in pairs}


def _read_body(incoming: _Incoming, headers: Mapping[str, str]) -> tuple[bytes, bool]:
    """Give the body's beginning, and whether it has been read to its end and the next answer may follow."""
    if "transfer-encoding" in headers:
        return _read_chunks(incoming)
    length = headers.get("content-length")
    if length is None:
        return incoming.to_end(_BODY_BYTES_MAX), False
    if not length.isdecimal():
        raise NotHttpError
    return incoming.exactly(min(int(length), _BODY_BYTES_MAX)), int(length) <= _BODY_BYTES_MAX


def _read_chunks(incoming: _Incoming) -> tuple[bytes, bool]:
    body = b""
    while len(body) <= _BODY_BYTES_MAX:
        digits = incoming.until(b"\r\n").split(b";")[0].strip()
        if not 0 < len(digits) <= 8 or not _HEX.issuperset(digits):  # 32 bits are more than enough
            raise NotHttpError
        size = int(digits, 16)
        if size == 0:
            while incoming.until(b"\r\n"):  # trailers
                pass
            return body, True
        body += incoming.exactly(min(size, _BODY_BYTES_MAX))
        if size > _BODY_BYTES_MAX:
            break
        if incoming.until(b"\r\n"):
            raise NotHttpError
    return body[:_BODY_BYTES_MAX], False


class _Incoming:
    """What has come and was not taken yet; never much more than 64 KiB."""

    def __init__(self, receive: Callable[[], bytes]) -> None:
        self._receive = receive
        self._waiting = b""
        self._has_taken = False

    @property
    def is_empty(self) -> bool:
        return not self._waiting

    def until(self, mark: bytes) -> bytes:
        while (end := self._waiting.find(mark)) < 0:
            if len(self._waiting) > _HEAD_BYTES_MAX:
                raise NotHttpError
            self._more()
        taken, self._waiting = self._waiting[:end], self._waiting[end + len(mark) :]
        self._has_taken = True
        return taken

    def exactly(self, size: int) -> bytes:
        while len(self._waiting) < size:
            self._more()
        taken, self._waiting = self._waiting[:size], self._waiting[size:]
        return taken

    def to_end(self, size_max: int) -> bytes:
        while len(self._waiting) < size_max and (piece := self._receive()):
            self._waiting += piece
        return self._waiting[:size_max]

    def _more(self) -> None:
        piece = self._receive()
        if not piece:
            # Half a line of something else is a stranger, not a store that went away.
            is_strange = not self._has_taken and self._waiting and not self._waiting.startswith(b"HTTP/1.")
            raise NotHttpError if is_strange else BrokenOffError
        self._waiting += piece
