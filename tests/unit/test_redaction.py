"""Nothing that is shown, logged, dumped or raised has a secret in it."""

from __future__ import annotations

import ast
import base64
import copy
import html
import io
import json
import logging
import pickle
import traceback
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

import stillcast
from stillcast.agent import Agent
from stillcast.callbacks import Notifier
from stillcast.config import AgentConfig
from stillcast.redaction import HIDDEN, LOGGERS, LogRedaction, Redactor, address_secrets
from stillcast.sources.locations import locate
from stillcast.storage import open_store
from support.canaries import ACCESS_KEY, PASSWORD, SECRET_KEY, SESSION_TOKEN, WEBHOOK_SECRET, found_in
from support.settings import SOURCE, clear_environment

SECRET = 'pA55/wo+rd "ü"\\<&>'
SOURCES = Path(stillcast.__file__).parent


@pytest.fixture(autouse=True)
def no_settings_from_outside(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    clear_environment(monkeypatch, home=tmp_path)


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """What a host's handler writes that stands at the root."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    logging.getLogger().addHandler(handler)
    yield stream
    logging.getLogger().removeHandler(handler)


def config() -> AgentConfig:
    return AgentConfig.load(
        storage={
            "url": "s3://bucket",
            "endpoint": "http://127.0.0.1:1",
            "region": "us-east-1",
            "access_key": ACCESS_KEY,
            "secret_key": SECRET_KEY,
            "session_token": SESSION_TOKEN,
        },
        callback={"url": f"https://localhost/?token={quote(PASSWORD)}", "secret": WEBHOOK_SECRET},
        source=[SOURCE | {"url": f"rtmp://user:{quote(PASSWORD, safe='')}@127.0.0.1/live"}],
    )


@pytest.mark.parametrize(
    "form",
    [
        SECRET,
        quote(SECRET),
        quote(SECRET, safe=""),
        quote(SECRET, safe="").lower().replace("pa55", "pA55"),
        quote_plus(SECRET),
        json.dumps(SECRET),
        json.dumps(SECRET, ensure_ascii=False),
        repr(SECRET),
        repr(SECRET.encode()),
        html.escape(SECRET),
        base64.b64encode(SECRET.encode()).decode(),
        base64.urlsafe_b64encode(SECRET.encode()).decode(),
        base64.b64encode(b"user:" + SECRET.encode() + b"@").decode(),
        base64.b64encode(b"u:" + SECRET.encode()).decode(),
    ],
)
def test_a_secret_is_masked_in_every_form_it_may_take(form: str) -> None:
    masked = Redactor([SECRET]).masked(f"before {form} after")
    assert masked.startswith("before ")
    assert masked.endswith(" after")
    assert HIDDEN in masked
    # At the ends of base64 some characters hold bits of others too.
    assert len(masked.replace(HIDDEN, "").replace("before ", "").replace(" after", "")) <= 12
    assert "55/wo" not in masked


@given(secret=st.text(min_size=8).filter(lambda text: text.encode(errors="replace") == text.encode("utf-8", "ignore")))
def test_any_secret_of_some_length_is_masked(secret: str) -> None:
    masked = Redactor([secret]).masked(f"\n{secret}\t{quote(secret)}")
    assert secret not in masked.replace(HIDDEN, "")


def test_short_values_are_left_alone() -> None:
    redactor = Redactor(["short", ""])
    assert not redactor
    assert redactor.masked("a short text") == "a short text"


def test_the_longer_of_two_secrets_is_masked_as_a_whole() -> None:
    assert Redactor(["12345678", "whsec_12345678"]).masked("x whsec_12345678 12345678") == f"x {HIDDEN} {HIDDEN}"


def test_a_redactor_tells_nobody_what_it_knows() -> None:
    redactor = Redactor([SECRET])
    assert repr(redactor) == str(redactor) == f"Redactor({HIDDEN})"
    with pytest.raises(TypeError, match="holds secrets"):
        pickle.dumps(redactor)


def test_what_an_address_hides_is_known_as_it_stands_and_decoded() -> None:
    assert {"a%2Fb", "a/b", "x%20y", "x y"} <= set(address_secrets("rtmp://user:a%2Fb@host/live?token=x%20y"))
    assert list(address_secrets("http://[bad")) == []


def test_every_logger_of_the_package_is_watched() -> None:
    names = {
        node.args[0].value
        for file in SOURCES.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Call)
        and ast.unparse(node.func).endswith("getLogger")
        and node.args
        and isinstance(node.args[0], ast.Constant)
    }
    assert names
    assert names <= set(LOGGERS)


@pytest.mark.parametrize("name", [*LOGGERS, "asyncio", "botocore.endpoint"])
def test_while_an_owner_lives_every_record_is_masked_traceback_included(name: str, log: io.StringIO) -> None:
    logger = logging.getLogger(name)
    redaction = LogRedaction(Redactor([SECRET_KEY]))
    redaction.start()
    try:
        logger.warning("with %s in its arguments", SECRET_KEY)
        logger.warning(SECRET_KEY)
        try:
            raise ValueError(SECRET_KEY) from OSError(quote(SECRET_KEY, safe=""))
        except ValueError:
            logger.exception("broke")
            logger.warning("with a stack", stack_info=True)
        logger.warning("%d too few", SECRET_KEY)
    finally:
        redaction.stop()
    written = log.getvalue()
    assert found_in(written) is None
    assert f"with {HIDDEN} in its arguments" in written
    assert f"ValueError: {HIDDEN}" in written
    assert f"OSError: {HIDDEN}" in written
    assert "a log line that cannot be written" in written


def test_a_handler_at_the_logger_itself_sees_no_secret_either() -> None:
    seen: list[logging.LogRecord] = []
    handler = logging.Handler()
    handler.emit = seen.append  # type: ignore[method-assign]
    logger = logging.getLogger("stillcast.delivery")
    logger.addHandler(handler)
    redaction = LogRedaction(Redactor([SECRET_KEY]))
    redaction.start()
    try:
        try:
            raise ValueError(SECRET_KEY)
        except ValueError:
            logger.exception("broke")
    finally:
        redaction.stop()
        logger.removeHandler(handler)
    assert found_in(str(seen[0].__dict__)) is None
    assert seen[0].exc_info is None


def test_records_without_secrets_stay_as_they_are() -> None:
    seen: list[logging.LogRecord] = []
    handler = logging.Handler()
    handler.emit = seen.append  # type: ignore[method-assign]
    logger = logging.getLogger("stillcast.agent")
    logger.addHandler(handler)
    redaction = LogRedaction(Redactor([SECRET_KEY]))
    redaction.start()
    try:
        raise ValueError("harmless")
    except ValueError:
        logger.exception("with %s", "arguments")
    finally:
        redaction.stop()
        logger.removeHandler(handler)
    assert seen[0].args == ("arguments",)
    assert seen[0].exc_info is not None


def test_owners_beside_each_other_mask_their_own_until_they_end(log: io.StringIO) -> None:
    one, other = LogRedaction(Redactor(["secret of one"])), LogRedaction(Redactor(["secret of other"]))
    one.start()
    other.start()
    logger = logging.getLogger("stillcast.agent")
    logger.warning("secret of one, secret of other")
    one.stop()
    logger.warning("secret of one, secret of other")
    other.stop()
    other.stop()
    assert log.getvalue().splitlines() == [f"{HIDDEN}, {HIDDEN}", f"secret of one, {HIDDEN}"]
    assert not any(logging.getLogger(name).filters for name in LOGGERS)


def test_an_agent_masks_its_secrets_in_the_log_while_it_runs(tmp_path: Path, log: io.StringIO) -> None:
    settings = config().model_copy(
        update={"spool": AgentConfig.load(spool={"path": tmp_path / "spool", "allow_tmpfs": True}).spool}
    )
    with Agent(settings) as agent:
        for secret in settings.secrets():
            logging.getLogger("stillcast.agent").warning("knows %s", secret)
        assert agent.stats().stills == 0
    assert found_in(log.getvalue()) is None
    assert "knows <hidden>" in log.getvalue()
    assert not logging.getLogger("stillcast.agent").filters


def test_an_agent_that_cannot_start_leaves_the_log_alone(tmp_path: Path) -> None:
    (tmp_path / "spool").write_text("a file in the way")
    settings = config().model_copy(update={"spool": AgentConfig.load(spool={"path": tmp_path / "spool"}).spool})
    with pytest.raises(stillcast.SpoolError):
        Agent(settings).start()
    assert not logging.getLogger("stillcast.agent").filters


def test_no_form_of_what_holds_secrets_shows_one() -> None:
    whole = config()
    assert found_in("".join(whole.secrets())), "the settings have no canary: this test shows nothing"
    store = open_store(whole.storage)
    objects = [whole, whole.storage, whole.callback, whole.source[0], locate(whole.source[0].url)]
    objects += [store, Notifier(whole.callback), Agent(whole), copy.copy(whole), copy.deepcopy(whole)]
    for each in objects:
        assert found_in(f"{each!r} {each}") is None
        assert found_in(f"{[each]} {vars(each) if isinstance(each, Agent) else ''}") is None
    assert found_in(f"{whole.model_dump()} {whole.model_dump_json()} {whole.model_dump(mode='json')}") is None
    store.close()


def test_settings_with_secrets_are_not_pickled_and_others_are() -> None:
    whole = config()
    for each in (whole, whole.storage, whole.callback, whole.source[0]):
        with pytest.raises(TypeError, match="holds secrets: load the settings in the process that needs them"):
            pickle.dumps(each)
    bare = AgentConfig.load()
    assert pickle.loads(pickle.dumps(bare)) == bare
    for each in (Agent(whole), open_store(whole.storage), Notifier(whole.callback)):
        with pytest.raises(TypeError):
            pickle.dumps(each)


@pytest.mark.parametrize(
    "overrides",
    [
        {"storage": {"secret_key": SECRET_KEY, "url": "x"}},
        {"storage": {"endpoint": f"https://u:{quote(PASSWORD)}@host"}},
        {"storage": {"secret_key": f"{SECRET_KEY}\n", "access_key": ACCESS_KEY}},
        {"callback": {"secret": WEBHOOK_SECRET + "!"}},
        {"callback": {"url": f"http://u:{SECRET_KEY}@[x"}},
        {"source": [{"url": f"rtmp://u:{PASSWORD}@[host", "cname": 5}]},
    ],
)
def test_the_traceback_of_refused_settings_shows_no_secret(overrides: dict[str, object]) -> None:
    with pytest.raises(stillcast.ConfigError) as caught:
        AgentConfig.load(**overrides)
    assert_harmless(caught.value)


def assert_harmless(error: BaseException | None) -> None:
    """Look at the text of an exception, its traceback, and the whole chain, what is suppressed included."""
    while error is not None:
        assert found_in("".join(traceback.format_exception(error)) + repr(error)) is None
        error = error.__cause__ or error.__context__
