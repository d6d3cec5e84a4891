"""What one put of a still costs this process in CPU, by engine; run ``PYTHONPATH=tests python benchmarks/put_cost.py``.

Real stills of about 25 kB, eight threads, a server in a process of its own: the scripted front (plain and over TLS) or
SeaweedFS over TLS. The variants take turns in one run; what making the key and the threads cost is taken off.
``--profile`` prints where the time of our own engine goes. Compare within one run only.
"""

from __future__ import annotations

import argparse
import cProfile
import pstats
import ssl
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import av
import boto3
import numpy as np
import trustme
from botocore.config import Config

import stillcast
from stillcast.config import StorageConfig
from stillcast.storage import open_store
from support.clips import clip
from support.s3_front import S3Front
from support.servers import S3Server, seaweedfs
from support.stills import make_still

WORKERS = 8
QUALITY = 50  # bigbuckbunny has more detail than most live video
WARM = 64
Put = Callable[[str, bytes], object]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stills", type=int, default=800, help="a round and variant")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--profile", action="store_true")
    parser.add_argument("--serve", choices=["plain", "tls"], help=argparse.SUPPRESS)
    parser.add_argument("--directory", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve:
        serve(given.serve, given.directory)
        return
    bodies = stills()
    print(f"{len(bodies)} stills, {statistics.mean(map(len, bodies)) / 1000:.1f} kB each, {WORKERS} threads")
    for name, server in SERVERS.items():
        with ExitStack() as stack:
            settings = stack.enter_context(server())
            measure(name, settings, bodies, given.stills, given.rounds)
            if given.profile:
                profile(settings, bodies, given.stills)


def measure(server: str, settings: dict[str, object], bodies: list[bytes], count: int, rounds: int) -> None:
    with ExitStack() as stack:
        puts: dict[str, Put] = {name: make(settings, stack) for name, make in VARIANTS.items()}
        costs: dict[str, list[float]] = {name: [] for name in puts}
        nothing: list[float] = []
        for put in puts.values():
            run(put, bodies, WARM)
        for _ in range(rounds):
            nothing.append(run(lambda _key, _body: None, bodies, count))
            for name, put in puts.items():
                costs[name].append(run(put, bodies, count))
    base = statistics.median(nothing)
    for name, found in costs.items():
        middle, low, high = (value - base for value in (statistics.median(found), min(found), max(found)))
        print(f"{server:<18} {name:<22} {middle:.3f} ms of CPU a still ({low:.3f} to {high:.3f})")


def run(put: Put, bodies: list[bytes], count: int) -> float:
    """CPU of this process for one put, in ms."""

    def work(worker: int) -> None:
        for number in range(count // WORKERS):
            put(make_still(number, uid=str(worker)).object_key, bodies[number % len(bodies)])

    threads = [threading.Thread(target=work, args=(worker,)) for worker in range(WORKERS)]
    began = time.process_time()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return (time.process_time() - began) / count * 1000


def plain_boto3(settings: dict[str, object], stack: ExitStack) -> Put:
    client = boto3.session.Session().client(
        "s3",
        endpoint_url=settings["endpoint"],
        region_name=settings["region"],
        aws_access_key_id=settings["access_key"],
        aws_secret_access_key=settings["secret_key"],
        verify=settings.get("ca_file", True),
        config=Config(
            retries={"total_max_attempts": 1},
            s3={"addressing_style": "path"},
            max_pool_connections=WORKERS,
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        ),
    )
    stack.callback(client.close)
    return lambda key, body: client.put_object(Bucket="test-artifacts", Key=key, Body=body, ContentType="image/jpeg")


def ours(**changed: object) -> Callable[[dict[str, object], ExitStack], Put]:
    def make(settings: dict[str, object], stack: ExitStack) -> Put:
        store = open_store(StorageConfig.model_validate({**settings, **changed}), workers=WORKERS)
        stack.callback(store.close)
        return store.put

    return make


VARIANTS: dict[str, Callable[[dict[str, object], ExitStack], Put]] = {
    "plain boto3": plain_boto3,
    "ours": ours(),
    "ours, no digest": ours(verify_digest=False),
    "obstore": ours(engine="obstore"),
    "obstore, no digest": ours(engine="obstore", verify_digest=False),
}


def profile(settings: dict[str, object], bodies: list[bytes], count: int) -> None:
    with ExitStack() as stack:
        put = ours()(settings, stack)
        put(make_still().object_key, bodies[0])
        keys = [make_still(number).object_key for number in range(count)]
        with cProfile.Profile() as profiler:
            for number, key in enumerate(keys):
                put(key, bodies[number % len(bodies)])
    pstats.Stats(profiler).sort_stats("tottime").print_stats(16)


def stills() -> list[bytes]:
    """Stills of a real video, at a quality that makes them as large as those of most video."""
    made = []
    with av.open(str(clip("bigbuckbunny"))) as container:
        for number, frame in enumerate(container.decode(video=0)):
            if number % 8 == 0:
                large = frame.reformat(width=1920, height=1080, format="yuv420p").to_ndarray()
                still = stillcast.Frame.from_array(np.ascontiguousarray(large), "I420")
                made.append(stillcast.encode_still(still, quality=QUALITY).jpeg)
    return made


@contextmanager
def front(kind: str) -> Iterator[dict[str, object]]:
    with tempfile.TemporaryDirectory() as directory:
        command = [sys.executable, __file__, "--serve", kind, "--directory", directory]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            given = S3Front().settings(endpoint=process.stdout.readline().strip())
            yield {**given, "ca_file": f"{directory}/ca.pem"} if kind == "tls" else given
            process.stdin.close()


def serve(kind: str, directory: Path) -> None:
    tls = None
    if kind == "tls":
        authority = trustme.CA()
        authority.cert_pem.write_to_path(str(directory / "ca.pem"))
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("localhost").configure_cert(tls)
    with S3Front(tls=tls, keep_bodies=False) as server:
        print(server.endpoint, flush=True)
        sys.stdin.read()


@contextmanager
def weed() -> Iterator[dict[str, object]]:
    with tempfile.TemporaryDirectory() as directory, seaweedfs(Path(directory)) as server:
        assert isinstance(server, S3Server)
        yield server.settings()


SERVERS = {"front": lambda: front("plain"), "front, TLS": lambda: front("tls"), "SeaweedFS, TLS": weed}

if __name__ == "__main__":
    main()
