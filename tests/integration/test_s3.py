"""Delivery into real S3 servers: TLS with an own CA, checked signatures, and every refusal named."""

from __future__ import annotations

import hashlib
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from stillcast.callbacks import Notifier
from stillcast.config import StorageConfig
from stillcast.delivery import Delivery
from stillcast.receiver import Receiver
from stillcast.spool import State
from stillcast.spool.item import describe
from stillcast.storage import FailureKind, StorageFailure, object_metadata, open_store
from stillcast.storage.s3 import S3Store
from support.servers import (
    PUTTER_KEY,
    PUTTER_SECRET,
    SECRET_KEY,
    WRITER_KEY,
    WRITER_SECRET,
    S3Server,
    rclone,
    seaweedfs,
)
from support.stills import START, callback_config, make_spool, make_still, put

LONG_S = 60.0


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], S3Server]]:
    """Each server is started when the first test asks for it."""
    started: dict[str, S3Server] = {}
    with ExitStack() as stack:

        def get(name: str) -> S3Server:
            if name not in started:
                run = {"seaweedfs": seaweedfs, "rclone": rclone}[name]
                started[name] = stack.enter_context(run(tmp_path_factory.mktemp(name)))
            return started[name]

        yield get


@pytest.fixture(params=["seaweedfs", "rclone"])
def any_server(request: pytest.FixtureRequest, servers: Callable[[str], S3Server]) -> S3Server:
    return servers(request.param)


@pytest.fixture
def weed(servers: Callable[[str], S3Server]) -> S3Server:
    return servers("seaweedfs")


@pytest.fixture(params=["boto3", "obstore"])
def engine(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def config_of(server: S3Server, **changed: object) -> StorageConfig:
    return StorageConfig.model_validate(server.settings(**changed))


def failure_of(config: StorageConfig) -> StorageFailure:
    with closing(open_store(config)) as store, pytest.raises(StorageFailure) as failure:
        store.put(make_still().object_key, b"jpeg")
    assert failure.value.kind is FailureKind.DESTINATION
    assert "\n" not in str(failure.value)
    assert SECRET_KEY not in str(failure.value)
    return failure.value


def test_a_still_arrives_with_its_bytes_its_type_and_its_etag(any_server: S3Server, engine: str) -> None:
    still = make_still(cname="a/b c\u2603", uid="\U0001f600", jpeg=bytes(range(256)) * 180)
    with closing(open_store(config_of(any_server, engine=engine))) as store:
        for _ in range(2):  # a retry repeats the same object
            store.put(still.object_key, still.jpeg)
    assert [key for key in any_server.all_keys() if still.sid in key] == [still.object_key]
    found = any_server.get(still.object_key)
    assert (found["Body"], found["ContentType"]) == (still.jpeg, "image/jpeg")
    assert found["ETag"].strip('"') == hashlib.md5(still.jpeg).hexdigest()


def test_a_real_server_tells_the_facts_of_a_still_without_its_picture(weed: S3Server, engine: str) -> None:
    still = make_still(cname="a/b c\u2603", uid="\U0001f600", jpeg=b"x" * 25_000)
    item = describe(still, request_id="r", extra_info="")
    with closing(open_store(config_of(weed, engine=engine))) as store:
        store.put(still.object_key, still.jpeg, object_metadata(item))
    found = weed.client.head_object(Bucket=weed.bucket, Key=still.object_key)
    assert {name.lower(): value for name, value in found["Metadata"].items()} == {
        "cname": "a%2Fb%20c%E2%98%83",
        "uid": "%F0%9F%98%80",
        "sid": still.sid,
        "captured-at": "2020-12-16T08:11:28.672Z",
        "frame-age-ms": "12.500",
        "sha256": hashlib.sha256(still.jpeg).hexdigest(),
    }
    assert found["ContentType"] == "image/jpeg"


def test_a_real_server_keeps_the_newest_picture_of_a_feed_across_two_runs(
    weed: S3Server, engine: str, tmp_path: Path
) -> None:
    uid = f"newest-{engine}"
    key = f"test/latest/lobby/{uid}.jpg"

    def run(*numbers: int) -> int:
        store = open_store(config_of(weed, engine=engine, create_only=True))
        with make_spool(tmp_path / "spool") as spool:
            delivery = Delivery(spool, store, latest=store, clock=START.timestamp)
            delivery.start()
            for number in numbers:
                delivery.offer(put(spool, make_still(number, uid=uid, jpeg=b"picture %d" % number)))
                assert delivery.flush(LONG_S)
            delivery.stop(5.0)
            assert delivery.stats().latest_failed == 0
        found = weed.get(key)
        assert (found["ContentType"], found["CacheControl"]) == ("image/jpeg", "no-cache")
        assert found["Body"] == b"picture %d" % int(found["Body"].split()[1])
        return int(found["Body"].split()[1])

    assert run(5, 7, 6) == 7
    assert run(3, 6) == 7
    assert run(9, 8) == 9


def test_a_real_server_that_lets_us_put_alone_gets_newest_pictures_of_this_run(
    weed: S3Server, engine: str, tmp_path: Path
) -> None:
    uid = f"blind-{engine}"
    store = open_store(config_of(weed, engine=engine, access_key=PUTTER_KEY, secret_key=PUTTER_SECRET))
    with make_spool(tmp_path / "spool") as spool:
        put(spool, make_still(1, uid=uid))  # of a run before
        delivery = Delivery(spool, store, latest=store, clock=lambda: START.timestamp() + 5)
        delivery.start()
        assert delivery.flush(LONG_S)
        assert f"test/latest/lobby/{uid}.jpg" not in weed.all_keys("test/latest")
        delivery.offer(put(spool, make_still(6, uid=uid)))
        assert delivery.flush(LONG_S)
        delivery.stop(5.0)
        assert (delivery.stats().stored, delivery.stats().latest_failed) == (2, 0)
    assert f"test/latest/lobby/{uid}.jpg" in weed.all_keys("test/latest")


def test_an_etag_of_a_real_server_is_the_md5_of_what_it_has(any_server: S3Server, engine: str) -> None:
    still = make_still(jpeg=b"x" * 25_000)
    with closing(open_store(config_of(any_server, engine=engine, verify_digest=True))) as store:
        for _ in range(20):
            store.put(still.object_key, still.jpeg)


def test_a_server_with_conditions_keeps_what_it_has(weed: S3Server, engine: str) -> None:
    still = make_still(jpeg=b"first")
    with closing(open_store(config_of(weed, engine=engine, create_only=True))) as store:
        store.put(still.object_key, b"first")
        store.put(still.object_key, b"other")
    assert weed.get(still.object_key)["Body"] == b"first"


def test_many_stills_go_over_few_connections_and_all_arrive(any_server: S3Server, engine: str) -> None:
    stills = [make_still(number, uid=f"many-{engine}", jpeg=bytes([number]) * 25_000) for number in range(64)]
    with closing(open_store(config_of(any_server, engine=engine))) as store, ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda still: store.put(still.object_key, still.jpeg), stills))
    assert sorted(key for key in any_server.all_keys() if f"uid_s_many-{engine}_" in key) == sorted(
        still.object_key for still in stills
    )


