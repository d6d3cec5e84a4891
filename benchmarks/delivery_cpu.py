"""What the delivery costs besides the store's own put: CPU a still, of every thread but the one that spools.

    python benchmarks/delivery_cpu.py [--stills 2000] [--rate 200] [--also DIRECTORY]

Three ways: without a callback, with a notifier that does nothing, with the real one against a server in another
process. Each paced, as stills come from feeds, and as a backlog that is drained. ``--also`` names the ``python``
directory of another state of this repository; runs then alternate between the two, because figures of different
moments on a shared machine do not compare.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import os
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from multiprocessing.connection import Connection
from pathlib import Path

from aiohttp import web

from stillcast.callbacks import Notifier
from stillcast.config import CallbackConfig
from stillcast.delivery import Delivery
from stillcast.naming import format_object_key, new_sid
from stillcast.spool import Spool, SpoolItem
from stillcast.stills import Still

_WAYS = ("store", "fake callback", "callback")
_JPEG_BYTES = 30_000
_PATIENCE_S = 120.0


class InstantStore:
    clock_skew_s = None

    def put(self, key: str, body: bytes) -> None: ...

    def tend(self) -> None: ...

    def close(self) -> None: ...


class InstantNotifier:
    async def start(self) -> None: ...

    def body(self, _item: object) -> bytes:
        return b""

    async def notify(self, _body: bytes, _request_id: str) -> tuple[str, ...]:
        return ()

    async def close(self) -> None: ...


def measure(way: str, stills: int, rate: float | None, url: str) -> float:
    """Microseconds of CPU a still; a backlog where ``rate`` is None."""
    notifiers = {"store": lambda: None, "fake callback": InstantNotifier}
    notifiers["callback"] = lambda: Notifier(CallbackConfig.model_validate({"url": url}))
    with (
        tempfile.TemporaryDirectory() as directory,
        Spool(Path(directory) / "spool", max_bytes=1 << 40, max_age_s=1e6) as spool,
    ):
        delivery = Delivery(spool, InstantStore(), notifiers[way]())
        if rate is None:
            for number in range(stills):
                spool_one(spool, number)
        all_cpu, own_cpu = time.process_time(), time.thread_time()
        delivery.start()
        if rate is not None:
            began = time.perf_counter()
            for number in range(stills):
                time.sleep(max(0.0, began + number / rate - time.perf_counter()))
                delivery.offer(spool_one(spool, number))
        if not delivery.flush(_PATIENCE_S):
            raise SystemExit(f"not delivered: {delivery.stats()}")
        cpu = (time.process_time() - all_cpu) - (time.thread_time() - own_cpu)
        delivery.stop(10.0)
    return cpu / stills * 1e6


def spool_one(spool: Spool, number: int) -> SpoolItem:
    sid, captured_at = new_sid(), datetime.now(UTC) + timedelta(milliseconds=number)
    still = Still(
        jpeg=os.urandom(_JPEG_BYTES),
        width=640,
        height=360,
        mean_luma=100.0,
        luma_deviation=40.0,
        dhash=1,
        sid=sid,
        cname="lobby",
        uid="91",
        captured_at=captured_at,
        frame_age_ms=1.0,
        lateness_ms=1.0,
        source_width=1920,
        source_height=1080,
        object_key=format_object_key(prefix=("a",), sid=sid, cname="lobby", uid="91", captured_at=captured_at),
    )
    return spool.put(still, request_id=f"{sid}_1_{'ab' * 16}", extra_info="")


def serve(port: Connection) -> None:
    """A callback server that answers at once, until it is terminated."""

    async def answer(request: web.Request) -> web.Response:
        await request.read()
        return web.Response(text="{}", content_type="application/json")

    async def run() -> None:
        app = web.Application()
        app.router.add_post("/stills", answer)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port.send(runner.addresses[0][1])
        await asyncio.Event().wait()

    asyncio.run(run())


@contextmanager
def server() -> Iterator[str]:
    here, there = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=serve, args=(there,), daemon=True)
    process.start()
    try:
        yield f"http://127.0.0.1:{here.recv()}/stills"
    finally:
        process.terminate()
        process.join()


def one_run(python: Path, stills: int, rate: float, url: str) -> dict[str, float]:
    """Every way once, in a process of its own."""
    # -S: an editable installation would be found before PYTHONPATH.
    command = [sys.executable, "-S", __file__, "--stills", str(stills), "--rate", str(rate), "--child", url]
    environment = {**os.environ, "PYTHONPATH": f"{python}:{sysconfig.get_path('purelib')}"}
    return json.loads(subprocess.run(command, env=environment, check=True, capture_output=True).stdout)


def main() -> None:
    here = Path(__file__).parents[1] / "python"
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stills", type=int, default=2000)
    parser.add_argument("--rate", type=float, default=200.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--also", type=Path)
    parser.add_argument("--child", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        rates = {"paced": given.rate, "backlog": None}
        print(
            json.dumps(
                {
                    f"{way}, {name}": measure(way, given.stills, rate, given.child)
                    for way in _WAYS
                    for name, rate in rates.items()
                }
            )
        )
        return
    trees = [tree for tree in (given.also, here) if tree is not None]
    with server() as url:
        runs = [(tree, one_run(tree, given.stills, given.rate, url)) for _ in range(given.rounds) for tree in trees]
    for name in runs[0][1]:
        medians = [statistics.median(run[name] for at, run in runs if at == tree) for tree in trees]
        print(f"{name:24}" + "".join(f"{median:8.0f} us" for median in medians))


if __name__ == "__main__":
    main()
