"""Connections to an S3 store: deadlines, reuse, bounds, forks, proxies; signatures held against botocore's."""

from __future__ import annotations

import os
import signal
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest
import trustme
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given
from hypothesis import strategies as st

from stillcast.storage import FailureKind
from stillcast.storage.s3 import Limits
from stillcast.storage.s3.answer import Answer, BrokenOffError, NotHttpError, read_answer
from stillcast.storage.s3.connection import Route
from stillcast.storage.s3.signing import Keys, Signer
from support import s3_faults
from support.connect_proxy import ConnectProxy
from support.s3_front import Behaviour, S3Front
from support.s3_stores import KEY, failed_put, kind_and_code, opened
from support.stills import wait_until

SHORT = Limits(connect_s=0.5, read_s=0.2, whole_s=0.5)
TEXT = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=40)


@pytest.fixture
def front() -> Iterator[S3Front]:
    with S3Front() as front:
        yield front


@given(
    access_key=TEXT,
    secret_key=TEXT,
    token=st.none() | TEXT,
    path=TEXT,
    now_s=st.integers(0, 4_000_000_000),
    body=st.binary(max_size=100),
    extra=st.dictionaries(st.sampled_from(["if-none-match", "x-amz-checksum-crc32", "content-type"]), TEXT),
)
def test_a_signature_is_the_one_that_botocore_makes(
    access_key: str, secret_key: str, token: str | None, path: str, now_s: int, body: bytes, extra: dict[str, str]
) -> None:
    plain = "/bucket/" + path.replace("?", "").replace("#", "")
    moment = datetime.fromtimestamp(now_s, UTC).strftime("%Y%m%dT%H%M%SZ")
    request = AWSRequest("PUT", f"https://host:1{plain}", headers=dict(extra), data=body)
    request.context["timestamp"] = moment
    theirs = S3SigV4Auth(Credentials(access_key, secret_key, token), "s3", "eu-west-1")
    theirs._modify_request_before_signing(request)
    digest = request.headers["X-Amz-Content-SHA256"]
    text = theirs.string_to_sign(request, theirs.canonical_request(request))
    theirs._inject_signature_to_request(request, theirs.signature(text, request))

    ours = Signer("eu-west-1")
    for _ in range(2):  # the second time with the key of the day at hand
        signed = ours.sign(
            "PUT",
            plain,
            {"host": "host:1", **extra},
            sha256=digest,
            keys=Keys(access_key, secret_key, token),
            now_s=float(now_s),
        )
        assert signed["authorization"] == request.headers["Authorization"]


def test_a_signer_follows_new_keys_and_a_new_day() -> None:
    signer = Signer("us-east-1")

    def signature(secret: str, now_s: float) -> str:
        return signer.sign("PUT", "/", {"host": "h"}, sha256="0", keys=Keys("A", secret), now_s=now_s)["authorization"]

    first = signature("one", 0.0)
    assert len({first, signature("two", 0.0), signature("one", 86400.0)}) == 3
    assert signature("one", 0.0) == first


@pytest.mark.parametrize(
    ("behaviour", "code"),
    [
        (s3_faults.stall(), "ReadTimeoutError"),
        (s3_faults.drip(0.05), "DeadlineExceeded"),
        (s3_faults.drip(0.05, s3_faults.refuse("AccessDenied", 403)), "DeadlineExceeded"),
        (s3_faults.answer_late_after_storing(), "ReadTimeoutError"),
    ],
    ids=["silent", "drips", "drips-refusal", "stored"],
)
def test_no_put_outlasts_its_deadline_however_the_bytes_drip(front: S3Front, behaviour: Behaviour, code: str) -> None:
    front.behave(behaviour)
    with opened(front, limits=SHORT) as store:
        assert kind_and_code(failed_put(store)) == (FailureKind.PASSING, code)
        wait_until(lambda: front.open_connections == 0, "the end of the connection")
        front.heal()
        store.put(KEY, b"jpeg")


def test_the_wait_for_a_silent_server_is_cut_to_what_is_left_of_the_deadline(front: S3Front, engine: str) -> None:
    front.behave(s3_faults.stall(5.0, s3_faults.good))
    with opened(front, engine=engine, limits=Limits(read_s=60.0, whole_s=0.3)) as store:
        assert failed_put(store).kind is FailureKind.PASSING
    assert not front.objects


def test_a_server_that_does_not_read_costs_no_more_than_the_deadline(front: S3Front) -> None:
    let_go = threading.Event()

    def deaf(exchange: object) -> object:
        let_go.wait(30)
        raise s3_faults.Cut

    front.behave(deaf)  # type: ignore[arg-type]
    with opened(front, limits=SHORT) as store:
        assert failed_put(store, body=b"x" * 30_000_000).kind is FailureKind.PASSING
    let_go.set()


