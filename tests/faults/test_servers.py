"""The same faults before real S3 servers over TLS: SeaweedFS, and rclone as the second opinion."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from random import Random
from urllib.parse import urlsplit

import pytest

from support.fault_agent import PRELOADED, Bench, Listening, pause
from support.fault_nursery import Nursery, nursery
from support.fault_table import FaultTable, scaled
from support.servers import S3Server, rclone, seaweedfs
from support.stills import WEBHOOK_SECRET
from support.tcp_proxy import TcpProxy

FAULT_S = scaled(1, 15)
KILLS = scaled(3, 40)
SERVERS = {"seaweedfs": seaweedfs, "rclone": rclone}
# The short form meets each server and each engine once.
ENGINES = {"seaweedfs": ("boto3", "obstore")[: scaled(1, 2)], "rclone": ("obstore", "boto3")[: scaled(1, 2)]}


@pytest.fixture(scope="module")
def children() -> Iterator[Nursery]:
    with nursery(*PRELOADED) as made:
        yield made


@pytest.fixture(scope="module")
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    running: AbstractContextManager[S3Server] = SERVERS[request.param](tmp_path_factory.mktemp(request.param))
    with running as made:
        yield made


@pytest.mark.parametrize(
    ("server", "engine"), [(name, engine) for name in sorted(SERVERS) for engine in ENGINES[name]], indirect=["server"]
)
def test_faults_of_the_network_and_kills_lose_nothing(
    children: Nursery,
    server: S3Server,
    engine: str,
    faults: FaultTable,
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> None:
    port = urlsplit(server.endpoint).port
    assert port is not None
    with TcpProxy(port) as proxy, Listening(secret=WEBHOOK_SECRET) as receiver:
        proxy.forward()
        bench = Bench(tmp_path, children, server, receiver, prefix=f"faults{engine}")
        bench.configure({"storage": {"endpoint": f"https://localhost:{proxy.port}", "engine": engine}})
        slowest = misery(bench, proxy)
        kill_again_and_again(bench, proxy)
        proxy.forward()
        bench.deliver_the_rest()
        bench.assert_all_delivered()
        faults.add(
            f"network faults and SIGKILL, {request.node.callspec.params['server']} over TLS, engine {engine}",
            how=f"proxy refuses, slows, loses answers, stalls, {FAULT_S} s each; then {KILLS} kills at random",
            times=4 + KILLS,
            happened=f"{len(bench.promised()):,} stills promised, stored with their bytes and announced; a new one "
            f"stored {slowest:.2f} s after a fault at most",
            held="conservation, purity, liveness, one requestId each",
        )


def misery(bench: Bench, proxy: TcpProxy) -> float:
    slowest = 0.0
    with bench.agent():
        bench.wait_for_live_still()
        for begin in (proxy.refuse, lambda: proxy.forward(20_000), proxy.lose_answers, proxy.stall):
            begin()
            pause(FAULT_S)
            proxy.cut()
            proxy.forward()
            slowest = max(slowest, bench.wait_for_live_still())
        bench.wait_until_drained()
    bench.assert_invariants()
    return slowest


def kill_again_and_again(bench: Bench, proxy: TcpProxy) -> None:
    random = Random(5)
    for _ in range(KILLS):
        random.choice((proxy.forward, proxy.lose_answers, lambda: proxy.forward(30_000)))()
        bench.start()
        bench.wait_for_promises(random.randint(1, 20))
        time.sleep(random.uniform(0.0, 0.05))  # not to wait for anything: to kill anywhere between two stills
        bench.kill()
