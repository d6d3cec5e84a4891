"""S3 as the store, against the scripted front: what is sent, and how every answer is sorted."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from datetime import timedelta
from urllib.parse import unquote

import pytest
from botocore.retries.standard import ThrottledRetryableChecker

from stillcast.spool.item import describe
from stillcast.storage import FailureKind, StorageFailure, object_metadata
from stillcast.storage.failures import is_throttled, kind_of, way_out
from stillcast.storage.s3 import Limits
from stillcast.storage.s3.destination import find_destination
from support import s3_faults
from support.s3_front import ACCESS_KEY, Behaviour, S3Front
from support.s3_judge import Key
from support.s3_stores import KEY, failed_put, kind_and_code, opened
from support.stills import START, make_still, storage_config

DESTINATION, PASSING, ITEM = FailureKind.DESTINATION, FailureKind.PASSING, FailureKind.ITEM


@pytest.fixture
def front() -> Iterator[S3Front]:
    with S3Front() as front:
        yield front


def test_the_bytes_arrive_under_bucket_and_key_in_one_request(front: S3Front, engine: str) -> None:
    body = bytes(range(256)) * 100
    with opened(front, engine=engine) as store:
        store.put(KEY, body)
        store.put(KEY, body)  # a retry repeats the same object
    kept = front.objects[KEY]
    assert (kept.body, kept.content_type, kept.writes) == (body, "image/jpeg", 2)
    assert [fact.request.method for fact in front.facts] == ["PUT", "PUT"]
    assert "x-amz-checksum-crc32" not in front.facts[0].request.headers
    assert "expect" not in front.facts[0].request.headers


@pytest.mark.parametrize("name", ["lobby", "née ☃", "a\nb: c", " ", "\U0001f600" * 30])
def test_the_facts_of_a_still_are_metadata_of_its_object_and_signed(front: S3Front, engine: str, name: str) -> None:
    still = make_still(cname=name, uid=f"{name}2", sid="ab" * 16, jpeg=b"\xff\xd8jpeg")
    metadata = object_metadata(describe(still, request_id="r", extra_info=""))
    with opened(front, engine=engine) as store:
        store.put(still.object_key, still.jpeg, metadata)
    found = front.objects[still.object_key].metadata
    assert (unquote(found.pop("cname")), unquote(found.pop("uid"))) == (name, f"{name}2")
    assert found == {
        "sid": "ab" * 16,
        "captured-at": "2020-12-16T08:11:28.672Z",
        "frame-age-ms": "12.500",
        "sha256": hashlib.sha256(b"\xff\xd8jpeg").hexdigest(),
    }
    signed = front.facts[0].request.headers["authorization"].split("SignedHeaders=")[1].split(",")[0].split(";")
    assert {f"x-amz-meta-{each}" for each in metadata} <= set(signed)


def test_no_key_that_can_be_has_metadata_beyond_what_s3_takes() -> None:
    room = 1024 - len(make_still(cname="", uid="").object_key)
    names = {"cname": "\U0001f600" * (room // 24), "uid": "x" * (room - 12 * (room // 24))}
    still = make_still(**names, frame_age_ms=86_400_000.0 * 365)
    assert len(still.object_key) == 1024
    metadata = object_metadata(describe(still, request_id="r", extra_info=""))
    assert sum(len(f"x-amz-meta-{name}{value}") for name, value in metadata.items()) <= 1400


@pytest.mark.parametrize("cname", ["a b", "née ☃", "\U0001f600", "a/b%2Fc", "x" * 200])
def test_whatever_the_key_is_the_store_keeps_it_under_that_key(front: S3Front, engine: str, cname: str) -> None:
    key = make_still(cname=cname, uid="u:1").object_key
    with opened(front, engine=engine) as store:
        store.put(key, b"jpeg")
    assert list(front.objects) == [key]


def test_the_address_is_the_one_that_botocore_would_use() -> None:
    def address(**settings: object) -> tuple[str, str, str]:
        keys = {"access_key": "A", "secret_key": "S", "region": "eu-west-1"}
        found = find_destination(storage_config("s3://stills-bucket", **keys, **settings), Limits())
        return found.route.url, found.path, found.region

    amazon = "s3.eu-west-1.amazonaws.com"
    assert address() == (f"https://stills-bucket.{amazon}", "/", "eu-west-1")
    assert address(addressing="path") == (f"https://{amazon}", "/stills-bucket/", "eu-west-1")
    own = {"endpoint": "http://localhost:1"}
    assert address(**own) == ("http://localhost:1", "/stills-bucket/", "eu-west-1")
    assert address(**own, addressing="virtual") == ("http://stills-bucket.localhost:1", "/", "eu-west-1")


def test_another_region_is_signed_for(engine: str) -> None:
    with S3Front(region="eu-west-1") as front, opened(front, engine=engine) as store:
        store.put(KEY, b"jpeg")
        assert "/eu-west-1/s3/aws4_request" in front.facts[0].request.headers["authorization"]


def test_a_session_token_is_signed_and_sent(engine: str) -> None:
    with S3Front(keys={"TEMP": Key("temp/secret", token="to+ken==")}) as front:
        with opened(front, engine=engine) as store:
            store.put(KEY, b"jpeg")
        assert list(front.objects) == [KEY]


def test_a_session_is_found_once_by_several_threads_and_connections_are_as_many_as_threads(
    front: S3Front, engine: str
) -> None:
    with opened(front, engine=engine) as store:
        for _ in range(3):
            threads = [threading.Thread(target=store.put, args=(KEY, b"jpeg")) for _ in range(8)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
    assert len(front.facts) == 24
    # obstore may begin a connection although one becomes free meanwhile.
    assert front.connections <= (8 if engine == "boto3" else 24)


@pytest.mark.parametrize(
    ("status", "code", "kind", "words"),
    [
        (503, "SlowDown", PASSING, "try again later"),
        (500, "InternalError", PASSING, "try again later"),
        (429, "TooManyRequests", PASSING, "try again later"),
        (400, "RequestTimeout", PASSING, "try again later"),
        (400, "BadDigest", PASSING, "try again later"),
        (403, "AccessDenied", DESTINATION, "allow s3:PutObject"),
        (403, "InvalidAccessKeyId", DESTINATION, "storage.access_key"),
        (403, "SignatureDoesNotMatch", DESTINATION, "storage.secret_key"),
        (400, "ExpiredToken", DESTINATION, "storage.session_token"),
        (404, "NoSuchBucket", DESTINATION, "make the bucket"),
        (405, "MethodNotAllowed", DESTINATION, "not an S3 store"),
        (507, "XMinioStorageFull", DESTINATION, "free space"),
        (501, "NotImplemented", DESTINATION, "documentation"),
        (400, "NeverSeenBefore", DESTINATION, "documentation"),
        (400, "KeyTooLongError", ITEM, "shorten storage.prefix, cname or uid"),
        (400, "EntityTooLarge", ITEM, "capture.max_size"),
    ],
)
def test_each_answer_of_a_store_is_sorted_and_says_what_to_do(
    front: S3Front, engine: str, status: int, code: str, kind: FailureKind, words: str
) -> None:
    front.behave(s3_faults.refuse(code, status))
    with opened(front, engine=engine) as store:
        failure = failed_put(store)
    assert kind_and_code(failure) == (kind, code)
    assert words in str(failure)
    assert f"s3://test-artifacts at http://localhost:{front.port} (region us-east-1)" in str(failure)
    assert len(front.facts) == 1


@pytest.mark.parametrize(("status", "code"), [(503, "SlowDown"), (429, "TooManyRequests"), (503, ""), (429, "")])
def test_a_store_that_asks_for_less_is_told_from_one_that_is_down(
    front: S3Front, engine: str, status: int, code: str
) -> None:
    front.behave(s3_faults.refuse(code, status), s3_faults.refuse("InternalError", 500))
    with opened(front, engine=engine) as store:
        assert failed_put(store).throttled
        assert not failed_put(store).throttled


def test_every_code_that_botocore_takes_for_throttling_is_throttling_here() -> None:
    codes = ThrottledRetryableChecker._THROTTLED_ERROR_CODES
    assert [code for code in codes if not is_throttled(code, 400) or kind_of(code, 400) is not PASSING] == []


@pytest.mark.parametrize(
    "behaviour",
    [
        s3_faults.refuse("AuthorizationHeaderMalformed", 400, extra="<Region>ap-south-1</Region>"),
        s3_faults.refuse("PermanentRedirect", 301, {"x-amz-bucket-region": "ap-south-1"}),
        s3_faults.refuse("IllegalLocationConstraintException", 400, {"x-amz-bucket-region": "ap-south-1"}),
    ],
    ids=["malformed", "redirect", "constraint"],
)
def test_a_wrong_region_is_told_with_the_right_one_and_not_silently_worked_around(
    front: S3Front, behaviour: Behaviour
) -> None:
    front.behave(behaviour)
    with opened(front) as store:
        failure = failed_put(store)
    assert failure.kind is DESTINATION
    assert str(failure).endswith("the region is wrong: set storage.region to ap-south-1")
    assert len(front.facts) == 1


def test_a_wrong_region_without_the_right_one_in_the_answer_is_told_too(front: S3Front, engine: str) -> None:
    front.behave(s3_faults.refuse("AuthorizationHeaderMalformed", 400))
    with opened(front, engine=engine) as store:
        failure = failed_put(store)
    assert str(failure).endswith("the region is wrong: set storage.region to the one that the bucket is in")


def test_what_an_answer_says_cannot_break_the_line_or_grow_it(front: S3Front, engine: str) -> None:
    front.behave(s3_faults.refuse("Two\nlines\x1b[31m" + "x" * 500, 400))
    with opened(front, engine=engine) as store:
        assert len(failed_put(store).code) <= 64


def test_an_answer_without_a_code_is_sorted_by_its_status(front: S3Front, engine: str) -> None:
    front.behave(s3_faults.refuse("", 502), s3_faults.refuse("", 403))
    with opened(front, engine=engine) as store:
        assert failed_put(store).kind is PASSING
        assert kind_and_code(failed_put(store)) == (DESTINATION, "HTTP403")


def test_a_redirect_is_not_followed(front: S3Front, engine: str) -> None:
    with S3Front() as elsewhere, opened(front, engine=engine) as store:
        front.behave(
            s3_faults.redirect(f"{elsewhere.endpoint}/x", 307), s3_faults.redirect(elsewhere.endpoint, 302, "")
        )
        failures = [kind_and_code(failed_put(store)) for _ in range(2)]
        if engine == "boto3":  # obstore keeps the store's code to itself
            assert failures == [(PASSING, "TemporaryRedirect"), (DESTINATION, "HTTP302")]
        assert not elsewhere.facts
        assert elsewhere.connections == 0


def test_a_refusal_before_the_body_was_read_is_told_as_what_it_is(front: S3Front) -> None:
    front.behave(s3_faults.refuse_early("AccessDenied", 403))
    with opened(front) as store:
        assert failed_put(store, body=b"x" * 30_000).code == "AccessDenied"


@pytest.mark.parametrize(
    ("behaviour", "code"),
    [
        (s3_faults.reset, "ConnectionClosedError"),
        (s3_faults.reset_after_storing, "ConnectionClosedError"),
        (s3_faults.garbage(), "ResponseParserError"),
        (s3_faults.garbage(b"HTTP/1.1 20"), "ConnectionClosedError"),
        (s3_faults.garbage(b"\x00" * 200_000), "ResponseParserError"),
    ],
)
def test_what_breaks_off_or_is_no_answer_passes(front: S3Front, behaviour: Behaviour, code: str) -> None:
    front.behave(behaviour)
    with opened(front) as store:
        assert kind_and_code(failed_put(store)) == (PASSING, code)
        front.heal()
        store.put(KEY, b"jpeg")


def test_a_port_where_nobody_listens_passes(engine: str) -> None:
    front = S3Front()
    front._listener.close()
    with opened(front, engine=engine) as store:
        failure = failed_put(store)
    assert failure.kind is PASSING
    assert "cannot connect (EndpointConnectionError): check storage.endpoint" in str(failure)


def test_a_name_that_nobody_knows_passes(front: S3Front, engine: str) -> None:
    with opened(front, engine=engine, endpoint="http://nobody.invalid:1", allow_http=True) as store:
        assert kind_and_code(failed_put(store)) == (PASSING, "EndpointConnectionError")


@pytest.mark.parametrize(("shift_s", "told"), [(7200, "behind"), (-7200, "ahead of")])
def test_a_clock_that_is_off_is_told_with_how_much_and_in_which_direction(
    front: S3Front, shift_s: float, told: str
) -> None:
    front.behave(s3_faults.lie_about_date(shift_s))
    with opened(front) as store:
        assert store.clock_skew_s is None
        failure = failed_put(store)
        assert kind_and_code(failure) == (DESTINATION, "RequestTimeTooSkewed")
        assert f"this machine's clock is 2 h {told} the store's" in str(failure).replace(" 1 s", "")
        assert store.clock_skew_s == pytest.approx(shift_s, abs=3)
        front.heal()
        store.put(KEY, b"jpeg")
        assert store.clock_skew_s == pytest.approx(0, abs=3)


def test_a_date_that_cannot_be_read_tells_nothing(front: S3Front) -> None:
    front.behave(s3_faults.answer_with(Date="yesterday"))
    with opened(front) as store:
        store.put(KEY, b"jpeg")
        assert store.clock_skew_s is None


def test_every_way_out_belongs_to_a_kind_that_needs_one() -> None:
    assert way_out("SlowDown", kind_of("SlowDown", 503)) == "try again later"
    assert kind_of("", 500) is PASSING
    assert kind_of("", 403) is DESTINATION
    assert kind_of("", 418) is DESTINATION


def test_secrets_are_in_no_text_of_the_store(front: S3Front) -> None:
    with opened(front) as store:
        store.put(KEY, b"jpeg")
        client = store._clients.current
        assert client is not None
        text = repr([client, client.destination.keys(), client.signer.__dict__])
    assert ACCESS_KEY not in text
    assert "test+secret" not in text
    assert hashlib.sha256(b"jpeg").hexdigest() in front.facts[0].request.headers["x-amz-content-sha256"]


LATEST = "test/latest/lobby/91.jpg"


def facts_of(number: int = 0) -> dict[str, str]:
    return object_metadata(describe(make_still(number, sid="ab" * 16), request_id="r", extra_info=""))


def test_the_newest_picture_is_replaced_and_caches_are_told_to_ask_again(front: S3Front, engine: str) -> None:
    with opened(front, engine=engine, create_only=True) as store:
        for number in range(2):
            store.put_latest(LATEST, b"jpeg%d" % number, facts_of(number))
    kept = front.objects[LATEST]
    assert (kept.body, kept.content_type, kept.headers["cache-control"]) == (b"jpeg1", "image/jpeg", "no-cache")
    assert kept.metadata == facts_of(1)
    assert all("if-none-match" not in fact.request.headers for fact in front.facts)


def test_stills_themselves_may_be_kept_by_caches(front: S3Front, engine: str) -> None:
    with opened(front, engine=engine) as store:
        store.put(KEY, b"jpeg", facts_of())
    assert "cache-control" not in front.objects[KEY].headers


def test_when_the_newest_picture_was_captured_is_read_without_the_picture(front: S3Front, engine: str) -> None:
    with opened(front, engine=engine) as store:
        assert store.latest_captured_at(LATEST) is None
        store.put_latest(LATEST, b"x" * 50_000, facts_of(7))
        for _ in range(2):
            assert store.latest_captured_at(LATEST) == START + timedelta(seconds=7)
        store.put(KEY, b"jpeg", facts_of())  # the connection goes on being used
    assert [fact.request.method for fact in front.facts] == ["HEAD", "PUT", "HEAD", "HEAD", "PUT"]
    if engine == "boto3":
        assert front.connections == 1


@pytest.mark.parametrize("metadata", [{}, {"captured-at": "yesterday"}, {"captured-at": "2020-12-16T08:11:28.672"}])
def test_an_object_that_does_not_say_when_it_was_captured_is_told_from_none(
    front: S3Front, engine: str, metadata: dict[str, str]
) -> None:
    with opened(front, engine=engine) as store:
        store.put_latest(LATEST, b"jpeg", metadata)
        with pytest.raises(StorageFailure, match="does not say when it was captured") as failure:
            store.latest_captured_at(LATEST)
    assert failure.value.kind is ITEM


def test_a_key_without_the_right_to_read_can_still_put_the_newest_picture(engine: str) -> None:
    with S3Front(keys={"PUTTER": Key("putter/secret", rights=frozenset({"put"}))}) as front:
        with opened(front, engine=engine) as store:
            with pytest.raises(StorageFailure) as failure:
                store.latest_captured_at(LATEST)
            store.put_latest(LATEST, b"jpeg", facts_of())
        assert failure.value.kind is DESTINATION
        assert list(front.objects) == [LATEST]


def test_a_store_that_is_down_cannot_say_what_is_there_for_a_while(front: S3Front, engine: str) -> None:
    front.behave(s3_faults.refuse("SlowDown", 503))
    with opened(front, engine=engine) as store:
        with pytest.raises(StorageFailure) as failure:
            store.latest_captured_at(LATEST)
        assert failure.value.kind is PASSING


def test_a_refusal_of_the_newest_picture_leaves_the_connections_of_the_stills_alone(front: S3Front) -> None:
    with opened(front) as store:
        store.put(KEY, b"jpeg", facts_of())
        front.behave(s3_faults.refuse("AccessDenied", 403))
        with pytest.raises(StorageFailure, match="allow s3:PutObject"):
            store.put_latest(LATEST, b"jpeg", facts_of())
        front.heal()
        store.put(KEY, b"jpeg", facts_of())
    assert front.connections == 1