def test_a_key_that_may_only_write_is_enough(weed: S3Server, engine: str) -> None:
    still = make_still()
    with closing(open_store(config_of(weed, access_key=WRITER_KEY, secret_key=WRITER_SECRET, engine=engine))) as store:
        store.put(still.object_key, still.jpeg)
    assert weed.get(still.object_key)["Body"] == still.jpeg


def test_a_wrong_secret_key_is_named(any_server: S3Server, engine: str) -> None:
    failure = failure_of(config_of(any_server, secret_key="wrong", engine=engine))
    assert failure.code == "SignatureDoesNotMatch"
    assert "mend storage.secret_key" in str(failure)


def test_an_unknown_access_key_is_named(weed: S3Server, engine: str) -> None:
    failure = failure_of(config_of(weed, access_key="NOBODY", engine=engine))
    assert failure.code == "InvalidAccessKeyId"
    assert "storage.access_key" in str(failure)
    assert "NOBODY" not in str(failure)


def test_a_missing_bucket_is_named(any_server: S3Server, engine: str) -> None:
    failure = failure_of(config_of(any_server, url="s3://no-such-bucket", engine=engine))
    assert failure.code == "NoSuchBucket"
    assert "s3://no-such-bucket at https://localhost:" in str(failure)
    assert "make the bucket" in str(failure)


def test_a_server_of_an_unknown_ca_is_not_trusted(any_server: S3Server, engine: str) -> None:
    failure = failure_of(config_of(any_server, ca_file=None, engine=engine))
    assert failure.code == "CertificateNotTrusted"
    assert "set storage.ca_file" in str(failure)


