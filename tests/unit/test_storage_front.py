"""The scripted S3 front itself, asked by plain boto3: it has to refuse what Amazon would refuse."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import botocore.auth
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError, ReadTimeoutError

from support import s3_faults
from support.s3_front import ACCESS_KEY, SECRET_KEY, S3Front
from support.s3_judge import Key
from support.stills import make_still

STILL = make_still(cname="a b/c☃")


@pytest.fixture
def front() -> Iterator[S3Front]:
    with S3Front() as front:
        yield front


def client_of(front: S3Front, **changed: Any) -> Any:
    given = {"aws_access_key_id": ACCESS_KEY, "aws_secret_access_key": SECRET_KEY, "region_name": "us-east-1"}
    config = Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}, read_timeout=0.3)
    return boto3.session.Session().client("s3", endpoint_url=front.endpoint, config=config, **{**given, **changed})


def put(front: S3Front, body: bytes = b"jpeg", bucket: str = "test-artifacts", **changed: Any) -> Any:
    conditions = {"IfNoneMatch": changed.pop("IfNoneMatch")} if "IfNoneMatch" in changed else {}
    client = client_of(front, **changed)
    try:
        return client.put_object(Bucket=bucket, Key=STILL.object_key, Body=body, **conditions)
    finally:
        client.close()


def refusal(front: S3Front, **changed: Any) -> str:
    with pytest.raises(ClientError) as error:
        put(front, **changed)
    return str(error.value.response["Error"]["Code"])


def test_a_well_signed_put_is_kept_with_its_bytes_and_its_sid(front: S3Front) -> None:
    put(front)
    put(front)
    kept = front.objects[STILL.object_key]
    assert (kept.body, kept.writes, len(kept.digests)) == (b"jpeg", 2, 1)
    assert [fact.sid for fact in front.puts()] == [STILL.sid] * 2
    assert front.sids_with_different_bytes() == []
    put(front, b"other")
    assert front.sids_with_different_bytes() == [STILL.sid]


def test_each_refusal_has_amazons_name(front: S3Front, monkeypatch: pytest.MonkeyPatch) -> None:
    assert refusal(front, aws_secret_access_key="wrong") == "SignatureDoesNotMatch"
    assert refusal(front, aws_access_key_id="NOBODY") == "InvalidAccessKeyId"
    assert refusal(front, aws_session_token="other") == "InvalidToken"
    put(front, region_name="eu-west-1")  # botocore goes where the refusal points
    assert [fact.code for fact in list(front.facts)[-2:]] == ["AuthorizationHeaderMalformed", None]
    front.objects.clear()
    assert refusal(front, bucket="no-such-bucket") == "NoSuchBucket"
    front.behave(s3_faults.lie_about_date(16 * 60))
    assert refusal(front) == "RequestTimeTooSkewed"
    assert front.objects == {}
    front.heal()
    put(front)
    assert refusal(front, IfNoneMatch="*") == "PreconditionFailed"
    monkeypatch.setattr(botocore.auth.S3SigV4Auth, "payload", lambda *_: "0" * 64)
    assert refusal(front) == "XAmzContentSHA256Mismatch"


def test_keys_are_renewed_while_it_runs(front: S3Front) -> None:
    front.accept_keys({"NEW": Key("new/secret", token="new-token")})
    assert refusal(front) == "InvalidAccessKeyId"
    new = {"aws_access_key_id": "NEW", "aws_secret_access_key": "new/secret", "aws_session_token": "new-token"}
    put(front, **new)
    front.accept_keys({"NEW": Key("new/secret", token="new-token", rights=frozenset({"get"}))})
    assert refusal(front, **new) == "AccessDenied"


def test_behaviours_come_in_their_order_and_the_last_one_stays(front: S3Front) -> None:
    front.behave(s3_faults.refuse("SlowDown", 503), s3_faults.good, s3_faults.refuse("InternalError", 500))
    assert refusal(front) == "SlowDown"
    put(front)
    assert [refusal(front) for _ in range(2)] == ["InternalError"] * 2
    front.heal()
    put(front)


def test_what_it_keeps_and_what_it_says_can_be_told_apart(front: S3Front) -> None:
    for behaviour in (s3_faults.reset, s3_faults.garbage()):
        front.behave(behaviour)
        with pytest.raises(Exception, match=r"Connection|BadStatusLine"):
            put(front)
    front.behave(s3_faults.stall())
    with pytest.raises(ReadTimeoutError):
        put(front)
    assert front.objects == {}
    front.behave(s3_faults.reset_after_storing)
    with pytest.raises(ConnectionClosedError):
        put(front)
    assert front.objects[STILL.object_key].body == b"jpeg"
    front.behave(s3_faults.damage)
    assert put(front)["ETag"] != '"' + "0f" * 16 + '"'
    assert front.objects[STILL.object_key].body == b"jpe?"
    front.behave(s3_faults.wrong_etag)
    assert put(front)["ETag"] == '"' + "0f" * 16 + '"'
