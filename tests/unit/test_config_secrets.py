from __future__ import annotations

import base64
from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from stillcast.config import AgentConfig, StorageConfig
from stillcast.config.secret_values import webhook_key
from stillcast.errors import ConfigError
from stillcast.redaction import without_secrets
from support.canaries import CANARY, WEBHOOK_SECRET
from support.settings import SOURCE, clear_environment, only_problem_of, problems_of, write_secret


@pytest.fixture(autouse=True)
def no_settings_from_outside(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    clear_environment(monkeypatch, home=tmp_path)


def test_secrets_come_from_files_without_the_line_end(tmp_path: Path):
    for name, content in {"access": "AKIA1\r\n", "secret": " s p\n", "webhook-secret": WEBHOOK_SECRET + "\n"}.items():
        write_secret(tmp_path / name, content)
    config = AgentConfig.load(
        storage={"access_key_file": tmp_path / "access", "secret_key_file": str(tmp_path / "secret")},
        callback={"secret_file": tmp_path / "webhook-secret"},
    )
    assert config.storage.credentials() == ("AKIA1", " s p")
    assert config.callback.secret == SecretStr(WEBHOOK_SECRET)


@pytest.mark.parametrize("key", ["storage.access_key", "storage.secret_key", "callback.secret"])
@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (None, "cannot be read (No such file or directory)"),
        (b"", "is empty: write the secret into it"),
        (b" \n", "is empty"),
        (b"\xff\xfe" + CANARY.encode(), "is not UTF-8 text"),
        (CANARY.encode() + b"\nsecond", "has a line end or another control character"),
        (CANARY.encode() * 10_000, "is too large for a secret"),
    ],
)
def test_a_bad_secret_file_is_named_by_key_and_path(tmp_path: Path, key: str, content: bytes | None, expected: str):
    path = tmp_path / "secret"
    if content is not None:
        write_secret(path, content)
    section, name = key.split(".")
    other = {"access_key": {"secret_key": "x"}, "secret_key": {"access_key": "x"}}.get(name, {})
    problems = problems_of(**{section: {f"{name}_file": str(path)} | other})
    mine = [problem for problem in problems if problem.startswith(f"{key}_file: ")]
    assert len(mine) == len(problems) == 1
    assert expected in mine[0]
    assert str(path) in mine[0] or "..." in mine[0]
    assert CANARY not in mine[0]


@pytest.mark.parametrize(
    ("storage", "expected"),
    [
        ({"access_key": "a"}, "storage.secret_key: none: is missing beside storage.access_key"),
        ({"secret_key": CANARY}, "storage.access_key: none: is missing beside storage.secret_key"),
        (
            {"access_key": "a", "access_key_file": "/x", "secret_key": CANARY},
            "storage.access_key: <hidden>: stands beside storage.access_key_file: use one of the two",
        ),
        (
            {"access_key": "a", "secret_key": CANARY, "secret_key_file": "/x"},
            "storage.secret_key: <hidden>: stands beside storage.secret_key_file: use one of the two",
        ),
        ({"session_token": CANARY}, "storage.session_token: <hidden>: stands without the keys it belongs to"),
        ({"access_key": "", "secret_key": CANARY}, "storage.access_key: <hidden>: is empty"),
        ({"access_key": 12345678, "secret_key": CANARY}, "storage.access_key: <hidden>: is not text"),
        ({"access_key": "a", "secret_key": f"{CANARY}\n"}, "storage.secret_key: <hidden>: has a line end"),
    ],
)
def test_credentials_that_do_not_belong_together_are_one_problem(storage: dict[str, object], expected: str):
    problem = only_problem_of(storage=storage)
    assert problem.startswith(expected)
    assert CANARY not in problem
    assert "12345678" not in problem


def test_the_callback_secret_and_its_file_exclude_each_other():
    problem = only_problem_of(callback={"secret": WEBHOOK_SECRET, "secret_file": "/x"})
    assert problem == "callback.secret: <hidden>: stands beside callback.secret_file: use one of the two"


@pytest.mark.parametrize("length", [24, 25, 26, 32, 64])
@pytest.mark.parametrize("before", ["whsec_", ""])
@pytest.mark.parametrize("padding", [True, False])
def test_a_standard_webhooks_secret_has_24_to_64_bytes(length: int, before: str, padding: bool):
    encoded = base64.b64encode(bytes(range(length))).decode()
    secret = before + (encoded if padding else encoded.rstrip("="))
    assert AgentConfig.load(callback={"secret": secret}).callback.secret == SecretStr(secret)
    assert webhook_key(secret) == bytes(range(length))


