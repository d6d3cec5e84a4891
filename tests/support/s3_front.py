"""A scripted S3 store on loopback: it checks signatures as Amazon does, and misbehaves as a test asks.

What it does with a request is a behaviour of ``support.s3_faults``; ``S3Front.behave`` sets it for all that comes.
"""

from __future__ import annotations

import base64
import hashlib
import math
import select
import socket
import ssl
import struct
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from email.utils import formatdate
from io import BufferedIOBase
from typing import Self
from urllib.parse import unquote, urlsplit

from stillcast.naming import ObjectKeyError, parse_object_key
from support.canaries import ACCESS_KEY, SECRET_KEY
from support.s3_judge import Key, Refused, Request, check_request, crc32

BUCKET = "test-artifacts"
REGION = "us-east-1"
_PATIENCE_S = 30.0
_FACTS_MAX = 500_000


@dataclass(frozen=True)
class Answer:
    """What goes back: whole and at once, or a byte each ``pause_s``; ``then_cut`` ends the connection after it."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    pause_s: float = 0.0
    then_cut: bool = False
    raw: bytes | None = None


class Cut(Exception):  # noqa: N818
    """Raised by a behaviour to end the connection without an answer, by a reset or by an ordinary close."""

    def __init__(self, *, reset: bool = True) -> None:
        super().__init__("cut")
        self.reset = reset


@dataclass
class StoredObject:
    """What the store keeps of one key; ``digests`` are the SHA-256 of every different body it ever took for it.

    ``headers`` are those of the last put that the store gives back.
    """

    size: int
    content_type: str
    digests: set[str]
    writes: int = 1
    body: bytes | None = None
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def metadata(self) -> dict[str, str]:
        """Its user metadata, names without what they begin with."""
        start = "x-amz-meta-"
        return {name.removeprefix(start): value for name, value in self.headers.items() if name.startswith(start)}


@dataclass
class Fact:
    """One request: when it came (monotonic), on which connection, what it was about, what it was answered."""

    at_s: float
    connection: int
    method: str
    key: str
    sid: str | None
    bytes: int
    request: Request
    status: int | None = None
    code: str | None = None


@dataclass
class Exchange:
    """One request in the hands of a behaviour."""

    front: S3Front
    request: Request
    fact: Fact
    read_body: Callable[[], bytes]
    connection: socket.socket
    date_shift_s: float = 0.0

    def take_body(self) -> None:
        """Read what the request brings, once."""
        if not self.request.body:
            self.request.body = self.read_body()
            self.fact.bytes = len(self.request.body)

    def wait(self, seconds: float | None, until: Callable[[], bool] = lambda: False) -> bool:
        """Wait so long (None: for ever) or until a condition holds; True if the front stops or the caller went away."""
        poll = select.poll()
        poll.register(self.connection, select.POLLRDHUP | select.POLLHUP | select.POLLERR)
        end = math.inf if seconds is None else time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0 and not until():
            if self.front.stopping.wait(min(0.02, left)) or poll.poll(0):
                return True
        return False

    def serve(self) -> Answer:
        """Do what a good store does: judge, keep, answer."""
        self.take_body()
        return self.front.serve(self)


Behaviour = Callable[[Exchange], Answer]


def good(exchange: Exchange) -> Answer:
    """Be a good store."""
    return exchange.serve()


class S3Front:
    """The server; every method may be called from any thread.

    Attributes:
        objects: what it keeps, by key.
        facts: every request whose head arrived, the last 500,000.
        connections: how many were ever accepted.
        handshakes_failed: how many did not get through TLS.
    """

    def __init__(
        self,
        *behaviours: Behaviour,
        tls: ssl.SSLContext | None = None,
        keys: Mapping[str, Key] | None = None,
        region: str = REGION,
        bucket: str = BUCKET,
        keep_bodies: bool = True,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.objects: dict[str, StoredObject] = {}
        self.facts: deque[Fact] = deque(maxlen=_FACTS_MAX)
        self.connections = 0
        self.handshakes_failed = 0
        self.stopping = threading.Event()
        self._tls = tls
        self._region, self._bucket, self._keep_bodies, self._clock = region, bucket, keep_bodies, clock
        self._mutex = threading.Lock()  # guards all below and the dictionaries above
        self._keys = dict(keys or {ACCESS_KEY: Key(SECRET_KEY)})
        self._script: deque[Behaviour] = deque(behaviours[:-1])
        self._behaviour: Behaviour = behaviours[-1] if behaviours else good
        self._open: set[socket.socket] = set()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port = int(self._listener.getsockname()[1])
        self._thread = threading.Thread(target=self._accept, name="s3-front", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopping.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut_connections()
        self._thread.join(_PATIENCE_S)

    @property
    def endpoint(self) -> str:
        return f"{'https' if self._tls else 'http'}://localhost:{self.port}"

    def settings(self, **changed: object) -> dict[str, object]:
        """The ``[storage]`` section that belongs to it; a CA's file is the caller's to add."""
        with self._mutex:
            access_key, key = next(iter(self._keys.items()))
        given: dict[str, object] = {
            "url": f"s3://{self._bucket}",
            "endpoint": self.endpoint,
            "region": self._region,
            "access_key": access_key,
            "secret_key": key.secret,
            "session_token": key.token,
        }
        return {name: value for name, value in {**given, **changed}.items() if value is not None}

    def behave(self, *behaviours: Behaviour) -> None:
        """From now on: one behaviour a request, the last one for ever; none is a good store."""
        with self._mutex:
            self._script = deque(behaviours[:-1])
            self._behaviour = behaviours[-1] if behaviours else good

    def heal(self) -> None:
        """Be a good store again; requests that are being stalled stay so."""
        self.behave()

    def accept_keys(self, keys: Mapping[str, Key]) -> None:
        """From now on, take these keys and no others, as after a renewal."""
        with self._mutex:
            self._keys = dict(keys)

    def cut_connections(self) -> None:
        """Close every connection, as a restart does."""
        with self._mutex:
            parts = list(self._open)
        for part in parts:
            with suppress(OSError):
                part.shutdown(socket.SHUT_RDWR)

    @property
    def open_connections(self) -> int:
        with self._mutex:
            return len(self._open)

    def puts(self) -> list[Fact]:
        """Every put so far, in the order in which they came."""
        with self._mutex:
            return [fact for fact in self.facts if fact.method == "PUT"]

    def sids_with_different_bytes(self) -> list[str]:
        """Stills of which the store ever took two different bodies or two keys: there must be none."""
        seen: dict[str, set[tuple[str, str]]] = {}
        with self._mutex:
            for key, kept in self.objects.items():
                sid = _sid(key) or key
                seen.setdefault(sid, set()).update((key, digest) for digest in kept.digests)
        return [sid for sid, kinds in seen.items() if len(kinds) > 1]

    def serve(self, exchange: Exchange) -> Answer:
        """What a good store answers."""
        request = exchange.request
        url = f"{'https' if self._tls else 'http'}://{request.headers.get('host', '')}"
        with self._mutex:
            keys = dict(self._keys)
        try:
            now = self._clock() + exchange.date_shift_s
            key = check_request(request, keys, region=self._region, now=now, url=url)
            return self._act(exchange, key)
        except Refused as refused:
            exchange.fact.code = refused.code
            return error_answer(refused.status, refused.code, refused.extra)

    def _act(self, exchange: Exchange, key: Key) -> Answer:
        bucket, name = _bucket_and_key(exchange.request)
        if bucket != self._bucket:
            raise Refused(404, "NoSuchBucket")
        right = {"PUT": "put", "DELETE": "delete"}.get(exchange.request.method, "get" if name else "list")
        if right not in key.rights:
            raise Refused(403, "AccessDenied")
        if right == "put":
            return self._put(exchange.request, name)
        with self._mutex:
            if right == "list":
                found = "".join(f"<Contents><Key>{each}</Key></Contents>" for each in sorted(self.objects))
                return Answer(200, f"<ListBucketResult>{found}</ListBucketResult>".encode())
            if right == "delete":
                self.objects.pop(name, None)
                return Answer(204)
            kept = self.objects.get(name)
        if kept is None:
            raise Refused(404, "NoSuchKey")
        return Answer(200, kept.body or b"", {"Content-Type": kept.content_type, **kept.headers})

    def _put(self, request: Request, name: str) -> Answer:
        if len(name.encode()) > 1024:
            raise Refused(400, "KeyTooLongError")
        digest = hashlib.sha256(request.body).hexdigest()
        with self._mutex:
            kept = self.objects.get(name)
            if kept is not None and request.headers.get("if-none-match") == "*":
                raise Refused(412, "PreconditionFailed")
            body = request.body if self._keep_bodies else None
            kind = request.headers.get("content-type", "")
            digests = {digest} if kept is None else {*kept.digests, digest}
            writes = 1 if kept is None else kept.writes + 1
            kept_of = {each: text for each, text in request.headers.items() if each.startswith("x-amz-meta-")}
            if "cache-control" in request.headers:
                kept_of["cache-control"] = request.headers["cache-control"]
            self.objects[name] = StoredObject(len(request.body), kind, digests, writes, body, kept_of)
        headers = {"ETag": f'"{hashlib.md5(request.body).hexdigest()}"'}
        if "x-amz-checksum-crc32" in request.headers:
            headers["x-amz-checksum-crc32"] = base64.b64encode(crc32(request.body)).decode()
        return Answer(200, b"", headers)

    def keep_damaged(self, exchange: Exchange, answer: Answer) -> Answer:
        """Swap what was kept for the request's body as it is now; the answer tells its MD5."""
        body, name = exchange.request.body, _bucket_and_key(exchange.request)[1]
        with self._mutex:
            if answer.status == 200:
                kept = self.objects[name]
                kept.body = body if self._keep_bodies else None
                kept.digests = {hashlib.sha256(body).hexdigest()}
        return Answer(answer.status, answer.body, {"ETag": f'"{hashlib.md5(body).hexdigest()}"'})

    def _accept(self) -> None:
        while not self.stopping.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with self._mutex:
                self.connections += 1
                number = self.connections
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._serve_connection, args=(connection, number), daemon=True).start()

    def _serve_connection(self, plain: socket.socket, number: int) -> None:
        try:
            connection = self._tls.wrap_socket(plain, server_side=True) if self._tls else plain
        except OSError:  # ssl.SSLError is one: the client did not like us, or went away
            with self._mutex:
                self.handshakes_failed += 1
            plain.close()
            return
        with self._mutex:
            self._open.add(connection)
        try:
            with connection.makefile("rb") as reader:
                while self._serve_request(connection, reader, number):
                    pass
        except (OSError, ValueError):
            pass  # the other side went away
        finally:
            with self._mutex:
                self._open.discard(connection)
            connection.close()

    def _serve_request(self, connection: socket.socket, reader: BufferedIOBase, number: int) -> bool:
        request = _read_head(reader)
        if request is None:
            return False
        size = int(request.headers.get("content-length", "0"))
        if request.headers.get("expect"):
            connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        key = _bucket_and_key(request)[1]
        fact = Fact(time.monotonic(), number, request.method, key, _sid(key), 0, request)
        exchange = Exchange(self, request, fact, lambda: _read_exactly(reader, size), connection)
        with self._mutex:
            self.facts.append(fact)
            behaviour = self._script.popleft() if self._script else self._behaviour
        try:
            answer = behaviour(exchange)
        except Cut as cut:
            if cut.reset:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return False
        finally:
            if not self._keep_bodies:
                request.body = b""
        fact.status = answer.status
        self._send(connection, answer, exchange)
        return not answer.then_cut

    def _send(self, connection: socket.socket, answer: Answer, exchange: Exchange) -> None:
        date = formatdate(self._clock() + exchange.date_shift_s, usegmt=True)
        headers = {"Date": date, "Content-Length": str(len(answer.body)), **answer.headers}
        lines = [f"HTTP/1.1 {answer.status} X", *[f"{name}: {value}" for name, value in headers.items()], "", ""]
        body = b"" if exchange.request.method == "HEAD" else answer.body  # HEAD has the headers of a body, and none
        whole = answer.raw if answer.raw is not None else "\r\n".join(lines).encode() + body
        if not answer.pause_s:
            connection.sendall(whole)
            return
        for byte in whole:
            connection.sendall(bytes([byte]))
            if self.stopping.wait(answer.pause_s):
                return


