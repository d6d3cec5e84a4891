"""An application moves over from Agora: its callback server unchanged, its calls by docs/agora.md."""

from __future__ import annotations

import ast
import hashlib
import http.client
import io
import json
import re
import sys
import time
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import stillcast
from stillcast import agora
from support import application_server
from support.agents import Host, settings, stored
from support.application_server import ApplicationServer
from support.s3_settings import section_text
from support.servers import seaweedfs
from support.settings import clear_environment, write_secret
from support.stills import wait_until

PAGE = (Path(__file__).parents[2] / "docs" / "agora.md").read_text(encoding="utf-8")
CHANNEL = "httpClient463224"
PREFIX = ["directory1", "directory2"]


class Store:
    """Where the stills of a test end, as ``[storage]`` and as one looks into it."""

    def __init__(self, section: dict[str, object], keys: Callable[[], set[str]], get: Callable[[str], bytes]) -> None:
        self.section = section
        self.keys = keys
        self.get = get


@pytest.fixture(params=["directory", "SeaweedFS"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    root = tmp_path / "stills"
    if request.param == "directory":
        yield Store({"url": root.as_uri()}, lambda: stored(tmp_path), lambda key: (root / key).read_bytes())
        return
    (tmp_path / "s3").mkdir()
    with seaweedfs(tmp_path / "s3") as server:
        yield Store(server.settings(), lambda: set(server.all_keys()), lambda key: bytes(server.get(key)["Body"]))


def supervise(interval: float, extra_info: str) -> agora.ContentInspectConfig:
    module = agora.ContentInspectModule(agora.CONTENT_INSPECT_TYPE_SUPERVISE, interval)
    return agora.ContentInspectConfig(extra_info, 1, [module])


def test_a_callback_server_written_from_the_contract_alone_takes_every_still(tmp_path: Path, store: Store) -> None:
    with ApplicationServer() as server:
        config = settings(tmp_path, callback={"url": server.address}, storage={**store.section, "prefix": PREFIX})
        captured: list[str] = []
        with stillcast.Agent(config) as agent:
            agent.on_still(lambda still: captured.append(still.uid))
            engines = {uid: agora.RtcEngine() for uid in (91, "zoë/9_1__uid_s_")}
            for uid, engine in engines.items():
                assert engine.initialize(agent, CHANNEL, uid) == agora.ERR_OK
                assert engine.enable_content_inspect(True, supervise(0.1, "")) == agora.ERR_OK
            with Host(*(engine.push_video_frame for engine in engines.values())):
                wait_until(lambda: len({told.user for told in server.supervised}) == 2)
                assert engines[91].enable_content_inspect(True, supervise(0.05, "round 2")) == agora.ERR_OK
                wait_until(lambda: [told.data for told in server.supervised].count("round 2") >= 3)
                assert engines[91].enable_content_inspect(False) == agora.ERR_OK
                wait_until(lambda: len(agent._collector.feeds()) == 1)  # no still of it is under way
                before = list(captured)
                wait_until(lambda: len(captured) >= len(before) + 3)
                assert captured.count("91") == before.count("91")
            for engine in engines.values():
                engine.release()
            assert agent.flush(20)
        told = server.supervised
        assert server.refused == []
    assert len(told) == len(captured)
    assert {each.object for each in told} == store.keys()
    assert {(each.channel, each.user) for each in told} == {(CHANNEL, "91"), (CHANNEL, "zoë/9_1__uid_s_")}
    assert {each.directories for each in told} == {tuple(PREFIX)}
    assert {each.data for each in told if each.user == "91"} == {"", "round 2"}
    assert {each.data for each in told if each.user != "91"} == {""}
    for each in told:
        assert Image.open(io.BytesIO(store.get(each.object))).format == "JPEG"


def changed(body: dict[str, Any], address: str, **fields: object) -> bytes:
    """A body with other values and, unless that is changed itself, with the checksum that belongs to them."""
    body = {**body, **fields}
    if "checksum" not in fields:
        whole = f"{address}{body['code']}{body['object']}{body['requestId']}"
        body["checksum"] = hashlib.md5(whole.encode()).hexdigest()
    return json.dumps(body).encode()


def test_the_callback_server_of_the_tests_refuses_what_the_contract_does_not_say() -> None:
    sid, utc = "38f8e3cfdc474cd56fc1ceba380d7e1a", "20201216081128672"
    good = {
        "requestId": f"{sid}_1608106288_{'ab' * 16}",
        "callbackParam": {"cname": CHANNEL},
        "callbackData": "",
        "checksum": "",
        "object": f"test/20201216/{sid}_{CHANNEL}__uid_s_91__uid_e_video_{utc}.jpg",
        "code": 200,
        "msg": "Supervise complete",
        "channelName": CHANNEL,
        "userId": "91",
        "timestamp": int(utc),
    }
    bad: list[dict[str, object]] = [
        {"checksum": "0" * 32},
        {"code": 206},
        {"msg": "supervise complete"},
        {"timestamp": utc},
        {"timestamp": int(utc) + 1},
        {"userId": "92"},
        {"channelName": "lobby", "callbackParam": {"cname": "lobby"}},
        {"callbackParam": {}},
        {"callbackData": "x" * 1025},
        {"requestId": f"{'0' * 32}_1608106288_{'ab' * 16}"},
        {"object": good["object"].replace("20201216/", "20201217/")},  # type: ignore[attr-defined]
        {"object": good["object"].replace("video", "audio")},  # type: ignore[attr-defined]
        {"still": {}},
    ]
    with ApplicationServer() as server:

        def status(raw: bytes, content_type: str = "application/json;charset=utf-8") -> int:
            client = http.client.HTTPConnection(server.address.split("/")[2], timeout=30)
            client.request("POST", "/agora/supervise", raw, {"Content-Type": content_type})
            answer = client.getresponse()
            json.loads(answer.read())
            client.close()
            return answer.status

        assert [status(changed(good, server.address, **fields)) for fields in bad] == [400] * len(bad)
        assert status(b"{") == status(b"[]") == 400
        assert status(changed(good, server.address), "application/json") == 400
        assert (len(server.refused), server.supervised) == (len(bad) + 3, [])
        assert status(changed(good, server.address)) == status(changed(good, server.address)) == 200
        (told,) = server.supervised
    assert (told.directories, told.channel, told.user, told.utc) == (("test",), CHANNEL, "91", utc)


def test_the_callback_server_of_the_tests_shares_no_code_with_stillcast() -> None:
    tree = ast.parse(Path(application_server.__file__).read_text(encoding="utf-8"))
    imported = {
        name.split(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in ([node.module or ""] if isinstance(node, ast.ImportFrom) else [each.name for each in node.names])
    }
    assert imported <= sys.stdlib_module_names


def block(language: str) -> str:
    (found,) = re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    return str(found)


def test_the_program_of_the_page_runs_with_the_callback_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clear_environment(monkeypatch, home=tmp_path)
    monkeypatch.chdir(tmp_path)
    with ApplicationServer() as server:
        sections: dict[str, dict[str, object]] = {
            "callback": {"url": server.address},
            "storage": {"url": (tmp_path / "stills").as_uri(), "prefix": PREFIX},
            "spool": {"path": str(tmp_path / "spool"), "allow_tmpfs": True},
        }
        text = "".join(section_text(name, values) for name, values in sections.items())
        Path("stillcast.toml").write_text(text, encoding="utf-8")

        def host() -> Iterator[np.ndarray[Any, Any]]:
            deadline = time.monotonic() + 60  # for a broken test
            while not server.supervised:
                assert time.monotonic() < deadline, server.refused
                yield np.full((90, 160, 3), 90, np.uint8)

        exec(block("python"), {"host": host()})
        told = server.supervised
        assert server.refused == []
    assert {(each.channel, each.user, each.data) for each in told} == {(CHANNEL, "91", "room 7")}
    assert {each.object for each in told} == stored(tmp_path)
    assert capsys.readouterr().out == ""


def test_the_settings_of_the_page_load_and_are_those_of_its_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clear_environment(monkeypatch, home=tmp_path)
    secret = write_secret(tmp_path / "secret", "of the page")
    text = block("toml").replace("/etc/stillcast/secret", str(secret))
    file = tmp_path / "page.toml"
    file.write_text(text, encoding="utf-8")
    config = stillcast.AgentConfig.load(file)
    assert (config.storage.bucket, config.storage.prefix) == ("test-artifacts", tuple(PREFIX))
    rows = re.findall(r"^\| ([a-z ]+) \| (`.*?) \| .* \|$", PAGE, re.MULTILINE)
    names = {console: re.findall(r"`([a-z]+\.[a-z_]+)`", ours)[0] for console, ours in rows}
    assert set(names) == {
        "callback address",
        "storage",
        "region",
        "access key",
        "secret key",
        "bucket name",
        "endpoint",
        "file name prefix",
    }
    given = {f"{section}.{key.removesuffix('_file')}" for section, keys in tomllib.loads(text).items() for key in keys}
    assert given == set(names.values())


def test_the_page_names_everything_that_there_is_with_its_value() -> None:
    public = {name: value for name, value in vars(agora).items() if name.startswith(("CONTENT", "MAX", "ERR"))}
    assert len(public) == 10
    for name, value in public.items():
        assert f"`{name}` {value}" in PAGE or f"| {value} | `{name}` |" in PAGE
    for name in ("RtcEngine", "ContentInspectConfig", "ContentInspectModule"):
        assert f"`{name}(" in PAGE
    for name in (name for name in vars(agora.RtcEngine) if not name.startswith("_")):
        assert re.search(rf"`{name}\b", PAGE), name