@pytest.mark.parametrize(
    "secret",
    [
        "whsec_" + base64.b64encode(b"x" * 23).decode(),
        base64.b64encode(b"x" * 65).decode(),
        f"whsec_{CANARY}!",
        "whsec_====",
        "A" * 33,
        "é" * 40,
        5,
        [CANARY],
    ],
)
def test_a_callback_secret_of_another_form_is_refused_unseen(secret: object):
    problem = only_problem_of(callback={"secret": secret})
    assert problem.startswith("callback.secret: <hidden>: ")
    assert str(secret) not in problem
    assert CANARY not in problem


@pytest.mark.parametrize(
    "overrides",
    [
        {"storage": {"endpoint": f"https://user:{CANARY}@host"}},
        {"storage": {"endpoint": f"https://user:a/{CANARY}@host"}},
        {"storage": {"endpoint": f"user:{CANARY}@host"}},
        {"storage": {"endpoint": [f"https://user:{CANARY}@host"]}},
        {"storage": {"url": f"s3://key:{CANARY}@bucket"}},
        {"storage": {"url": f"https://key:{CANARY}@bucket"}},
        {"callback": {"url": f"https://{CANARY}@host/"}},
        {"callback": {"url": f"https://user:a?{CANARY}@host/"}},
        {"callback": {"url": f"http://host/?token={CANARY}"}},
        {"callback": {"urll": f"https://u:{CANARY}@host/"}},
        {"storage": {"acess_key": CANARY}},
        {"storage": {"secretkey": CANARY}},
        {"storage": {"password": 51251251, "note": CANARY}},
        {"storage": CANARY},
        {"storage": [CANARY]},
        {"storag": CANARY},
        {"unknown": {"secret_key": CANARY}},
        {"secret_key": CANARY},
        {"capture": {"secret": CANARY}},
        {"source": f"rtsp://u:{CANARY}@camera"},
        {"source": [f"rtsp://u:{CANARY}@camera"]},
        {"source": [{"url": f"rtsp://u:{CANARY}@camera/\ud800", "cname": "a", "uid": "b"}]},
    ],
)
def test_a_secret_in_the_wrong_place_is_not_repeated(overrides: dict[str, object]):
    problems = problems_of(**overrides)
    assert CANARY not in "".join(problems)
    assert "51251251" not in "".join(problems)


def test_user_and_password_in_an_address_are_refused_with_the_way_out():
    assert only_problem_of(storage={"endpoint": "https://u:p@host"}) == (
        'storage.endpoint: "https://<hidden>@host": has a user or password in it: '
        "use storage.access_key and storage.secret_key"
    )
    assert "use callback.secret to prove who calls" in only_problem_of(callback={"url": "https://u:p@host"})


def test_no_form_of_the_settings_shows_a_secret():
    secret = base64.b64encode(CANARY.encode() * 3).decode()
    config = AgentConfig.load(
        storage={"access_key": CANARY, "secret_key": CANARY, "session_token": SecretStr(CANARY)},
        callback={"secret": secret},
        source=[SOURCE | {"url": f"srt://u:{CANARY}@h:1?passphrase={CANARY}"}],
    )
    shown = f"{config!r} {config} {config.model_dump()} {config.model_dump_json()}"
    assert CANARY not in shown
    assert secret not in shown
    assert config.source[0].url == f"srt://u:{CANARY}@h:1?passphrase={CANARY}"
    assert config.source[0].public_url == "srt://<hidden>@h:1?<hidden>"


def test_an_error_has_no_chain_that_holds_the_settings():
    with pytest.raises(ConfigError) as caught:
        AgentConfig.load(storage={"secret_key": CANARY, "url": "x"})
    assert caught.value.__context__ is None
    assert caught.value.__cause__ is None
    assert CANARY not in repr(caught.value)


def test_a_section_made_by_hand_keeps_the_same_rules_and_shows_no_secret():
    with pytest.raises(ValidationError) as caught:
        StorageConfig(url="s3://bucket", secret_key=CANARY)
    assert "storage.access_key: none: is missing" in str(caught.value)
    assert CANARY not in str(caught.value)


@pytest.mark.parametrize(
    ("address", "safe"),
    [
        ("clip.mp4", "clip.mp4"),
        ("rtmp://h/live/a", "rtmp://h/live/a"),
        ("rtsp://u:p@h/x", "rtsp://<hidden>@h/x"),
        ("rtsp://u:p@w@h/x", "rtsp://<hidden>@h/x"),
        ("srt://h:1?passphrase=x#y", "srt://h:1?<hidden>"),
    ],
)
def test_an_address_for_messages_has_no_user_and_no_query(address: str, safe: str):
    assert without_secrets(address) == safe
