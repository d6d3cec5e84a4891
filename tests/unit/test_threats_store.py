"""What a store, or whoever sits before it, can not do to us."""

from __future__ import annotations

import asyncio
import logging
import traceback
import tracemalloc
from pathlib import Path

import pytest
import trustme

from stillcast.redaction import LogRedaction, Redactor
from stillcast.storage import FailureKind, StorageFailure, open_store
from support import certificates
from support.callback_server import CallbackServer, Talk, answer
from support.canaries import ACCESS_KEY, SECRET_KEY, SESSION_TOKEN, found_in
from support.stills import make_still, storage_config

KEY = make_still(sid="ab" * 16).object_key
KEYS = {"access_key": ACCESS_KEY, "secret_key": SECRET_KEY, "session_token": SESSION_TOKEN, "region": "us-east-1"}
LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
BOMB = f'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY l0 "ha">{LAUGHS}]><Error><Code>&l9;</Code></Error>'.encode()
OUTSIDE = (
    b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/hostname">]><Error><Code>&f;</Code></Error>'
)
DEEP = b"<Error>" + b"<a>" * 20_000 + b"</a>" * 20_000 + b"</Error>"


def put_to(talk: Talk, endpoint: str | None = None) -> StorageFailure:
    """One put that fails."""
    with CallbackServer(talk) as server:
        address = endpoint or server.url.partition("/stills")[0]
        store = open_store(storage_config("s3://stills-bucket", endpoint=address, **KEYS))
        with pytest.raises(StorageFailure) as failure:
            store.put(KEY, b"jpeg")
        store.close()
    return failure.value


@pytest.mark.parametrize("status", [200, 400, 503])
@pytest.mark.parametrize("body", [BOMB, OUTSIDE, DEEP], ids=["billion laughs", "outside entity", "deep"])
def test_xml_made_to_break_the_parser_is_one_failure(body: bytes, status: int) -> None:
    if status == 200:  # what a good answer says is not read
        with CallbackServer(answer(status, body, 'ETag: "1"')) as server:
            config = storage_config(
                "s3://stills-bucket", endpoint=server.url.partition("/stills")[0], verify_digest=False, **KEYS
            )
            store = open_store(config)
            store.put(KEY, b"jpeg")
            store.close()
        return
    failure = put_to(answer(status, body, "Content-Type: application/xml"))
    assert failure.kind in (FailureKind.PASSING, FailureKind.DESTINATION)
    assert len(str(failure)) < 500
    assert "haha" not in str(failure)


def test_what_the_store_quotes_of_our_secrets_is_in_no_message_and_no_reason() -> None:
    quoted = f"<Message>{SECRET_KEY} {SESSION_TOKEN} {ACCESS_KEY}</Message>"
    body = f"<Error><Code>InvalidAccessKeyId</Code>{quoted}<AWSAccessKeyId>{ACCESS_KEY}</AWSAccessKeyId></Error>"
    failure = put_to(answer(403, body.encode(), "Content-Type: application/xml"))
    assert found_in(f"{failure} {failure!r} {failure.code} {failure.args} {vars(failure)}") is None


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (403, f"<Error><Code>{SECRET_KEY}</Code><Message>{SECRET_KEY}</Message></Error>".encode()),
        (400, f"<Error><Code>X</Code><Message>{SESSION_TOKEN}</Message></Error>".encode()),
        (500, f"<Broken>{SECRET_KEY}".encode()),
    ],
    ids=["in the code", "in the message", "in broken XML"],
)
def test_the_traceback_of_a_failure_shows_no_secret(status: int, body: bytes) -> None:
    failure = put_to(answer(status, body, "Content-Type: application/xml"))
    assert found_in("".join(traceback.format_exception(failure))) is None


def test_the_traceback_of_an_unreachable_store_shows_no_secret() -> None:
    with CallbackServer(answer()) as server:
        gone = server.url.partition("/stills")[0]
    failure = put_to(answer(), gone)
    assert found_in("".join(traceback.format_exception(failure))) is None


def test_the_store_sees_signatures_and_never_the_secret_key() -> None:
    with CallbackServer(answer(200, b"", 'ETag: "1"')) as server:
        endpoint = server.url.partition("/stills")[0]
        store = open_store(storage_config("s3://stills-bucket", endpoint=endpoint, verify_digest=False, **KEYS))
        store.put(KEY, b"jpeg")
        store.close()
    (request,) = server.requests
    seen = f"{request.line} {request.headers} {request.body!r}"
    assert "AWS4-HMAC-SHA256 Credential=" in seen
    assert Redactor([SECRET_KEY]).masked(seen) == seen
    assert Redactor([ACCESS_KEY]).masked(seen) != seen


def test_a_store_in_the_network_without_the_right_certificate_gets_nothing(tmp_path: Path) -> None:
    authority = trustme.CA()
    ca_file = certificates.ca_file(authority, tmp_path)
    for make in (certificates.expired, certificates.for_another_host, certificates.of_another_ca):
        with CallbackServer(answer(), tls=make(authority)) as server:
            endpoint = server.url.partition("/stills")[0]
            store = open_store(storage_config("s3://stills-bucket", endpoint=endpoint, ca_file=ca_file, **KEYS))
            with pytest.raises(StorageFailure) as failure:
                store.put(KEY, b"jpeg")
            store.close()
        assert failure.value.code == "CertificateNotTrusted"
        assert server.requests == []


def raw(whole: bytes, again: bytes = b"") -> Talk:
    """Send bytes as they are, then others without end."""

    async def talk(writer: asyncio.StreamWriter) -> None:
        writer.write(whole)
        await writer.drain()
        while again:
            writer.write(again)
            await writer.drain()
        writer.close()

    return talk


HEAD = b"HTTP/1.1 503 X\r\n"


@pytest.mark.parametrize(
    "talk",
    [
        raw(HEAD + b"Content-Length: " + b"9" * 5000 + b"\r\n\r\n"),
        raw(HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + b"f" * 5000 + b"\r\n"),
        raw(HEAD, b"X: " + b"y" * 60_000 + b"\r\n"),
        raw(HEAD + b"\r\n", b"z" * 60_000),
        raw(HEAD + b"Content-Length: 999999999999\r\n\r\n", b"z" * 60_000),
        raw(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"8000\r\n" + b"z" * 0x8000 + b"\r\n"),
        raw(b"HTTP/1.1 100 Continue\r\n\r\n" + HEAD + b"Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\n\x1f\x8b"),
    ],
    ids=["giant length", "giant chunk", "endless header", "endless body", "long body", "endless chunks", "packed"],
)
def test_an_answer_without_end_or_measure_is_one_failure_in_little_memory(talk: Talk) -> None:
    failure = put_to(talk)
    assert failure.kind is FailureKind.PASSING
    tracemalloc.start()
    put_to(talk)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 16 << 20


def test_even_with_every_librarys_debug_log_on_a_running_agents_secrets_are_not_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    with CallbackServer(answer(403, b"<Error><Code>ExpiredToken</Code></Error>")) as server:
        config = storage_config("s3://stills-bucket", endpoint=server.url.partition("/stills")[0], **KEYS)
        redaction = LogRedaction(Redactor(config.secrets()))
        redaction.start()
        try:
            with pytest.raises(StorageFailure):
                open_store(config).put(KEY, b"jpeg")
        finally:
            redaction.stop()
    assert "botocore" in {record.name.partition(".")[0] for record in caplog.records}
    assert found_in(caplog.text) is None
