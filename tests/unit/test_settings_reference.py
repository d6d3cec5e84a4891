"""The reference of the configuration is made from the settings: every key, and what its rule says."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

from stillcast.config import AgentConfig, SourceConfig
from support.settings import SECTIONS

FILE = Path(__file__).parents[2] / "docs" / "_ext" / "settings_reference.py"


@pytest.fixture(scope="module")
def maker() -> ModuleType:
    spec = importlib.util.spec_from_file_location("settings_reference", FILE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def rows(maker: ModuleType) -> dict[str, list[str]]:
    """The cells behind each key, by its full name."""
    found: dict[str, list[str]] = {}
    section = ""
    for line in maker.reference().splitlines():
        if heading := re.fullmatch(r"## `\[+(\w+)\]+`", line):
            section = heading[1]
        elif row := re.fullmatch(r"\| `(\w+)` \| (.+) \|", line):
            found[f"{section}.{row[1]}"] = row[2].split(" | ")
    return found


def test_every_key_that_the_settings_accept_is_named_and_no_other(rows: dict[str, list[str]]) -> None:
    models = {**SECTIONS, "source": SourceConfig}
    assert models.keys() == AgentConfig.model_fields.keys()
    assert rows.keys() == {f"{section}.{key}" for section, model in models.items() for key in model.model_fields}


def test_every_key_has_a_default_a_rule_and_a_description(rows: dict[str, list[str]]) -> None:
    for key, cells in rows.items():
        assert len(cells) == 3, key
        assert all(cells), key


@pytest.mark.parametrize(
    ("key", "default", "allowed"),
    [
        ("capture.interval", "`2.0`", "seconds between 0.05 and 86400"),
        ("capture.encoder", '`"auto"`', '"auto" or "turbo" or "native"'),
        ("storage.region", "none", 'letters, digits and "-", as "us-east-1"'),
        ("storage.verify_digest", "`true`", "true or false without quotes"),
        ("spool.max_bytes", '`"2GiB"`', 'whole bytes, or a size as "2GiB" or "500MB", from 1MiB up'),
        ("spool.max_age", '`"72h"`', 'seconds, or a time as "45s", "30m", "72h" or "7d", above 0'),
        ("spool.path", "see right", "the path of a file or directory"),
        ("source.url", "required", "at least one character"),
        ("source.quality", "none", "a whole number from 1 to 100"),
    ],
)
def test_default_and_rule_are_those_of_the_key(
    rows: dict[str, list[str]], key: str, default: str, allowed: str
) -> None:
    assert rows[key][:2] == [default, allowed]


def test_a_size_or_time_as_default_is_one_that_the_file_takes(maker: ModuleType) -> None:
    for key in ("max_bytes", "min_free", "max_age"):
        field = SECTIONS["spool"].model_fields[key]
        text = maker.default(field).strip('`"')
        assert getattr(AgentConfig.load(spool={key: text}).spool, key) == field.default


def test_code_is_shown_as_it_is_and_prose_is_no_markup(rows: dict[str, list[str]]) -> None:
    assert "`<prefix>/latest/<cname>/<uid>.jpg`" in rows["capture.latest"][2]
    assert all("<" not in re.sub(r"`+[^`]*`+", "", cell) for cells in rows.values() for cell in cells)
