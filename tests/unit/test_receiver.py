"""The reference receiver: takes what the contract says, refuses everything else by name."""

from __future__ import annotations

import asyncio
import json
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stillcast.callbacks import Notifier, build_body, build_missed_body, checksum, new_request_id
from stillcast.errors import CallbackError
from stillcast.receiver import BodyProblem, ReceivedStill, Receiver, check_body
from stillcast.spool import SpoolItem
from stillcast.spool.item import describe
from support.stills import WEBHOOK_SECRET, callback_config, make_still

URL = "https://example.com/stills"


def make_item(number: int = 0, cname: str = "lobby") -> SpoolItem:
    still = make_still(number, cname=cname)
    return describe(still, request_id=new_request_id(still.sid, 1608106288.0), extra_info="extra")


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as running:
        yield running


def send(url: str, body: bytes, headers: dict[str, str] | None = None, kind: str | None = None) -> tuple[int, Any]:
    content_type = kind or "application/json;charset=utf-8"
    request = urllib.request.Request(url, body, {"Content-Type": content_type, **(headers or {})})
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        with error:
            text = error.read()
            return error.code, json.loads(text) if text.startswith(b"{") else text


def announce(receiver: Receiver, item: SpoolItem, **settings_: object) -> None:
    async def run() -> None:
        notifier = Notifier(callback_config(receiver.url, **settings_))
        await notifier.start()
        try:
            await notifier.notify(notifier.body(item), item.request_id)
        finally:
            await notifier.close()

    asyncio.run(run())


@pytest.mark.parametrize("extended", [False, True])
def test_what_the_notifier_sends_is_taken_and_read(receiver: Receiver, extended: bool) -> None:
    item = make_item()
    announce(receiver, item, extended=extended)
    (still,) = receiver.received
    assert (still.request_id, still.object_key, still.sid) == (item.request_id, item.object_key, item.sid)
    assert (still.cname, still.uid, still.captured_at) == ("lobby", "91", item.captured_at)
    assert (still.code, still.extra_info, still.signed) == (200, "extra", False)
    assert (still.still is not None) == extended
    assert receiver.problems == []


def test_a_report_of_a_missed_still_is_taken(receiver: Receiver) -> None:
    item = make_item()
    body = build_missed_body(item, url=receiver.url, msg="No frame")
    assert send(receiver.url, body) == (200, {"ok": True})
    assert (receiver.received[0].code, receiver.received[0].msg) == (206, "No frame")


def test_the_checksum_is_checked_with_the_address_that_the_sender_uses() -> None:
    item = make_item()
    with Receiver("https://public.example/hook") as receiver:
        assert send(receiver.url, build_body(item, url="https://public.example/hook"))[0] == 200
        status, answer = send(receiver.url, build_body(item, url=receiver.url))
        assert (status, answer["ok"]) == (400, False)
        assert answer["error"].startswith("checksum: ")
        assert receiver.problems == [answer["error"]]


def test_a_callback_that_comes_again_is_taken_once_and_answered_well() -> None:
    told: list[ReceivedStill] = []
    with Receiver(on_still=told.append) as receiver:
        body = build_body(make_item(), url=receiver.url)
        assert [send(receiver.url, body)[0] for _ in range(3)] == [200, 200, 200]
        assert (len(receiver.received), receiver.duplicates, len(told)) == (1, 2, 1)


def test_a_listener_that_raises_does_not_fail_the_callback() -> None:
    def listen(_still: ReceivedStill) -> None:
        raise RuntimeError("a bug")

    with Receiver(on_still=listen) as receiver:
        assert send(receiver.url, build_body(make_item(), url=receiver.url))[0] == 200


def test_what_is_kept_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stillcast.receiver.server._KEPT_MAX", 5)
    with Receiver() as receiver:
        for number in range(8):
            send(receiver.url, build_body(make_item(number), url=receiver.url))
        assert (len(receiver.received), len(receiver._known)) == (5, 5)


