"""What a store, or whoever sits before it, can not do to us."""

from __future__ import annotations

import traceback
from pathlib import Path

import pytest
import trustme

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