def test_a_clock_that_is_two_hours_off_is_named_with_how_much(weed: S3Server) -> None:
    with closing(S3Store(config_of(weed), clock=lambda: time.time() - 7200)) as store:
        with pytest.raises(
            StorageFailure, match=r"RequestTimeTooSkewed .*clock is (2 h|1 h 59 min) .*behind"
        ) as failure:
            store.put(make_still().object_key, b"jpeg")
        assert failure.value.kind is FailureKind.DESTINATION
        assert store.clock_skew_s == pytest.approx(7200, abs=5)


def test_the_clock_of_a_real_server_is_read(any_server: S3Server) -> None:
    with closing(S3Store(config_of(any_server))) as store:
        store.put(make_still().object_key, b"jpeg")
        assert store.clock_skew_s == pytest.approx(0, abs=5)


def test_stills_are_stored_and_announced_with_every_field_checked(
    any_server: S3Server, engine: str, tmp_path: Path
) -> None:
    stills = [make_still(number, jpeg=bytes([number]) * 45_000) for number in range(60)]
    with Receiver() as receiver, make_spool(tmp_path / "spool") as spool:
        notifier = Notifier(callback_config(receiver.url, extended=True))
        delivery = Delivery(spool, open_store(config_of(any_server, engine=engine)), notifier)
        delivery.start()
        for still in stills:
            delivery.offer(put(spool, still))
        assert delivery.flush(LONG_S)
        delivery.stop(5.0)
        assert receiver.problems == []
        announced = {still.object_key: still.still for still in receiver.received}
    assert announced.keys() == {still.object_key for still in stills}
    for still in stills:
        body = any_server.get(still.object_key)["Body"]
        assert body == still.jpeg
        facts = announced[still.object_key]
        assert facts is not None
        assert facts["sha256"] == hashlib.sha256(body).hexdigest()


def test_stills_wait_while_the_key_is_wrong_and_all_arrive_once_it_is_right(
    any_server: S3Server, tmp_path: Path
) -> None:
    stills = [make_still(number) for number in range(20)]
    with make_spool(tmp_path / "spool") as spool:
        refused = Delivery(spool, open_store(config_of(any_server, secret_key="wrong")))
        refused.start()
        for still in stills:
            refused.offer(put(spool, still))
        assert not refused.flush(1.0)
        assert "mend storage.secret_key" in str(refused.stats().parked)
        refused.stop(5.0)
        assert spool.counts()[State.READY] == 20
        mended = Delivery(spool, open_store(config_of(any_server)))
        mended.start()
        assert mended.flush(LONG_S)
        mended.stop(5.0)
    assert {still.object_key for still in stills} <= set(any_server.all_keys())


def test_a_kill_in_an_outage_of_the_store_loses_nothing_and_doubles_no_key(
    any_server: S3Server, tmp_path: Path
) -> None:
    code = """
import sys
sys.path[:0] = sys.argv[3:]
from stillcast.config import StorageConfig
from stillcast.delivery import Delivery
from stillcast.storage import open_store
from support.stills import make_spool, make_still, put
spool = make_spool(sys.argv[1])
spool.open()
config = StorageConfig(url="s3://test-artifacts", endpoint=sys.argv[2], access_key="key", secret_key="secret")
delivery = Delivery(spool, open_store(config))
delivery.start()
for number in range(100000):
    item = put(spool, make_still(number, uid="killed", jpeg=b"x" * 45000))
    delivery.offer(item)
    print(item.object_key, flush=True)
"""
    nobody = "http://localhost:9"  # the discard port: nobody listens
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path / "spool"), nobody, *sys.path], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    promised = [process.stdout.readline().strip() for _ in range(100)]
    process.send_signal(signal.SIGKILL)
    promised += process.stdout.read().split("\n")[:-1]
    process.stdout.close()
    assert process.wait() == -signal.SIGKILL

    with Receiver() as receiver, make_spool(tmp_path / "spool") as spool:
        waiting = spool.counts()[State.READY]
        delivery = Delivery(spool, open_store(config_of(any_server)), Notifier(callback_config(receiver.url)))
        delivery.start()
        assert delivery.flush(LONG_S)
        delivery.stop(5.0)
        announced = [still.object_key for still in receiver.received]
        assert receiver.problems == []
    stored = [key for key in any_server.all_keys() if "uid_s_killed__" in key]
    assert set(promised) <= set(stored)
    assert len(stored) == waiting <= len(promised) + 1
    assert sorted(announced) == sorted(stored)