def test_a_connection_is_used_again_and_again(front: S3Front) -> None:
    with opened(front) as store:
        for number in range(20):
            front.behave(s3_faults.refuse("InternalError", 500) if number % 2 else s3_faults.good)
            if number % 2:
                failed_put(store)
            else:
                store.put(KEY, b"jpeg")
    assert front.connections == 1


@pytest.mark.parametrize("cut", [s3_faults.break_idle_connection, s3_faults.good], ids=["after-answer", "later"])
def test_a_connection_that_the_server_closed_while_it_was_idle_is_no_failure(front: S3Front, cut: Behaviour) -> None:
    front.behave(cut, s3_faults.good)
    with opened(front) as store:
        store.put(KEY, b"jpeg")
        front.cut_connections()
        wait_until(lambda: front.open_connections == 0, "the end of the connection")
        store.put(KEY, b"jpeg")
    assert front.connections == 2
    assert len(front.facts) == 2


def test_a_fresh_connection_that_breaks_is_not_tried_again(front: S3Front) -> None:
    front.behave(s3_faults.reset)
    with opened(front) as store:
        failed_put(store)
    assert len(front.facts) == 1


def test_a_timeout_on_a_kept_connection_is_not_tried_again(front: S3Front) -> None:
    front.behave(s3_faults.good, s3_faults.stall())
    with opened(front, limits=SHORT) as store:
        store.put(KEY, b"jpeg")
        failed_put(store)
    assert len(front.facts) == 2


def test_idle_connections_are_closed_by_tending_and_none_is_used_that_was_idle_for_long(front: S3Front) -> None:
    with opened(front, limits=Limits(idle_s=0.05)) as store:
        store.put(KEY, b"jpeg")
        time.sleep(0.06)
        store.put(KEY, b"jpeg")
        assert front.connections == 2
        store.tend()
        time.sleep(0.06)
        store.tend()
        wait_until(lambda: front.open_connections == 0, "the end of idle connections")


def test_nothing_grows_over_thousands_of_failures(front: S3Front) -> None:
    front.behave(
        s3_faults.sometimes(
            0.3, s3_faults.reset, s3_faults.sometimes(0.5, s3_faults.refuse("InternalError", 500), seed=2)
        )
    )
    outcomes: list[bool] = []
    with opened(front, workers=4) as store:

        def work() -> None:
            for _ in range(500):
                try:
                    store.put(KEY, b"jpeg")
                except Exception:
                    outcomes.append(False)
                else:
                    outcomes.append(True)

        before = threading.active_count(), _descriptors()
        workers = [threading.Thread(target=work) for _ in range(4)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        assert len(outcomes) == 2000
        assert 100 < sum(outcomes) < 1900
        assert front.open_connections <= 4
        wait_until(lambda: threading.active_count() <= before[0] + 4, "the end of the front's threads")
        # Each connection has two ends here, the client's and the front's.
        wait_until(lambda: _descriptors() <= before[1] + 8, "the end of the sockets")
    wait_until(lambda: front.open_connections == 0, "the end of the connections")


def test_a_store_that_is_closed_during_a_put_keeps_no_connection(front: S3Front) -> None:
    go_on = threading.Event()
    front.behave(s3_faults.stall_until(go_on))
    with opened(front) as store:
        worker = threading.Thread(target=store.put, args=(KEY, b"jpeg"))
        worker.start()
        wait_until(lambda: len(front.facts) == 1, "the put")
        store.close()
        go_on.set()
        worker.join()
        wait_until(lambda: front.open_connections == 0, "the end of the connection")
    assert front.objects[KEY].body == b"jpeg"


def test_a_forked_child_has_connections_of_its_own_and_leaves_the_parents_alone(front: S3Front) -> None:
    with opened(front) as store:
        store.put(KEY, b"jpeg")
        life = store._clients._life()
        life.mutex.acquire()  # as if another thread were just making a client
        child = os.fork()
        if child == 0:
            status = 1
            signal.alarm(20)  # a child that waits for its parent's lock would wait for ever
            try:
                store.put(KEY, b"child")
                store.close()
                status = 0
            finally:
                os._exit(status)
        life.mutex.release()
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        store.put(KEY, b"parent")
    assert [fact.connection for fact in front.facts] == [1, 2, 1]


def test_proxies_of_the_environment_are_used_and_told(front: S3Front, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", f"http://us%40er:pass@localhost:{front.port}")
    with opened(front, endpoint="http://elsewhere.invalid:8333", allow_http=True) as store:
        store.put(KEY, b"jpeg")
        (fact,) = front.facts
        assert str(fact.request.proxied).startswith("http://elsewhere.invalid:8333/test-artifacts/")
        assert fact.request.headers["proxy-authorization"] == "Basic dXNAZXI6cGFzcw=="
    monkeypatch.setenv("no_proxy", "localhost")
    with opened(front) as store:
        store.put(KEY, b"jpeg")
        assert front.facts[-1].request.proxied is None


@pytest.mark.parametrize("is_encrypted", [False, True], ids=["http-proxy", "https-proxy"])
def test_a_tunnel_through_a_proxy_is_end_to_end_encrypted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_encrypted: bool
) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    contexts = [ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER) for _ in range(2)]
    authority.issue_cert("elsewhere.invalid").configure_cert(contexts[0])
    authority.issue_cert("localhost").configure_cert(contexts[1])
    with (
        S3Front(tls=contexts[0]) as front,
        ConnectProxy(front.port, tls=contexts[1] if is_encrypted else None) as proxy,
    ):
        scheme = "https" if is_encrypted else "http"
        monkeypatch.setenv("https_proxy", f"{scheme}://user:pass@localhost:{proxy.port}")
        with opened(front, endpoint="https://elsewhere.invalid:8333", ca_file=tmp_path / "ca.pem") as store:
            for _ in range(3):
                store.put(KEY, b"x" * 100_000)
        assert front.objects[KEY].writes == 3
        (head,) = proxy.heads
        assert head.startswith("CONNECT elsewhere.invalid:8333 HTTP/1.1\r\n")
        assert "Proxy-Authorization: Basic dXNlcjpwYXNz\r\n" in head


