"""Callbacks: the body byte for byte, one deadline, no redirects, a signature that others verify."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import json
import ssl
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
import trustme
from standardwebhooks import Webhook

from stillcast.callbacks import CallbackFailure, Notifier, build_body, build_missed_body, checksum, new_request_id
from stillcast.errors import CallbackError
from stillcast.spool import SpoolItem
from stillcast.spool.item import describe
from support.callback_server import CallbackServer, Talk, answer, drip, reset, silence
from support.stills import WEBHOOK_SECRET, callback_config, make_still

URL = "https://example.com/stills?a=1"
SID = "38f8e3cfdc474cd56fc1ceba380d7e1a"


def make_item(**changed: str) -> SpoolItem:
    still = make_still(sid=SID, cname=changed.get("cname", "lobby"), uid="91")
    return describe(still, request_id=f"{SID}_1608106288_{'0f' * 16}", extra_info=changed.get("extra_info", "extra"))


def notify(server_url: str, body: bytes = b"{}", **settings: object) -> tuple[str, ...]:
    """All attempts of one callback, with a notifier of its own."""

    async def run() -> tuple[str, ...]:
        notifier = Notifier(callback_config(server_url, **settings))
        await notifier.start()
        try:
            return await notifier.notify(body, "request-1")
        finally:
            await notifier.close()

    return asyncio.run(run())


def why_it_fails(*talks: Talk, **settings: object) -> tuple[str, ...]:
    with CallbackServer(*talks) as server, pytest.raises(CallbackFailure) as failure:
        notify(server.url, **settings)
    assert failure.value.reason == failure.value.reasons[-1]
    return failure.value.reasons


def test_the_body_has_every_field_of_the_contract_and_no_other() -> None:
    item = make_item()
    text = f"{URL}200{item.object_key}{item.request_id}"
    assert json.loads(build_body(item, url=URL)) == {
        "requestId": f"{SID}_1608106288_{'0f' * 16}",
        "callbackParam": {"cname": "lobby"},
        "callbackData": "extra",
        "checksum": hashlib.md5(text.encode()).hexdigest(),
        "object": f"test/20201216/{SID}_lobby__uid_s_91__uid_e_video_20201216081128672.jpg",
        "code": 200,
        "msg": "Supervise complete",
        "channelName": "lobby",
        "userId": "91",
        "timestamp": 20201216081128672,
    }


def test_the_timestamp_is_an_integer_on_the_wire() -> None:
    assert b'"timestamp":20201216081128672' in build_body(make_item(), url=URL)


def test_the_extended_body_adds_the_still_and_changes_nothing_else() -> None:
    item = make_item()
    plain, extended = json.loads(build_body(item, url=URL)), json.loads(build_body(item, url=URL, extended=True))
    assert extended.pop("still") == {
        "width": 640,
        "height": 360,
        "bytes": item.bytes,
        "sha256": item.sha256,
        "frameAgeMs": 12.5,
        "meanLuma": 101.5,
        "dhash": "0123456789abcdef",
        "flags": [],
    }
    assert extended == plain


def test_flags_go_out_in_the_extended_body_alone() -> None:
    item = describe(make_still(flags=("black", "stale")), request_id="r", extra_info="")
    assert json.loads(build_body(item, url=URL, extended=True))["still"]["flags"] == ["black", "stale"]
    assert b"black" not in build_body(item, url=URL)


def test_the_body_of_a_missed_still_says_206_and_why() -> None:
    item = make_item()
    body = json.loads(build_missed_body(item, url=URL, msg="No frame"))
    assert (body["code"], body["msg"], body["object"]) == (206, "No frame", item.object_key)
    assert body["checksum"] == checksum(URL, 206, item.object_key, item.request_id)


def test_the_checksum_is_md5_of_the_four_joined_by_nothing() -> None:
    expected = hashlib.md5("https://h/\u00e4200keyid".encode()).hexdigest()
    assert checksum("https://h/\u00e4", 200, "key", "id") == expected


@pytest.mark.parametrize("cname", ["\u4e2d\u6587", "\U0001f600", 'quote" \\ \n \x00'])
def test_any_name_arrives_unchanged(cname: str) -> None:
    body = json.loads(build_body(make_item(cname=cname, extra_info=cname), url=URL))
    assert body["channelName"] == body["callbackParam"]["cname"] == body["callbackData"] == cname


def test_a_request_id_is_sid_seconds_and_32_hex_digits_and_new_each_time() -> None:
    first, second = new_request_id(SID, 1608106288.9), new_request_id(SID, 1608106288.9)
    sid, seconds, random = first.split("_")
    assert (sid, seconds) == (SID, "1608106288")
    assert len(random) == 32
    assert set(random) <= set("0123456789abcdef")
    assert first != second


def test_the_notifier_builds_what_its_settings_say() -> None:
    item = make_item()
    notifier = Notifier(callback_config(URL, extended=True))
    assert notifier.body(item) == build_body(item, url=URL, extended=True)
    assert notifier.missed_body(item, "No frame") == build_missed_body(item, url=URL, msg="No frame")


def test_a_success_takes_one_post_with_the_right_headers() -> None:
    with CallbackServer(answer(200, b'{"ok":true}', "Content-Type: text/html")) as server:
        assert notify(server.url, b'{"a":1}') == ()
    (request,) = server.requests
    assert request.line == "POST /stills?room=1 HTTP/1.1"
    assert request.body == b'{"a":1}'
    assert request.headers["content-type"] == "application/json;charset=utf-8"
    assert request.headers["user-agent"].startswith("stillcast/")
    assert not {"cookie", "authorization", "webhook-id"} & request.headers.keys()


@pytest.mark.parametrize("body", [b"{}", b"[]", b"null", b"0", b'"ok"', b" \n{} "])
def test_any_json_value_is_an_answer(body: bytes) -> None:
    with CallbackServer(answer(200, body)) as server:
        assert notify(server.url) == ()


@pytest.mark.parametrize(
    "body", [b"", b"ok", b"<html></html>", b"{", b"NaN", b"\xff\xfe\xff", b"[" * 60_000, gzip.compress(b"{}")]
)
def test_an_answer_that_is_no_json_fails(body: bytes) -> None:
    assert why_it_fails(answer(200, body)) == ("not JSON",) * 3


def test_a_packed_answer_is_not_unpacked() -> None:
    with CallbackServer(answer(200, gzip.compress(b"{}"), "Content-Encoding: gzip")) as server:
        with pytest.raises(CallbackFailure) as failure:
            notify(server.url)
        assert server.requests[0].headers["accept-encoding"] == "identity"
    assert failure.value.reason == "not JSON"


@pytest.mark.parametrize("status", [201, 202, 204, 206, 301, 302, 307, 308, 400, 401, 404, 429, 500, 503])
def test_only_status_200_is_a_success(status: int) -> None:
    assert why_it_fails(answer(status, b"" if status == 204 else b"{}"), attempts=1) == (f"status {status}",)


def test_a_redirect_is_not_followed() -> None:
    with CallbackServer(answer()) as target, CallbackServer(answer(307, b"{}", f"Location: {target.url}")) as server:
        with pytest.raises(CallbackFailure):
            notify(server.url)
        assert (len(server.requests), target.requests) == (3, [])


def test_a_failure_is_retried_at_once_with_the_same_body_until_it_succeeds() -> None:
    with CallbackServer(answer(500), reset, answer()) as server:
        assert notify(server.url, b'{"a":1}') == ("status 500", "connection broke off")
    assert [request.body for request in server.requests] == [b'{"a":1}'] * 3


def test_attempts_are_as_many_as_the_settings_say() -> None:
    for attempts in (1, 2, 5):
        with CallbackServer(answer(500)) as server:
            with pytest.raises(CallbackFailure) as failure:
                notify(server.url, attempts=attempts)
            assert len(server.requests) == len(failure.value.reasons) == attempts


@pytest.mark.parametrize(
    "talk",
    [
        silence,
        drip(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", 0.05),
        drip(b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * 4000, 0.02),
        drip(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1\r\n \r\n" * 100, 0.02),
    ],
    ids=["silence", "answer", "headers", "chunks"],
)
def test_one_deadline_covers_the_whole_attempt_however_slowly_bytes_drip(talk: Talk) -> None:
    assert why_it_fails(talk, timeout=0.3, attempts=2) == ("timeout", "timeout")


def test_an_answer_within_the_deadline_may_drip() -> None:
    with CallbackServer(drip(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", 0.002)) as server:
        assert notify(server.url, timeout=30.0) == ()


@pytest.mark.parametrize("length", [65_536, 65_537])
def test_an_answer_is_read_up_to_64_kib(length: int) -> None:
    body = b'"' + b"x" * (length - 2) + b'"'
    if length > 65_536:
        assert why_it_fails(answer(200, body), attempts=1) == ("answer over 65536 bytes",)
        return
    with CallbackServer(answer(200, body)) as server:
        assert notify(server.url) == ()


def test_an_endless_answer_is_cut_off_long_before_the_deadline() -> None:
    sent = [0]

    async def flood(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
        while True:
            writer.write(b" " * 65_536)
            sent[0] += 65_536
            await writer.drain()

    assert why_it_fails(flood, attempts=1, timeout=60) == ("answer over 65536 bytes",)
    assert sent[0] < 32 << 20


def test_garbage_and_a_port_where_nobody_listens_are_named() -> None:
    async def garbage(writer: asyncio.StreamWriter) -> None:
        writer.write(b"SSH-2.0-OpenSSH\r\n\r\n")
        await writer.drain()

    assert why_it_fails(garbage, attempts=1) == ("not HTTP",)
    with CallbackServer(answer()) as server:
        url = server.url
    with pytest.raises(CallbackFailure) as failure:
        notify(url, attempts=1)
    assert failure.value.reason == "cannot connect"


def test_the_message_names_the_server_the_reason_and_the_way_out_but_no_query() -> None:
    with CallbackServer(answer(500)) as server, pytest.raises(CallbackFailure) as failure:
        notify(server.url)
    port = server.url.split(":")[2].split("/")[0]
    assert str(failure.value) == (
        f"callback.url: http://localhost:{port}: status 500 after 3 attempts: "
        "make that server answer 200 with JSON, or mend callback.url"
    )


def test_connections_are_kept_and_never_more_than_sixteen() -> None:
    together = threading.Semaphore(0)

    async def slow(writer: asyncio.StreamWriter) -> None:
        together.release()
        await asyncio.sleep(0.02)
        await answer()(writer)

    async def run(url: str) -> None:
        notifier = Notifier(callback_config(url, timeout=60))
        await notifier.start()
        await asyncio.gather(*(notifier.notify(b"{}", str(number)) for number in range(100)))
        await notifier.close()

    with CallbackServer(slow) as server:
        asyncio.run(run(server.url))
        assert len(server.requests) == 100
        assert server.connections <= 16


@pytest.mark.parametrize("secret", [WEBHOOK_SECRET, WEBHOOK_SECRET.removeprefix("whsec_")])
def test_every_attempt_carries_a_signature_that_the_standards_own_library_verifies(secret: str) -> None:
    body = build_body(make_item(), url=URL)
    with CallbackServer(answer(500), answer(500), answer()) as server:
        notify(server.url, body, secret=secret)
    assert len(server.requests) == 3
    for request in server.requests:
        assert Webhook(secret).verify(request.body, request.headers) == json.loads(body)
        assert request.headers["webhook-id"] == "request-1"
    with pytest.raises(Exception, match="No matching signature"):
        Webhook(secret).verify(body + b" ", server.requests[0].headers)


def test_the_signature_has_the_time_of_its_attempt() -> None:
    times = iter((1_600_000_000.9, 1_600_000_003.2))

    async def run(url: str) -> None:
        notifier = Notifier(callback_config(url, secret=WEBHOOK_SECRET, attempts=2), clock=lambda: next(times))
        await notifier.start()
        await notifier.notify(b"{}", "request-1")
        await notifier.close()

    with CallbackServer(answer(500), answer()) as server:
        asyncio.run(run(server.url))
    stamps = [request.headers["webhook-timestamp"] for request in server.requests]
    assert stamps == ["1600000000", "1600000003"]


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def tls(authority: trustme.CA, host: str = "localhost") -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(host).configure_cert(context)
    return context


def write_ca(authority: trustme.CA, tmp_path: Path) -> Path:
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    return tmp_path / "ca.pem"


def test_a_server_of_an_own_ca_is_trusted_with_its_file(authority: trustme.CA, tmp_path: Path) -> None:
    with CallbackServer(answer(), tls=tls(authority)) as server:
        assert notify(server.url, ca_file=write_ca(authority, tmp_path)) == ()


@pytest.mark.parametrize("settings", [lambda ca: {}, lambda ca: {"ca_file": ca}], ids=["unknown CA", "wrong host"])
def test_a_certificate_that_does_not_fit_is_not_trusted(
    authority: trustme.CA, tmp_path: Path, settings: Callable[[Path], dict[str, object]]
) -> None:
    given = settings(write_ca(authority, tmp_path))
    context = tls(authority, "other.example" if given else "localhost")
    with CallbackServer(answer(), tls=context) as server, pytest.raises(CallbackFailure) as failure:
        notify(server.url, attempts=1, **given)
    assert failure.value.reason == "certificate not trusted"
    assert server.requests == []


def test_a_ca_file_without_certificates_fails_the_start(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("nothing")
    with pytest.raises(CallbackError, match=r"callback.ca_file: .*ca.pem: cannot be used"):
        notify("https://localhost/", ca_file=tmp_path / "ca.pem")


def test_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    with CallbackServer(answer()) as server:
        assert notify(server.url) == ()


def test_a_notifier_without_an_address_is_refused() -> None:
    with pytest.raises(CallbackError, match=r"callback.url: none: set the address"):
        Notifier(callback_config(None))
