"""Stores: the directory on a real file system, S3 against scripted answers on loopback."""

from __future__ import annotations

import errno
import hashlib
import os
import ssl
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import trustme

from stillcast.config import StorageConfig
from stillcast.storage import DirectoryStore, FailureKind, StorageFailure, open_store
from stillcast.storage.failures import kind_of, way_out
from stillcast.storage.s3 import S3Store
from support.callback_server import CallbackServer, Talk, answer, reset
from support.canaries import ACCESS_KEY, SECRET_KEY
from support.stills import make_still, storage_config

KEY = make_still(sid="ab" * 16).object_key
STORED = answer(200, b"", 'ETag: "1"')


def s3_config(endpoint: str | None, **changed: object) -> StorageConfig:
    given = {"access_key": ACCESS_KEY, "secret_key": SECRET_KEY, "region": "eu-west-1", "endpoint": endpoint, **changed}
    return storage_config("s3://stills-bucket", **given)


def s3_error(status: int, code: str, extra: str = "", *headers: str) -> Talk:
    message = f"quoting {ACCESS_KEY} and {SECRET_KEY}\nin two lines"
    body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>{message}</Message>{extra}</Error>"
    return answer(status, body.encode(), "Content-Type: application/xml", *headers)


def put_to(talk: Talk, **changed: object) -> StorageFailure:
    """The failure of one put against a scripted answer, which has to take exactly one request."""
    with CallbackServer(talk) as server:
        store = S3Store(s3_config(endpoint_of(server), **changed))
        with pytest.raises(StorageFailure) as failure:
            store.put(KEY, b"jpeg")
        store.close()
        assert len(server.requests) == 1
    text = str(failure.value)
    assert "\n" not in text
    assert ACCESS_KEY not in text
    assert SECRET_KEY not in text
    return failure.value


def endpoint_of(server: CallbackServer) -> str:
    return server.url.split("/stills")[0]


def test_a_key_becomes_a_path_below_the_directory(tmp_path: Path) -> None:
    store = open_store(storage_config((tmp_path / "a" / "b").as_uri()))
    store.put(KEY, b"jpeg")
    assert (tmp_path / "a" / "b" / KEY).read_bytes() == b"jpeg"
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == [KEY.rsplit("/", 1)[1]]
    store.close()


def test_putting_again_repeats_the_file(tmp_path: Path) -> None:
    store = DirectoryStore(tmp_path)
    for _ in range(2):
        store.put(KEY, b"jpeg")
    assert (tmp_path / KEY).read_bytes() == b"jpeg"


def test_nobody_ever_sees_a_part_of_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[bool, int]] = []
    replace = Path.replace

    def spy(self: Path, target: Path) -> Path:
        seen.append((target.exists(), self.stat().st_size))
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", spy)
    DirectoryStore(tmp_path).put(KEY, b"x" * 100_000)
    assert seen == [(False, 100_000)]


def test_what_a_crash_left_half_written_is_taken_over_by_the_next_put(tmp_path: Path) -> None:
    part = tmp_path / KEY
    part.parent.mkdir(parents=True)
    draft = part.with_name(f".{hashlib.sha256(KEY.encode()).hexdigest()[:32]}.part")
    draft.write_bytes(b"x" * 1000)
    DirectoryStore(tmp_path).put(KEY, b"jpeg")
    assert part.read_bytes() == b"jpeg"
    assert not draft.exists()


@pytest.mark.parametrize("key", ["../x.jpg", "a/../../x.jpg", "/etc/x.jpg", "a//x.jpg", "", ".", "a/.", "a\0b"])
def test_a_key_that_would_leave_the_directory_is_refused(tmp_path: Path, key: str) -> None:
    with pytest.raises(StorageFailure, match="would leave the directory") as failure:
        DirectoryStore(tmp_path / "store").put(key, b"jpeg")
    assert failure.value.kind is FailureKind.ITEM
    assert list(tmp_path.rglob("*")) == []


def test_a_name_too_long_for_a_file_is_the_items_own_failure(tmp_path: Path) -> None:
    key = make_still(cname="\U0001f600" * 30).object_key
    with pytest.raises(StorageFailure, match="longer than the 255 bytes of a file name") as failure:
        DirectoryStore(tmp_path).put(key, b"jpeg")
    assert (failure.value.kind, failure.value.code) == (FailureKind.ITEM, "KeyTooLongError")


def test_a_file_in_the_way_is_named_and_parks_the_store(tmp_path: Path) -> None:
    (tmp_path / "test").write_text("in the way")
    with pytest.raises(StorageFailure, match=rf"{tmp_path}: cannot store: .*: a file is in the way") as failure:
        DirectoryStore(tmp_path).put(KEY, b"jpeg")
    assert failure.value.kind is FailureKind.DESTINATION