def error_answer(status: int, code: str, extra: str = "", headers: Mapping[str, str] | None = None) -> Answer:
    """A refusal in S3's XML; its message quotes what no log may show."""
    message = f"<Message>quoting {ACCESS_KEY} and {SECRET_KEY}\nin two lines</Message>"
    body = f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code>{message}{extra}</Error>'
    return Answer(status, body.encode(), {"Content-Type": "application/xml", **(headers or {})})


def _read_head(reader: BufferedIOBase) -> Request | None:
    lines: list[str] = []
    while (line := reader.readline(65536)) not in (b"\r\n", b""):
        lines.append(line.decode("latin-1").rstrip("\r\n"))
    if not lines or line == b"":
        return None
    method, target, _ = lines[0].split(" ")
    target, proxied = (urlsplit(target).path, target) if "://" in target else (target, None)
    pairs = [each.split(":", 1) for each in lines[1:]]
    headers = {name.lower(): value.strip() for name, value in pairs}
    return Request(method, target, headers, names=[name for name, _ in pairs], proxied=proxied)


def _read_exactly(reader: BufferedIOBase, size: int) -> bytes:
    body = reader.read(size)
    if len(body) != size:
        raise Cut(reset=False)
    return body


def _bucket_and_key(request: Request) -> tuple[str, str]:
    path = unquote(urlsplit(request.target).path).lstrip("/")
    host = request.headers.get("host", "").split(":")[0]
    if host.endswith(".localhost"):  # virtual style
        return host.removesuffix(".localhost"), path
    bucket, _, key = path.partition("/")
    return bucket, key


def _sid(key: str) -> str | None:
    try:
        return parse_object_key(key).sid
    except ObjectKeyError:
        return None
