"""The callback server of an application that comes from Agora: written from the description of the callback alone.

It shares no code with stillcast and imports nothing but Python's own library: what it checks it knows from the
contract's words on object key and callback. Good callbacks are answered 200 with JSON, others 400 with the reason.
"""

from __future__ import annotations

import hashlib
import json
import re
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import unquote

OBJECT = re.compile(
    r"(?P<directories>([A-Za-z0-9]+/)*)(?P<day>\d{8})/"
    r"(?P<sid>[0-9a-f]{32})_(?P<cname>[^/]+?)__uid_s_(?P<uid>[^/]+?)__uid_e_video_(?P<utc>\d{17})\.jpg"
)
REQUEST_ID = re.compile(r"(?P<sid>[0-9a-f]{32})_(?P<seconds>\d+)_[0-9a-f]{32}")
FIELDS: dict[str, type] = {
    "requestId": str,
    "callbackParam": dict,
    "callbackData": str,
    "checksum": str,
    "object": str,
    "code": int,
    "msg": str,
    "channelName": str,
    "userId": str,
    "timestamp": int,
}


@dataclass(frozen=True)
class Supervised:
    """What the application files away of one callback."""

    request_id: str
    object: str
    directories: tuple[str, ...]
    channel: str
    user: str
    utc: str
    data: str


class NotGoodError(Exception):
    """Why a callback is refused."""


def read(address: str, content_type: str | None, raw: bytes) -> Supervised:
    """Take a callback apart, or say what is wrong with it."""
    told = _fields(content_type, raw)
    whole = f"{address}{told['code']}{told['object']}{told['requestId']}"
    _expect("checksum", told["checksum"], hashlib.md5(whole.encode("utf-8")).hexdigest())
    _expect("code", told["code"], 200)
    _expect("msg", told["msg"], "Supervise complete")
    _expect("callbackParam", told["callbackParam"], {"cname": told["channelName"]})
    name = OBJECT.fullmatch(told["object"])
    request = REQUEST_ID.fullmatch(told["requestId"])
    if name is None or request is None:
        raise NotGoodError(f"object or requestId has another form: {told['object']} {told['requestId']}")
    _expect("sid", request["sid"], name["sid"])
    _expect("day", name["day"], name["utc"][:8])
    _expect("timestamp", told["timestamp"], int(name["utc"]))
    _expect("channelName", told["channelName"], unquote(name["cname"]))
    _expect("userId", told["userId"], unquote(name["uid"]))
    if len(told["callbackData"].encode("utf-8")) > 1024:
        raise NotGoodError("callbackData is too long")
    directories = tuple(name["directories"].split("/")[:-1])
    return Supervised(
        told["requestId"],
        told["object"],
        directories,
        told["channelName"],
        told["userId"],
        name["utc"],
        told["callbackData"],
    )


def _fields(content_type: str | None, raw: bytes) -> dict[str, Any]:
    _expect("Content-Type", content_type, "application/json;charset=utf-8")
    try:
        told = json.loads(raw.decode("utf-8"))
    except ValueError as error:
        raise NotGoodError(f"no JSON: {error}") from error
    types = {name: type(value) for name, value in told.items()} if isinstance(told, dict) else told
    _expect("fields", types, FIELDS)
    return dict(told)


def _expect(what: str, found: object, right: object) -> None:
    if found != right:
        raise NotGoodError(f"{what}: {found!r} is not {right!r}")


class ApplicationServer:
    """Listens on loopback; keeps good callbacks, each ``requestId`` once, and why others were refused."""

    def __init__(self) -> None:
        self._mutex = threading.Lock()  # guards the two below
        self._supervised: dict[str, Supervised] = {}
        self._refused: list[str] = []
        application = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                raw = self.rfile.read(int(self.headers["Content-Length"]))
                status, answer = application._take(self.headers["Content-Type"], raw)
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def address(self) -> str:
        """What the console has as the callback address."""
        return f"http://127.0.0.1:{self._server.server_port}/agora/supervise"

    @property
    def supervised(self) -> list[Supervised]:
        with self._mutex:
            return list(self._supervised.values())

    @property
    def refused(self) -> list[str]:
        with self._mutex:
            return list(self._refused)

    def _take(self, content_type: str | None, raw: bytes) -> tuple[int, bytes]:
        try:
            told = read(self.address, content_type, raw)
        except NotGoodError as error:
            with self._mutex:
                self._refused.append(str(error))
            return 400, json.dumps({"code": 1, "reason": str(error)}).encode()
        with self._mutex:
            self._supervised[told.request_id] = told
        return 200, b'{"code": 0}'