@pytest.mark.parametrize(
    ("number", "kind", "code"),
    [
        (errno.ENOSPC, FailureKind.DESTINATION, "ENOSPC"),
        (errno.EROFS, FailureKind.DESTINATION, "EROFS"),
        (errno.EIO, FailureKind.PASSING, "EIO"),
    ],
)
def test_a_failing_disk_is_named_and_leaves_no_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, kind: FailureKind, code: str
) -> None:
    def fail(_self: Path, _target: Path) -> Path:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(StorageFailure, match=os.strerror(number)) as failure:
        DirectoryStore(tmp_path).put(KEY, b"jpeg")
    assert (failure.value.kind, failure.value.code) == (kind, code)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_directory_that_is_to_survive_power_loss_syncs_file_and_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[bool] = []
    monkeypatch.setattr(os, "fsync", lambda fd: synced.append(stat.S_ISDIR(os.fstat(fd).st_mode)))
    open_store(storage_config(tmp_path.as_uri()), sync=True).put(KEY, b"jpeg")
    assert synced == [False, True]
    open_store(storage_config(tmp_path.as_uri())).put(KEY, b"jpeg")
    assert synced == [False, True]


def test_a_directory_needs_no_boto3() -> None:
    code = "import sys; sys.path[:] = sys.argv[1:]; import stillcast.delivery; print('boto3' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code, *sys.path], capture_output=True, text=True, check=True)
    assert run.stdout == "False\n"


def test_s3_gets_the_bytes_under_bucket_and_key_in_one_request() -> None:
    with CallbackServer(STORED) as server:
        store = open_store(s3_config(endpoint_of(server)))
        store.put(KEY, b"jpeg")
        store.close()
    (request,) = server.requests
    assert request.line == f"PUT /stills-bucket/{KEY} HTTP/1.1"
    assert (request.body, request.headers["content-type"]) == (b"jpeg", "image/jpeg")
    assert f"Credential={ACCESS_KEY}/" in request.headers["authorization"]
    assert "/eu-west-1/s3/aws4_request" in request.headers["authorization"]
    assert "x-amz-checksum-crc32" not in request.headers


def test_a_percent_sign_of_a_key_is_encoded_once_more_on_the_wire() -> None:
    key = make_still(cname="a b").object_key
    assert "a%20b" in key
    with CallbackServer(STORED) as server:
        S3Store(s3_config(endpoint_of(server))).put(key, b"jpeg")
    assert "_a%2520b__" in server.requests[0].line


def test_virtual_style_puts_the_bucket_into_the_host() -> None:
    url = (
        S3Store(s3_config("http://localhost:1", addressing="virtual"))
        ._ready_client()
        .generate_presigned_url("put_object", Params={"Bucket": "stills-bucket", "Key": KEY})
    )
    assert url.startswith(f"http://stills-bucket.localhost:1/{KEY}")


def test_amazon_is_addressed_by_region_and_virtual_style() -> None:
    url = (
        S3Store(s3_config(None))
        ._ready_client()
        .generate_presigned_url("put_object", Params={"Bucket": "stills-bucket", "Key": KEY})
    )
    assert url.startswith(f"https://stills-bucket.s3.eu-west-1.amazonaws.com/{KEY}")


