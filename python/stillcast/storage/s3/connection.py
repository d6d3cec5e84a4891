"""One kept-alive connection to a store, straight or through a proxy, on which nothing outlasts its deadline."""

from __future__ import annotations

import base64
import socket
import ssl
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final, Protocol, cast
from urllib.parse import unquote, urlsplit

from stillcast.storage.s3.answer import Answer, BrokenOffError, NotHttpError, read_answer
from stillcast.storage.s3.limits import Limits

_PIECE_BYTES: Final = 64 * 1024
_MIN_WAIT_S: Final = 0.001  # 0 would mean a socket that does not wait at all
_OK: Final = 200


@dataclass(frozen=True, slots=True)
class Distrust:
    """What is wrong with a certificate, in OpenSSL's words; the code is X509_V_ERR_… of its x509_vfy.h."""

    code: int
    message: str


class UnansweredError(Exception):
    """No answer came.

    Attributes:
        code: short and stable, named as botocore names it where it has a name.
        heard: whether anything of an answer had come.
        distrust: what is wrong with the certificate, where that is the reason.
    """

    def __init__(self, code: str, *, heard: bool = True, distrust: Distrust | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.heard = heard
        self.distrust = distrust


@dataclass(frozen=True, slots=True)
class Route:
    """The way to a server.

    Attributes:
        url: its scheme, host and port.
        tls: whom to trust; None where the way is not encrypted.
        proxy: address of an HTTP proxy, user and password included; None for none.
        proxy_tls: whom to trust as a proxy, if that is to be spoken to over TLS.
    """

    url: str
    tls: ssl.SSLContext | None = None
    proxy: str | None = field(default=None, repr=False)
    proxy_tls: ssl.SSLContext | None = None

    @property
    def host(self) -> str:
        """What the header ``Host`` says: without the scheme's own port."""
        parts = urlsplit(self.url)
        name = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname or ""
        usual = 443 if parts.scheme == "https" else 80
        return name if parts.port in (None, usual) else f"{name}:{parts.port}"

    @property
    def says_whole_address(self) -> bool:
        """Whether requests name the server too, because a proxy passes them on (RFC 9112, section 3.2.2)."""
        return self.proxy is not None and self.tls is None

    def proxy_headers(self) -> dict[str, str]:
        """Tell the proxy who asks, if its address has a user."""
        parts = urlsplit(self.proxy or "")
        if parts.username is None:
            return {}
        user = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        return {"Proxy-Authorization": f"Basic {base64.b64encode(user.encode()).decode()}"}


class _Stream(Protocol):
    """What a plain socket, one with TLS, and one with TLS inside TLS have in common."""

    def settimeout(self, value: float | None, /) -> None: ...
    def send(self, data: memoryview, /) -> int: ...
    def recv(self, buflen: int, /) -> bytes: ...
    def close(self) -> None: ...


class Connection:
    """A connection; one thread at a time uses it."""

    def __init__(self, route: Route, limits: Limits, *, deadline: float) -> None:
        """Connect.

        Args:
            route: the way.
            limits: for each step.
            deadline: of the put in all, by ``time.monotonic``.

        Raises:
            UnansweredError: it did not come about.
        """
        self._limits = limits
        self.used_at = time.monotonic()
        self._heard = False  # anything of the present answer
        self._socket = _connect(route, limits, deadline)
        self._stream: _Stream = self._socket
        try:
            self._secure(route, deadline)
        except BaseException:
            self.close()
            raise

    def exchange(self, request: bytes, *, deadline: float, has_body: bool = True) -> Answer:
        """Send a request and read its answer; after an exception the connection is to be closed.

        Raises:
            UnansweredError: none came, or none that is one.
        """
        refused = None
        self._heard = False
        try:
            self._send(request, deadline)
        except UnansweredError as error:
            if error.code != "ConnectionClosedError":
                raise
            refused = error  # a server may say why before it closes, and it need not read all for that
        try:
            answer = read_answer(lambda: self._receive(deadline), has_body=has_body)
        except BrokenOffError:
            raise UnansweredError("ConnectionClosedError", heard=self._heard) from None
        except NotHttpError:
            raise UnansweredError("ResponseParserError") from None
        self.used_at = time.monotonic()
        return answer if refused is None else Answer(answer.status, answer.headers, answer.body, keeps=False)

    def close(self) -> None:
        """Close it, for every process that has inherited it too."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._stream.close()
        self._socket.close()

    def forget(self) -> None:
        """Let go of what a parent process goes on to use: nothing is said to the server, no descriptor is closed."""
        self._socket.detach()

    def _secure(self, route: Route, deadline: float) -> None:
        parts = urlsplit(route.url)
        if route.proxy is not None and route.proxy_tls is not None:
            self._wrap(route.proxy_tls, urlsplit(route.proxy).hostname, deadline)
        if route.tls is None:
            return
        if route.proxy is not None:
            self._tunnel(route, f"{parts.hostname}:{parts.port or 443}", deadline)
        if route.proxy_tls is not None:
            self._wrap_again(route.tls, parts.hostname)
        else:
            self._wrap(route.tls, parts.hostname, deadline)

    def _wrap(self, tls: ssl.SSLContext, host: str | None, deadline: float) -> None:
        self._socket.settimeout(_wait_s(self._limits.read_s, deadline))
        try:
            self._stream = self._socket = tls.wrap_socket(self._socket, server_hostname=host)
        except OSError as error:
            raise _handshake_failure(error) from error

    def _wrap_again(self, tls: ssl.SSLContext, host: str | None) -> None:
        # The standard library has no TLS inside TLS; this is rare enough not to be imported by everybody.
        from urllib3.util.ssltransport import SSLTransport  # noqa: PLC0415

        try:
            self._stream = cast(_Stream, SSLTransport(self._socket, tls, server_hostname=host))
        except OSError as error:
            raise _handshake_failure(error) from error

    def _tunnel(self, route: Route, target: str, deadline: float) -> None:
        """Ask the proxy for a tunnel (RFC 9110, section 9.3.6)."""
        headers = {"Host": target, **route.proxy_headers()}
        lines = [f"CONNECT {target} HTTP/1.1", *[f"{name}: {value}" for name, value in headers.items()], "", ""]
        try:
            answer = self.exchange("\r\n".join(lines).encode(), deadline=deadline, has_body=False)
        except UnansweredError as error:
            raise UnansweredError("ProxyConnectionError") from error
        if answer.status != _OK:
            raise UnansweredError("ProxyConnectionError")

    def _send(self, request: bytes, deadline: float) -> None:
        rest = memoryview(request)
        while rest:
            self._stream.settimeout(_wait_s(self._limits.read_s, deadline))
            try:
                rest = rest[self._stream.send(rest) :]
            except OSError as error:
                raise _broken(error, deadline, heard=False) from error

    def _receive(self, deadline: float) -> bytes:
        self._stream.settimeout(_wait_s(self._limits.read_s, deadline))
        try:
            piece = self._stream.recv(_PIECE_BYTES)
        except OSError as error:
            raise _broken(error, deadline, heard=self._heard) from error
        self._heard = self._heard or bool(piece)
        return piece


def _wait_s(step_s: float, deadline: float) -> float:
    left_s = deadline - time.monotonic()
    if left_s <= 0:
        raise UnansweredError("DeadlineExceeded")
    return max(min(step_s, left_s), _MIN_WAIT_S)


def _connect(route: Route, limits: Limits, deadline: float) -> socket.socket:
    parts = urlsplit(route.proxy or route.url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        connected = socket.create_connection((parts.hostname, port), _wait_s(limits.connect_s, deadline))
    except TimeoutError as error:
        raise UnansweredError("ConnectTimeoutError" if route.proxy is None else "ProxyConnectionError") from error
    except (OSError, UnicodeError) as error:
        raise UnansweredError("EndpointConnectionError" if route.proxy is None else "ProxyConnectionError") from error
    connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connected


def _broken(error: OSError, deadline: float, *, heard: bool) -> UnansweredError:
    if not isinstance(error, TimeoutError):
        return UnansweredError("ConnectionClosedError", heard=heard)
    return UnansweredError("ReadTimeoutError" if time.monotonic() < deadline else "DeadlineExceeded")


def _handshake_failure(error: OSError) -> UnansweredError:
    match error:
        case ssl.SSLCertVerificationError():
            return UnansweredError("CertificateNotTrusted", distrust=Distrust(error.verify_code, error.verify_message))
        case TimeoutError():
            return UnansweredError("ReadTimeoutError")
        case ssl.SSLEOFError() | ssl.SSLZeroReturnError():
            return UnansweredError("ConnectionClosedError")
        case ssl.SSLError():
            return UnansweredError("TLSFailed")
        case _:
            return UnansweredError("ConnectionClosedError")
