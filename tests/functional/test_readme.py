"""The README says of the settings what they are; test_documents.py runs its code."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

import stillcast
from support.settings import clear_environment, write_secret

README = (Path(__file__).parents[2] / "README.md").read_text()


def block(language: str) -> str:
    found = re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
    assert len(found) == 1
    return str(found[0])


def table_keys() -> Iterator[str]:
    """The settings of the README's table, each by its full name."""
    for cell in re.findall(r"^\| (`(?:capture|storage|callback|spool|source)[.[].*?) \|", README, re.MULTILINE):
        names = re.findall(r"`([^`]+)`", cell)
        section = names[0].split(".")[0].removesuffix("[]")
        yield from (f"{section}.{name.split('.')[-1]}" for name in names)


def test_the_settings_load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clear_environment(monkeypatch, home=tmp_path)
    secret = write_secret(tmp_path / "secret", "of the README")
    text = block("toml").replace("/etc/stillcast/secret", str(secret))
    (tmp_path / "whole.toml").write_text(text)
    config = stillcast.AgentConfig.load(tmp_path / "whole.toml")
    assert config.storage.bucket == "test-artifacts"
    assert config.source[0].uid == "91"
    assert tomllib.loads(text).keys() == {"capture", "storage", "callback", "source"}


def test_the_table_of_settings_names_every_setting_and_no_other() -> None:
    model = stillcast.AgentConfig.model_fields
    known = {
        f"{section}.{key}"
        for section in ("capture", "storage", "callback", "spool")
        for key in model[section].annotation.model_fields  # type: ignore[union-attr]
    }
    known |= {f"source.{key}" for key in ("url", "cname", "uid", "interval", "max_size", "quality", "extra_info")}
    told = set(table_keys()) | set(re.findall(r"`((?:storage|callback)\.allow_http)`", README))
    files = {f"{name}_file" for name in ("storage.access_key", "storage.secret_key", "storage.session_token")}
    files.add("callback.secret_file")
    assert all(name.split(".")[1] in README for name in files)
    assert told == known - files
