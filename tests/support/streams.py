"""Real live streams on loopback: nginx with its RTMP module, and ffmpeg that sends a clip in a loop."""

from __future__ import annotations

import functools
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

_MODULE = "ngx_rtmp_module.so"
_MODULE_DIRECTORIES = ("/usr/lib/nginx/modules", "/usr/lib64/nginx/modules", "/usr/local/lib/nginx/modules")
_LIMIT_S = 30.0


def free_port() -> int:
    """A port that is free now."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def program(name: str, package: str) -> str:
    """Path of a program; fails with the package that has it."""
    found = shutil.which(name, path="/usr/local/bin:/usr/bin:/usr/local/sbin:/usr/sbin:/opt/homebrew/bin")
    assert found, f"{name} is missing: install it, apt-get install {package} say"
    return found


@contextmanager
def process(command: Sequence[str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program in the background and end it by its handle."""
    with log.open("ab") as output:
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        try:
            yield child
        finally:
            child.terminate()
            try:
                child.wait(10)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait(10)


@contextmanager
def rtmp_server(directory: Path, port: int) -> Iterator[str]:
    """Run nginx on loopback with a prefix of its own; gives the address of its application ``live``."""
    nginx = program("nginx", "nginx")
    modules = [path for path in (Path(each, _MODULE) for each in _MODULE_DIRECTORIES) if path.is_file()]
    assert modules, f"{_MODULE} is missing: install it, apt-get install libnginx-mod-rtmp say"
    directory.mkdir(parents=True, exist_ok=True)
    configuration = directory / "nginx.conf"
    configuration.write_text(
        f"load_module {modules[0]};\n"
        "daemon off;\nmaster_process off;\n"
        f"pid {directory}/nginx.pid;\nerror_log {directory}/error.log;\n"
        "events { worker_connections 64; }\n"
        f"rtmp {{ server {{ listen 127.0.0.1:{port}; application live {{ live on; record off; }} }} }}\n"
    )
    command = [nginx, "-p", str(directory), "-e", str(directory / "error.log"), "-c", str(configuration)]
    with process(command, directory / "nginx.log") as child:
        wait_for_port(port, child, directory / "nginx.log")
        yield f"rtmp://127.0.0.1:{port}/live"


@contextmanager
def publisher(clip: Path, target: Sequence[str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Send the pictures of a clip again and again at their own speed, without coding them anew.

    Args:
        clip: a file of H.264.
        target: ffmpeg's arguments for where and as what it goes.
        log: for what ffmpeg says.
    """
    ffmpeg = program("ffmpeg", "ffmpeg")
    source = ["-hide_banner", "-loglevel", "warning", "-re", "-stream_loop", "-1", "-i", str(clip)]
    with process([ffmpeg, *source, "-an", "-c", "copy", *target], log) as child:
        yield child


class _QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - the name that it overrides
        pass


@contextmanager
def http_server(directory: Path) -> Iterator[str]:
    """Serve a directory over HTTP on loopback; gives the address."""
    with ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_QuietHandler, directory=str(directory))) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


def wait_for_port(port: int, child: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until a programme listens; fails with what it said if it ends before."""
    end = time.monotonic() + _LIMIT_S
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            assert child.poll() is None, f"it ended: {log.read_text()}"
            assert time.monotonic() < end, f"nothing listens: {log.read_text()}"
            time.sleep(0.05)
        else:
            return