def test_a_signed_callback_is_taken() -> None:
    with Receiver(secret=WEBHOOK_SECRET) as receiver:
        announce(receiver, make_item(), secret=WEBHOOK_SECRET)
        assert receiver.received[0].signed


@pytest.mark.parametrize("secret", [None, "whsec_" + "WldYVlVUU1JRUE9OTUxLSklIR0ZFRENCQTA5"])
def test_an_unsigned_or_wrongly_signed_callback_is_refused(secret: str | None) -> None:
    with Receiver(secret=WEBHOOK_SECRET) as receiver:
        with pytest.raises(CallbackError, match="status 400"):
            announce(receiver, make_item(), secret=secret, attempts=1)
        assert receiver.received == []
        assert receiver.problems[0].startswith("webhook-")


@pytest.mark.parametrize(("late_s", "status"), [(0, 200), (290, 200), (-290, 200), (310, 400), (-310, 400)])
def test_a_signature_is_good_for_five_minutes(late_s: float, status: int) -> None:
    with Receiver(secret=WEBHOOK_SECRET, clock=lambda: time.time() + late_s) as receiver:
        if status == 200:
            announce(receiver, make_item(), secret=WEBHOOK_SECRET)
            return
        with pytest.raises(CallbackError):
            announce(receiver, make_item(), secret=WEBHOOK_SECRET, attempts=1)
        assert "from our clock: set the clocks" in receiver.problems[0]


def test_a_signature_of_another_message_is_refused() -> None:
    async def post(url: str) -> None:
        first, second = make_item(1), make_item(2)
        notifier = Notifier(callback_config(url, secret=WEBHOOK_SECRET, attempts=1))
        await notifier.start()
        try:
            await notifier.notify(notifier.body(first), second.request_id)
        finally:
            await notifier.close()

    with Receiver(secret=WEBHOOK_SECRET) as receiver:
        with pytest.raises(CallbackError):
            asyncio.run(post(receiver.url))
        assert receiver.problems == ["webhook-id: is not the requestId of the body"]


def change(**fields: object) -> Callable[[dict[str, Any]], None]:
    return lambda body: body.update(fields)


def drop(field: str) -> Callable[[dict[str, Any]], None]:
    return lambda body: body.pop(field)


@pytest.mark.parametrize(
    ("spoil", "problem"),
    [
        *[(drop(field), f"{field}: is missing") for field in json.loads(build_body(make_item(), url=URL))],
        (change(code="200"), "code: "),
        (change(code=True), "code: "),
        (change(code=201), "code: 201: is neither 200 nor 206"),
        (change(msg="Fine"), "msg: "),
        (change(code=206), "msg: "),
        (change(timestamp="20201216081128672"), "timestamp: "),
        (change(timestamp=20201216081128673), "timestamp: "),
        (change(timestamp=20201216081128672.0), "timestamp: "),
        (change(userId=91), "userId: "),
        (change(userId="92"), "userId: "),
        (change(channelName="other"), "channelName: "),
        (change(callbackParam={"cname": "other"}), "callbackParam: "),
        (change(callbackParam={"cname": "lobby", "more": 1}), "callbackParam: "),
        (change(callbackParam="lobby"), "callbackParam: "),
        (change(callbackData="x" * 1025), "callbackData: "),
        (change(object="x.jpg"), "object: "),
        (change(requestId="x"), "requestId: "),
        (change(requestId=f"{'0' * 32}_1608106288_{'0' * 32}"), "requestId: "),
        (change(checksum="0" * 32), "checksum: "),
        (change(checksum="\ud800"), "checksum: "),
        (change(more=1), '"more": is no field of a callback'),
        (change(still=None), "still: "),
        (change(still={}), "still: has not exactly the fields"),
    ],
)
def test_each_wrong_field_is_named(spoil: Callable[[dict[str, Any]], None], problem: str) -> None:
    body = json.loads(build_body(make_item(), url=URL))
    spoil(body)
    with pytest.raises(BodyProblem) as found:
        check_body(json.dumps(body).encode(), URL)
    assert str(found.value).startswith(problem)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("width", 0),
        ("height", "360"),
        ("bytes", -1),
        ("sha256", "ABC"),
        ("frameAgeMs", -0.1),
        ("meanLuma", 256),
        ("meanLuma", True),
        ("dhash", "0123456789ABCDEF"),
        ("flags", "black"),
        ("flags", ["grey"]),
        ("flags", ["stale", "black"]),
        ("flags", ["black", "black"]),
        ("flags", [["black"]]),
    ],
)
def test_each_wrong_fact_of_an_extended_body_is_named(field: str, value: object) -> None:
    body = json.loads(build_body(make_item(), url=URL, extended=True))
    body["still"][field] = value
    with pytest.raises(BodyProblem, match=f"still.{field}: "):
        check_body(json.dumps(body).encode(), URL)


