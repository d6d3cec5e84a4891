"""``stillcast check`` against real servers: what is right is done for real, what is wrong is named in one line."""

from __future__ import annotations

import json
import re
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from subprocess import CompletedProcess

import pytest
import trustme

from stillcast.naming import parse_object_key
from stillcast.receiver import Receiver
from support.bucket import assert_bucket_is_as_announced
from support.callback_server import CallbackServer, Talk, answer
from support.canaries import WRONG_SECRET
from support.cli import stillcast
from support.s3_settings import EXTRA_INFO, s3_settings
from support.servers import PUTTER_KEY, PUTTER_SECRET, SECRET_KEY, WRITER_KEY, WRITER_SECRET, S3Server, seaweedfs
from support.stills import WEBHOOK_SECRET
from support.streams import free_port

SECRETS = (
    SECRET_KEY,
    WRITER_SECRET,
    PUTTER_SECRET,
    WRONG_SECRET,
    WEBHOOK_SECRET,
    WEBHOOK_SECRET.removeprefix("whsec_"),
)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    with seaweedfs(tmp_path_factory.mktemp("s3")) as server:
        yield server


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver(secret=WEBHOOK_SECRET) as server:
        yield server


def check(file: Path, *arguments: str) -> CompletedProcess[str]:
    """Run the command; whatever it says, it tells no secret and breaks with no traceback."""
    done = stillcast("check", "-c", file, *arguments)
    said = done.stdout + done.stderr
    assert "Traceback" not in said
    assert not [secret for secret in SECRETS if secret in said]
    return done


STEPS = ("settings", "encoder", "spool", "store", "callback", "rights")


def steps_of(done: CompletedProcess[str]) -> dict[str, tuple[str, str]]:
    """Status and text of each step, as they were told."""
    steps = {}
    for line in done.stdout.splitlines():
        step, status, text = line.split(maxsplit=2)
        steps[step] = (status, text)
    assert tuple(steps) == STEPS
    return steps


def failed_line(done: CompletedProcess[str], step: str) -> str:
    """The one line that says what is wrong; the settings were right, and what came after was left out."""
    assert (done.returncode, done.stderr) == (1, "")
    steps = steps_of(done)
    expected = {"store": ["FAILED", "skipped", "skipped"], "callback": ["ok", "FAILED", "warning"]}[step]
    assert [status for status, _ in steps.values()] == ["ok", "ok", "ok", *expected]
    return steps[step][1]


PUTTER = {"access_key": PUTTER_KEY, "secret_key": PUTTER_SECRET, "secret_key_file": None}
WRITER = {"access_key": WRITER_KEY, "secret_key": WRITER_SECRET, "secret_key_file": None}
POLICY = "use a policy that allows s3:PutObject on arn:aws:s3:::test-artifacts/{}/* alone"


def test_with_the_policy_of_the_readme_a_canary_is_in_the_bucket_and_announced(
    store: S3Server, receiver: Receiver, tmp_path: Path
) -> None:
    file = s3_settings(tmp_path, store, receiver.url, {"storage": {"prefix": ["canary0"], **PUTTER}})
    done = check(file)
    assert (done.returncode, done.stderr) == (0, "")
    assert [status for status, _ in steps_of(done).values()] == ["ok"] * 6
    assert receiver.problems == []
    assert_bucket_is_as_announced(store, "canary0", receiver.received)
    (announced,) = receiver.received
    key = parse_object_key(announced.object_key)
    assert (key.prefix, key.cname, key.uid) == (("canary0",), "stillcast-check", "canary")
    assert (announced.signed, announced.extra_info) == (True, EXTRA_INFO)
    assert announced.object_key in done.stdout


@pytest.mark.parametrize(
    ("prefix", "keys", "excess"),
    [
        (
            "canary1",
            {},
            "s3:GetObject of stills, s3:ListBucket of the bucket, s3:DeleteObject of stills, "
            "s3:DeleteObject outside storage.prefix",
        ),
        ("canary2", WRITER, "s3:DeleteObject of stills, s3:DeleteObject outside storage.prefix"),
    ],
    ids=["all rights", "write and delete"],
)
def test_a_key_that_can_do_more_than_put_is_warned_of_and_cleans_up_after_itself(
    store: S3Server, receiver: Receiver, tmp_path: Path, prefix: str, keys: dict[str, object], excess: str
) -> None:
    kept = store.all_keys()
    done = check(s3_settings(tmp_path, store, receiver.url, {"storage": {"prefix": [prefix], **keys}}), "--json")
    assert done.returncode == 0, "a warning is no failure"
    told = json.loads(done.stdout)
    assert told["ok"] is True
    assert [step["status"] for step in told["steps"]] == ["ok"] * 5 + ["warning"]
    rights = told["steps"][5]["detail"]
    assert f"may do more than put: {excess}: " in rights
    assert POLICY.format(prefix) in rights
    assert len(receiver.received) == 1, "it is announced before it is removed"
    assert store.all_keys() == kept