def test_the_client_is_made_once_by_several_threads_and_no_thread_waits_for_a_connection() -> None:
    with CallbackServer(STORED) as server:
        store = S3Store(s3_config(endpoint_of(server)), workers=8)
        threads = [threading.Thread(target=store.put, args=(KEY, b"jpeg")) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(server.requests) == 8
        assert store._ready_client().meta.config.max_pool_connections == 8
        store.close()


@pytest.mark.parametrize(
    ("status", "code", "kind", "words"),
    [
        (503, "SlowDown", FailureKind.PASSING, "try again later"),
        (500, "InternalError", FailureKind.PASSING, "try again later"),
        (429, "TooManyRequests", FailureKind.PASSING, "try again later"),
        (400, "RequestTimeout", FailureKind.PASSING, "try again later"),
        (400, "BadDigest", FailureKind.PASSING, "try again later"),
        (403, "AccessDenied", FailureKind.DESTINATION, "allow s3:PutObject"),
        (403, "InvalidAccessKeyId", FailureKind.DESTINATION, "storage.access_key"),
        (403, "SignatureDoesNotMatch", FailureKind.DESTINATION, "storage.secret_key"),
        (400, "ExpiredToken", FailureKind.DESTINATION, "storage.session_token"),
        (403, "RequestTimeTooSkewed", FailureKind.DESTINATION, "clock"),
        (404, "NoSuchBucket", FailureKind.DESTINATION, "make the bucket"),
        (507, "XMinioStorageFull", FailureKind.DESTINATION, "free space"),
        (501, "NotImplemented", FailureKind.DESTINATION, "documentation"),
        (400, "NeverSeenBefore", FailureKind.DESTINATION, "documentation"),
        (400, "KeyTooLongError", FailureKind.ITEM, "shorten storage.prefix, cname or uid"),
        (400, "EntityTooLarge", FailureKind.ITEM, "capture.max_size"),
    ],
)
def test_each_answer_of_a_store_is_sorted_and_says_what_to_do(
    status: int, code: str, kind: FailureKind, words: str
) -> None:
    failure = put_to(s3_error(status, code))
    assert (failure.kind, failure.code) == (kind, code)
    assert words in str(failure)
    assert "s3://stills-bucket at http://localhost:" in str(failure)
    assert "(region eu-west-1)" in str(failure)


@pytest.mark.parametrize(
    "talk",
    [
        s3_error(400, "AuthorizationHeaderMalformed", "<Region>ap-south-1</Region>"),
        s3_error(301, "PermanentRedirect", "<Endpoint>elsewhere</Endpoint>", "x-amz-bucket-region: ap-south-1"),
        s3_error(400, "IllegalLocationConstraintException", "", "x-amz-bucket-region: ap-south-1"),
    ],
    ids=["malformed", "redirect", "constraint"],
)
def test_a_wrong_region_is_told_with_the_right_one_and_not_silently_worked_around(talk: Talk) -> None:
    failure = put_to(talk)
    assert failure.kind is FailureKind.DESTINATION
    assert str(failure).endswith("the region is wrong: set storage.region to ap-south-1")


def test_a_wrong_region_without_the_right_one_in_the_answer_is_told_too() -> None:
    failure = put_to(s3_error(400, "AuthorizationHeaderMalformed"))
    assert str(failure).endswith("the region is wrong: set storage.region to the one that the bucket is in")


def test_what_an_answer_says_cannot_break_the_line_or_grow_it() -> None:
    failure = put_to(s3_error(400, "Two\nlines\x1b[31m" + "x" * 500))
    assert len(failure.code) <= 64
    assert len(str(failure)) < 400
    assert "\x1b" not in str(failure)


def test_a_plain_answer_without_a_code_is_sorted_by_its_status() -> None:
    assert put_to(answer(502, b"<html>Bad Gateway</html>", "Content-Type: text/html")).kind is FailureKind.PASSING
    refused = put_to(answer(403, b"", "Content-Type: text/html"))
    assert (refused.kind, refused.code) == (FailureKind.DESTINATION, "HTTP403")


def test_a_cut_connection_and_a_port_where_nobody_listens_pass() -> None:
    assert put_to(reset).kind is FailureKind.PASSING
    with CallbackServer(STORED) as server:
        endpoint = endpoint_of(server)
    with pytest.raises(StorageFailure, match=r"cannot connect \(Endpoint\w+\): check storage.endp") as failure:
        S3Store(s3_config(endpoint)).put(KEY, b"jpeg")
    assert failure.value.kind is FailureKind.PASSING


def test_a_certificate_of_an_unknown_ca_parks_and_its_file_mends_it(tmp_path: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    with CallbackServer(STORED, tls=context) as server:
        with pytest.raises(StorageFailure, match=r"certificate is not trusted: .*set storage.ca_file") as failure:
            S3Store(s3_config(endpoint_of(server))).put(KEY, b"jpeg")
        assert (failure.value.kind, failure.value.code) == (FailureKind.DESTINATION, "CertificateNotTrusted")
        assert server.requests == []
        S3Store(s3_config(endpoint_of(server), ca_file=tmp_path / "ca.pem")).put(KEY, b"jpeg")
        assert len(server.requests) == 1


def test_missing_credentials_are_told_and_boto3s_own_chain_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")
    with CallbackServer(STORED) as server:
        config = storage_config("s3://stills-bucket", endpoint=endpoint_of(server))
        store = S3Store(config)
        with pytest.raises(StorageFailure, match="no usable credentials were found") as failure:
            store.put(KEY, b"jpeg")
        assert failure.value.kind is FailureKind.DESTINATION
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "FROMCHAIN")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
        S3Store(config).put(KEY, b"jpeg")
        assert "Credential=FROMCHAIN/" in server.requests[0].headers["authorization"]


def test_every_way_out_belongs_to_a_kind_that_needs_one() -> None:
    assert way_out("SlowDown", kind_of("SlowDown", 503)) == "try again later"
    assert kind_of("", 500) is FailureKind.PASSING
    assert kind_of("", 403) is FailureKind.DESTINATION
    assert kind_of("", 418) is FailureKind.DESTINATION
