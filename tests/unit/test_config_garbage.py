from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from stillcast.config import AgentConfig, SourceConfig
from stillcast.errors import ConfigError
from support.settings import SECTIONS, SOURCE, clear_environment


@pytest.fixture(autouse=True)
def no_settings_from_outside(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    clear_environment(monkeypatch, home=tmp_path)


keys = st.sampled_from([(section, key) for section, model in SECTIONS.items() for key in model.model_fields])
scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.binary(max_size=5)
garbage = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(scalars, inner, max_size=3), max_leaves=6
)


def load_or_config_error(**overrides: object) -> None:
    try:
        AgentConfig.load(**overrides)
    except ConfigError as error:
        lines = error.problems
    else:
        return
    assert lines
    assert all(line.isprintable() for line in lines)


@given(keys, garbage)
@example(("spool", "max_bytes"), "9" * 30 + "TB")
@example(("capture", "interval"), 10**5000)
@example(("storage", "url"), "s3://[")
@example(("storage", "endpoint"), "https://\u2100")
def test_garbage_for_any_key_loads_or_is_a_config_error(place: tuple[str, str], value: object):
    section, key = place
    load_or_config_error(**{section: {key: value}})


@given(st.dictionaries(st.text(max_size=8) | st.sampled_from([*SECTIONS, "source"]), garbage, max_size=4))
@settings(max_examples=50)
def test_garbage_for_whole_sections_loads_or_is_a_config_error(overrides: dict[str, object]):
    load_or_config_error(**{name: value for name, value in overrides.items() if name not in {"path", "cls"}})


@given(st.sampled_from(list(SourceConfig.model_fields)), garbage)
def test_garbage_in_a_source_loads_or_is_a_config_error(key: str, value: object):
    load_or_config_error(source=[SOURCE, {"url": "b", "cname": "c", "uid": "d"} | {key: value}])


@given(keys, st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20))
def test_garbage_in_any_variable_loads_or_is_a_config_error(place: tuple[str, str], text: str):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STILLCAST_{}_{}".format(*place).upper(), text)
        load_or_config_error()


@given(st.text(max_size=80))
def test_any_address_of_a_store_loads_or_is_a_config_error(rest: str):
    for scheme in ("s3://", "file://", "https://"):
        load_or_config_error(storage={"url": scheme + rest, "endpoint": scheme + rest}, callback={"url": scheme + rest})