def test_an_extended_body_of_an_older_sender_has_no_flags_and_is_taken() -> None:
    body = json.loads(build_body(make_item(), url=URL, extended=True))
    del body["still"]["flags"]
    assert check_body(json.dumps(body).encode(), URL).still == body["still"]
    del body["still"]["dhash"]
    with pytest.raises(BodyProblem, match="has not exactly the fields"):
        check_body(json.dumps(body).encode(), URL)


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b"null", b"\xff", b"[" * 50_000])
def test_a_body_that_is_no_json_object_is_refused(receiver: Receiver, raw: bytes) -> None:
    status, answer = send(receiver.url, raw)
    assert status == 400
    assert answer["error"].startswith("body: is not ")


@settings(max_examples=50)
@given(
    st.recursive(st.none() | st.booleans() | st.floats() | st.text(), lambda inner: st.dictionaries(st.text(), inner))
)
def test_no_json_breaks_the_check(value: object) -> None:
    with pytest.raises(BodyProblem):
        check_body(json.dumps(value).encode(), URL)


@settings(max_examples=50)
@given(
    st.sampled_from(sorted(json.loads(build_body(make_item(), url=URL)))),
    st.none() | st.integers() | st.floats() | st.text() | st.lists(st.text()),
)
def test_no_value_of_a_field_breaks_the_check(field: str, value: object) -> None:
    body = json.loads(build_body(make_item(), url=URL))
    if body[field] == value and type(body[field]) is type(value):
        return
    body[field] = value
    try:
        check_body(json.dumps(body).encode(), URL)
    except BodyProblem:
        return
    assert field == "callbackData"  # any text may stand there


def test_another_content_type_path_or_method_is_refused(receiver: Receiver) -> None:
    body = build_body(make_item(), url=receiver.url)
    assert send(receiver.url, body, kind="text/plain")[0] == 400
    assert send(receiver.url, body, kind="application/json;charset=latin-1")[0] == 400
    assert send(receiver.url + "/other", body)[0] == 404
    assert receiver.received == []


def test_a_body_over_64_kib_is_refused(receiver: Receiver) -> None:
    assert send(receiver.url, b" " * 70_000)[0] == 413


def test_a_port_that_is_taken_is_named() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(CallbackError, match=f"receiver: 127.0.0.1:{port}: cannot listen: .*: use another"):
            Receiver(port=port).start()


def test_the_port_is_free_again_after_the_stop() -> None:
    with Receiver() as first:
        port = first._port
    with Receiver(port=port) as second:
        assert second.url == f"http://127.0.0.1:{port}/stills"


def test_a_secret_that_is_none_is_refused() -> None:
    with pytest.raises(CallbackError, match="is not a Standard Webhooks secret"):
        Receiver(secret="hello")


def test_the_checksum_helper_and_the_receiver_agree() -> None:
    item = make_item()
    assert json.loads(build_body(item, url=URL))["checksum"] == checksum(URL, 200, item.object_key, item.request_id)