def test_what_the_store_does_not_say_of_rights_is_not_called_right(
    store: S3Server, receiver: Receiver, tmp_path: Path
) -> None:
    # Takes the put, and fails whatever comes after that.
    with CallbackServer(answer(200, b""), answer(500, b"")) as odd:
        storage = {"endpoint": odd.url.split("/stills")[0], "ca_file": None, "verify_digest": False}
        done = check(s3_settings(tmp_path, store, receiver.url, {"storage": storage}))
    status, text = steps_of(done)["rights"]
    assert status == "warning"
    assert "is not known: s3:GetObject (status 500), s3:ListBucket (status 500), s3:DeleteObject (status 500)" in text


LATEST = "latest/stillcast-check/canary.jpg"


@pytest.mark.parametrize(
    ("prefix", "keys", "expected"),
    [
        ("newest0", {}, ("ok", f"wrote newest0/{LATEST} and read its time")),
        ("newest1", PUTTER, ("warning", f"wrote newest1/{LATEST}, but may not read it: allow s3:GetObject there")),
    ],
    ids=["all rights", "put alone"],
)
def test_the_place_of_newest_pictures_is_tried_where_they_are_kept(
    store: S3Server, receiver: Receiver, tmp_path: Path, prefix: str, keys: dict[str, object], expected: tuple[str, str]
) -> None:
    changes = {"capture": {"latest": True}, "storage": {"prefix": [prefix], **keys}}
    done = check(s3_settings(tmp_path, store, receiver.url, changes), "--json")
    assert done.returncode == 0
    steps = {step["step"]: step for step in json.loads(done.stdout)["steps"]}
    assert tuple(steps) == (*STEPS[:4], "latest", *STEPS[4:])
    status, text = expected
    assert steps["latest"]["status"] == status
    assert text in steps["latest"]["detail"]
    assert f"{prefix}/{LATEST}" in store.all_keys(prefix)


def test_the_place_of_newest_pictures_is_not_tried_where_no_still_can_be_stored(
    store: S3Server, receiver: Receiver, tmp_path: Path
) -> None:
    wrong = {"capture": {"latest": True}, "storage": {"secret_key": WRONG_SECRET, "secret_key_file": None}}
    told = json.loads(check(s3_settings(tmp_path, store, receiver.url, wrong), "--json").stdout)
    statuses = {step["step"]: step["status"] for step in told["steps"]}
    assert (statuses["store"], statuses["latest"]) == ("FAILED", "skipped")


def test_json_says_the_same_for_a_program(store: S3Server, receiver: Receiver, tmp_path: Path) -> None:
    wrong = {"storage": {"secret_key": WRONG_SECRET, "secret_key_file": None}}
    done = check(s3_settings(tmp_path, store, receiver.url, wrong), "--json")
    told = json.loads(done.stdout)
    assert (done.returncode, told["ok"]) == (1, False)
    assert tuple(step["step"] for step in told["steps"]) == STEPS
    failed = told["steps"][3]
    assert (failed["status"], failed["kind"], failed["code"]) == ("FAILED", "destination", "SignatureDoesNotMatch")


@dataclass(frozen=True)
class Case:
    """One thing that is wrong in ``[storage]``, and the words that name it and the way out."""

    changes: dict[str, object]
    names: str
    way_out: str


WRONG_STORES = {
    "secret key": Case(
        {"secret_key": WRONG_SECRET, "secret_key_file": None}, "SignatureDoesNotMatch", "mend storage.secret_key"
    ),
    "access key": Case({"access_key": "NOBODYKNOWSTHISKEY"}, "InvalidAccessKeyId", "mend it, or make that key"),
    "bucket": Case({"url": "s3://no-such-bucket"}, "s3://no-such-bucket at https://localhost:", "make the bucket"),
    "authority": Case({"ca_file": None}, "certificate is not trusted", "set storage.ca_file"),
}


@pytest.mark.parametrize("case", WRONG_STORES.values(), ids=WRONG_STORES)
def test_what_is_wrong_with_the_store_is_named_with_the_way_out(
    store: S3Server, receiver: Receiver, tmp_path: Path, case: Case
) -> None:
    line = failed_line(check(s3_settings(tmp_path, store, receiver.url, {"storage": case.changes})), "store")
    assert line.startswith("storage.url: s3://")
    assert case.names in line
    assert case.way_out in line
    assert receiver.received == []


def amazon_says(status: int, code: str, region_of_bucket: str) -> Talk:
    """How Amazon answers a request that was signed for another region than the bucket's."""
    body = f"<Error><Code>{code}</Code><Message>wrong region</Message><Region>{region_of_bucket}</Region></Error>"
    return answer(status, body.encode(), "Content-Type: application/xml", f"x-amz-bucket-region: {region_of_bucket}")


