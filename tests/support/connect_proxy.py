"""An HTTP proxy on loopback that makes tunnels (CONNECT), itself over TLS if asked."""

from __future__ import annotations

import socket
import ssl
import threading
from contextlib import suppress
from typing import Self

_PIECE = 65536


class ConnectProxy:
    """Tunnels every host to one port on loopback; keeps the heads of the requests for tunnels."""

    def __init__(self, target_port: int, *, tls: ssl.SSLContext | None = None, status: int = 200) -> None:
        self.heads: list[str] = []
        self._target_port = target_port
        self._tls = tls
        self._status = status
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._parts: list[socket.socket] = []
        self.port = int(self._listener.getsockname()[1])
        self._threads = [threading.Thread(target=self._accept, daemon=True)]

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._threads[0].join(10)
        for part in self._parts:
            with suppress(OSError):
                part.shutdown(socket.SHUT_RDWR)
        for thread in self._threads[1:]:
            thread.join(10)
        for part in self._parts:
            part.close()

    def _accept(self) -> None:
        while True:
            try:
                plain, _ = self._listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._serve, args=(plain,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, plain: socket.socket) -> None:
        client = plain
        with suppress(OSError):
            client = self._tls.wrap_socket(plain, server_side=True) if self._tls else plain
            self._parts.append(client)
            head = b""
            while not head.endswith(b"\r\n\r\n"):
                head += client.recv(1)
            self.heads.append(head.decode())
            client.sendall(f"HTTP/1.1 {self._status} X\r\n\r\n".encode())
            if self._status != 200:
                client.shutdown(socket.SHUT_RDWR)
                return
            server = socket.create_connection(("127.0.0.1", self._target_port))
            self._parts.append(server)
            answers = threading.Thread(target=_relay, args=(server, client), daemon=True)
            self._threads.append(answers)
            answers.start()
            _relay(client, server)


def _relay(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while piece := source.recv(_PIECE):
            target.sendall(piece)
        target.shutdown(socket.SHUT_RDWR)