def test_a_proxy_that_refuses_passes_and_is_named(monkeypatch: pytest.MonkeyPatch, front: S3Front) -> None:
    with ConnectProxy(front.port, status=407) as proxy:
        monkeypatch.setenv("https_proxy", f"localhost:{proxy.port}")
        with opened(front, endpoint="https://elsewhere.invalid") as store:
            failure = failed_put(store)
    assert kind_and_code(failure) == (FailureKind.PASSING, "ProxyConnectionError")
    assert "HTTPS_PROXY" in str(failure)


@pytest.mark.parametrize(
    ("url", "host"),
    [("https://h:443", "h"), ("http://h:80", "h"), ("https://H:80", "h:80"), ("http://[::1]:9000", "[::1]:9000")],
)
def test_the_host_is_named_without_the_schemes_own_port(url: str, host: str) -> None:
    assert Route(url).host == host


def _descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def read(*pieces: bytes) -> Answer:
    left = list(pieces)
    return read_answer(lambda: left.pop(0) if left else b"")


@given(st.integers(1, 60))
def test_an_answer_reads_the_same_however_it_is_cut(size: int) -> None:
    whole = (
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 403 Forbidden\r\nDate: today\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"4;x=y\r\n<Cod\r\nB\r\ne>Denied</C\r\n0\r\nTrailer: 1\r\n\r\n"
    )
    answer = read(*[whole[at : at + size] for at in range(0, len(whole), size)])
    assert (answer.status, answer.body, answer.keeps) == (403, b"<Code>Denied</C", True)
    assert answer.headers["date"] == "today"


@pytest.mark.parametrize(
    ("whole", "body", "keeps"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab", b"ab", True),
        (b"HTTP/1.1 200\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", b"", False),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", b"", False),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\nConnection: Keep-Alive\r\n\r\n", b"", True),
        (b"HTTP/1.1 200 OK\r\n\r\nto the end", b"to the end", False),
        (b"HTTP/1.1 204 No Content\r\n\r\n", b"", True),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nmore", b"", False),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 70000\r\n\r\n" + b"x" * 70000, b"x" * 65536, False),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffff\r\n" + b"x" * 70000, b"x" * 65536, False),
    ],
)
def test_where_an_answer_ends_and_whether_another_may_follow(whole: bytes, body: bytes, keeps: bool) -> None:
    answer = read(whole)
    assert (answer.body, answer.keeps) == (body, keeps)


@pytest.mark.parametrize(
    "whole",
    [
        b"SSH-2.0-x\r\n",
        b"HTTP/2 200 OK\r\n\r\n",
        b"HTTP/1.1 abc\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffff\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 20_000,
    ],
)
def test_what_is_no_answer_is_told_from_one_that_broke_off(whole: bytes) -> None:
    with pytest.raises(NotHttpError):
        read(whole)
    for cut in (b"", b"HTTP/1.1 200 OK\r\nContent-", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc"):
        with pytest.raises(BrokenOffError):
            read(cut)


@given(st.binary(max_size=300))
def test_no_bytes_that_a_server_sends_make_anything_else(whole: bytes) -> None:
    for prefix in (b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"):
        with suppress(NotHttpError, BrokenOffError):
            read(prefix + whole)