@pytest.mark.parametrize(
    ("status", "code"), [(400, "AuthorizationHeaderMalformed"), (301, "PermanentRedirect")], ids=["malformed", "moved"]
)
def test_a_wrong_region_is_named_with_the_right_one(
    store: S3Server, receiver: Receiver, tmp_path: Path, status: int, code: str
) -> None:
    # SeaweedFS has no regions, so a scripted server answers here.
    with CallbackServer(amazon_says(status, code, "cn-north-1")) as amazon:
        storage = {"endpoint": amazon.url.split("/stills")[0], "region": "eu-west-1", "ca_file": None}
        line = failed_line(check(s3_settings(tmp_path, store, receiver.url, {"storage": storage})), "store")
        assert len(amazon.requests) == 1
    assert "(region eu-west-1)" in line
    assert "the region is wrong: set storage.region to cn-north-1" in line


def test_an_endpoint_where_nobody_listens_is_named(store: S3Server, receiver: Receiver, tmp_path: Path) -> None:
    endpoint = f"https://localhost:{free_port()}"
    line = failed_line(check(s3_settings(tmp_path, store, receiver.url, {"storage": {"endpoint": endpoint}})), "store")
    assert f"at {endpoint}" in line
    assert "cannot connect" in line
    assert "check storage.endpoint" in line


@pytest.mark.parametrize(
    ("talk", "reason"),
    [
        (answer(500), "status 500"),
        (answer(302, b"", "Location: /elsewhere"), "status 302"),
        (answer(200, b"<html>Welcome</html>", "Content-Type: text/html"), "not JSON"),
    ],
    ids=["500", "redirect", "html"],
)
def test_a_callback_server_that_answers_wrong_is_named(
    store: S3Server, tmp_path: Path, talk: Talk, reason: str
) -> None:
    with CallbackServer(talk) as server:
        line = failed_line(check(s3_settings(tmp_path, store, server.url)), "callback")
        assert len(server.requests) == 3
        assert f"callback.url: {server.url.split('/stills')[0]}: {reason} after 3 attempts: " in line
    assert "make that server answer 200 with JSON, or mend callback.url" in line


def test_a_callback_server_that_is_down_is_named(store: S3Server, tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    line = failed_line(check(s3_settings(tmp_path, store, f"{url}/stills")), "callback")
    assert f"callback.url: {url}: cannot connect after 3 attempts: " in line
    assert "mend callback.url" in line


def test_a_callback_server_of_an_unknown_authority_is_named_and_its_file_mends_it(
    store: S3Server, tmp_path: Path
) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "callback-ca.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    with CallbackServer(answer(200), tls=context) as server:
        line = failed_line(check(s3_settings(tmp_path, store, server.url)), "callback")
        assert "certificate not trusted after 3 attempts: set callback.ca_file" in line
        assert server.requests == []
        mended = {"callback": {"ca_file": str(tmp_path / "callback-ca.pem")}}
        assert check(s3_settings(tmp_path, store, server.url, mended)).returncode == 0
        assert len(server.requests) == 1


def test_every_problem_of_the_settings_is_one_line_and_nothing_is_tried(store: S3Server, tmp_path: Path) -> None:
    kept = set(store.all_keys())
    wrong = {
        "storage": {"prefix": ["stills", "dir_2"], "nosuch": 1},
        "capture": {"quality": 101},
        "spool": {"max_age": "soon"},
    }
    done = check(s3_settings(tmp_path, store, "http://stills.example.com/stills", wrong))
    assert (done.returncode, done.stdout) == (2, "")
    lines = [line.removeprefix("stillcast: error: ") for line in done.stderr.splitlines()]
    named = ("capture.quality: 101: ", "storage.prefix[1]: ", "storage.nosuch: ", "callback.url: ", "spool.max_age: ")
    assert [sum(line.startswith(name) for line in lines) for name in named] == [1] * len(lines)
    (callback,) = [line for line in lines if line.startswith("callback.url: ")]
    assert "sends in the clear over a network: use https, or set callback.allow_http = true" in callback
    assert set(store.all_keys()) == kept


@pytest.mark.parametrize(("ahead_s", "words"), [(300, "behind the store's"), (-300, "ahead of the store's")])
def test_a_clock_that_is_off_is_told_though_the_store_takes_the_canary(
    store: S3Server, receiver: Receiver, tmp_path: Path, ahead_s: float, words: str
) -> None:
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=ahead_s), usegmt=True)
    with CallbackServer(answer(200, b"", f"Date: {date}"), answer(403, b"")) as odd:
        storage = {"endpoint": odd.url.split("/stills")[0], "ca_file": None, "verify_digest": False}
        done = check(s3_settings(tmp_path, store, receiver.url, {"storage": storage}))
    assert done.returncode == 0
    steps = steps_of(done)
    assert [status for status, _ in steps.values()] == ["ok", "ok", "ok", "warning", "ok", "ok"]
    assert re.search(rf"but this clock is (29[5-9]|30[0-5]) s {words}: set it \(NTP\)", steps["store"][1])
