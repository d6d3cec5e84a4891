from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import ValidationError

from stillcast.config import AgentConfig, CaptureConfig, SourceConfig
from support.canaries import CANARY
from support.settings import SOURCE, clear_environment, only_problem_of, problems_of, write_secret

CONTRACT_TOML = """
[capture]
interval = 2.0                      # seconds between two stills of a feed
max_size = [640, 360]
quality = 80                        # 1..100

[storage]
url = "s3://test-artifacts"         # or file:///var/lib/stillcast/stills
region = "cn-north-1"
endpoint = "https://s3.example.com" # optional: any S3-compatible store
access_key = "12345678"             # or access_key_file, or boto3's own credential chain
secret_key_file = "{secret}"
prefix = ["directory1", "directory2"]

[callback]
url = "https://example.com/stills"
timeout = 5.0
attempts = 3
extra_info = ""

[spool]
path = "/var/lib/stillcast/spool"
max_bytes = "2GiB"
max_age = "72h"

[[source]]
url = "rtmp://127.0.0.1/live/lobby"
cname = "lobby"
uid = "91"
"""


@pytest.fixture(autouse=True)
def no_settings_from_outside(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    clear_environment(monkeypatch, home=tmp_path)


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str], Path]:
    def write(toml: str) -> Path:
        path = tmp_path / "stillcast.toml"
        path.write_text(toml, encoding="utf-8")
        return path

    return write


def test_the_contracts_file_loads_with_every_value(write: Callable[[str], Path], tmp_path: Path):
    secret = write_secret(tmp_path / "secret", "s3cr3t\n")
    config = AgentConfig.load(write(CONTRACT_TOML.format(secret=secret)))
    assert config.capture == CaptureConfig(interval=2.0, max_size=(640, 360), quality=80)
    assert (config.storage.kind, config.storage.bucket) == ("s3", "test-artifacts")
    assert (config.storage.region, config.storage.endpoint) == ("cn-north-1", "https://s3.example.com")
    assert config.storage.credentials() == ("12345678", "s3cr3t")
    assert config.storage.prefix == ("directory1", "directory2")
    assert config.callback.url == "https://example.com/stills"
    assert (config.callback.timeout, config.callback.attempts, config.callback.extra_info) == (5.0, 3, "")
    assert config.spool.path == Path("/var/lib/stillcast/spool")
    assert (config.spool.max_bytes, config.spool.max_age) == (2 * 1024**3, 72 * 3600.0)
    assert config.source == (SourceConfig(url="rtmp://127.0.0.1/live/lobby", cname="lobby", uid="91"),)


@pytest.mark.parametrize(("cpus", "workers"), [(1, 1), (2, 2), (4, 4), (96, 4)])
def test_stills_are_made_on_the_cpus_of_the_process_but_on_four_at_most(
    monkeypatch: pytest.MonkeyPatch, cpus: int, workers: int
) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(cpus)))
    assert AgentConfig.load().capture.workers == workers
    assert AgentConfig.load(capture={"workers": 7}).capture.workers == 7


def test_where_the_system_tells_no_affinity_all_cpus_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("os.sched_getaffinity")
    monkeypatch.setattr("os.cpu_count", lambda: 3)
    assert AgentConfig.load().capture.workers == 3
    monkeypatch.setattr("os.cpu_count", lambda: None)
    assert AgentConfig.load().capture.workers == 1


def test_with_nothing_given_stills_go_to_a_directory_and_no_callback_is_sent(tmp_path: Path):
    config = AgentConfig.load()
    assert config.storage.kind == "file"
    assert config.storage.directory == tmp_path / ".local/share/stillcast/stills"
    assert config.storage.credentials() is None
    assert config.spool.path == tmp_path / ".local/state/stillcast/spool"
    assert config.callback.url is None
    assert config.source == ()
    assert (config.storage.addressing, config.spool.durability) == ("auto", "process")


def test_the_default_directories_follow_xdg_at_load_time(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("XDG_DATA_HOME", "/data of/é#1")
    monkeypatch.setenv("XDG_STATE_HOME", "/state")
    config = AgentConfig.load()
    assert config.storage.directory == Path("/data of/é#1/stillcast/stills")
    assert config.spool.path == Path("/state/stillcast/spool")


def test_a_relative_xdg_directory_is_ignored_as_its_specification_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("XDG_DATA_HOME", "relative")
    assert AgentConfig.load().storage.directory == tmp_path / ".local/share/stillcast/stills"


def test_a_process_without_a_home_is_told_which_settings_to_give(monkeypatch: pytest.MonkeyPatch):
    def no_home() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", no_home)
    storage, spool = problems_of()
    assert storage == 'storage.url: "": is empty: use at least one character'
    assert spool == 'spool.path: "": is no path: use the path of a file or directory'


def test_the_environment_goes_over_the_file_and_overrides_over_both(
    write: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
):
    path = write("[capture]\ninterval = 1.0\nquality = 50\nmax_size = [320, 180]\n")
    monkeypatch.setenv("STILLCAST_CAPTURE_INTERVAL", "3")
    monkeypatch.setenv("STILLCAST_CAPTURE_QUALITY", "60")
    config = AgentConfig.load(path, capture={"interval": 0.5})
    assert config.capture == CaptureConfig(interval=0.5, quality=60, max_size=(320, 180))


def test_sources_of_an_override_replace_those_of_the_file(write: Callable[[str], Path]):
    path = write('[[source]]\nurl = "a"\ncname = "a"\nuid = "1"\n')
    other = {"url": "b", "cname": "b", "uid": "2", "interval": 0.5, "max_size": [320, 180], "quality": 9}
    (source,) = AgentConfig.load(path, source=[other | {"extra_info": "x"}]).source
    assert source == SourceConfig(
        url="b", cname="b", uid="2", interval=0.5, max_size=(320, 180), quality=9, extra_info="x"
    )


@pytest.mark.parametrize("between", ["_", "__"])
@pytest.mark.parametrize(
    ("section", "key", "text", "value"),
    [
        ("capture", "interval", "0.5", 0.5),
        ("capture", "quality", "7", 7),
        ("capture", "max_size", "[320, 180]", (320, 180)),
        ("capture", "skip_unchanged", "true", True),
        ("capture", "heartbeat", "30", 30.0),
        ("storage", "url", "s3://bucket", "s3://bucket"),
        ("storage", "prefix", '["a", "b"]', ("a", "b")),
        ("storage", "region", "123", "123"),
        ("storage", "allow_http", "1", True),
        ("callback", "extended", "true", True),
        ("callback", "report_failures", "Off", False),
        ("callback", "extra_info", "", ""),
        ("spool", "max_bytes", "2GiB", 2 << 30),
        ("spool", "max_bytes", "2000000", 2_000_000),
        ("spool", "max_age", "90", 90.0),
        ("spool", "max_age", "1d", 86400.0),
        ("spool", "path", "/s", Path("/s")),
    ],
)
def test_both_spellings_of_a_variable_set_its_key(
    monkeypatch: pytest.MonkeyPatch, between: str, section: str, key: str, text: str, value: object
):
    monkeypatch.setenv(f"STILLCAST_{section}{between}{key}".upper(), text)
    assert getattr(getattr(AgentConfig.load(), section), key) == value


def test_the_variable_for_sources_is_a_json_array(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("STILLCAST_SOURCE", json.dumps([SOURCE]))
    assert AgentConfig.load().source == (SourceConfig(**SOURCE),)


def test_variables_of_sections_that_do_not_exist_are_left_alone(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("STILLCAST_SERVICE_HOST", "10.0.0.1")
    monkeypatch.setenv("STILLCAST_PORT", "tcp://10.0.0.1:80")
    monkeypatch.setenv("STILLCASTLE_CAPTURE_X", "1")
    assert AgentConfig.load() == AgentConfig.load()


def test_settings_cannot_be_changed_after_loading():
    config = AgentConfig.load()
    with pytest.raises(ValidationError):
        config.capture.interval = 1.0  # type: ignore[misc]
    with pytest.raises(ValidationError):
        config.capture = CaptureConfig()  # type: ignore[misc]


def test_every_problem_of_every_layer_is_reported_at_once(
    write: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
):
    path = write('[capture]\nquality = 0\nintervall = 1\n[unknown]\nx = 1\n[storage]\nsecret_key = "x"\nurl = "x"\n')
    monkeypatch.setenv("STILLCAST_SPOOL_MAX_AGE", "soon")
    monkeypatch.setenv("STILLCAST_CALLBACK_ULR", "https://h")
    bad_source = {"url": "", "cname": "lobby", "uid": "91"}
    keys = [
        problem.split(":")[0]
        for problem in problems_of(
            path, callback={"attempts": 99}, source=[SOURCE, bad_source], capture={"interval": 0}
        )
    ]
    assert sorted(keys) == sorted(
        [
            "capture.quality",
            "capture.intervall",
            "capture.interval",
            "unknown",
            "storage.url",
            "storage.access_key",
            "spool.max_age",
            "STILLCAST_CALLBACK_ULR",
            "callback.attempts",
            "source[1]",
            "source[1].url",
        ]
    )


@pytest.mark.parametrize(
    ("variable", "expected"),
    [
        ("STILLCAST_CAPTURE_INTERVALL", "is not a setting: did you mean STILLCAST_CAPTURE_INTERVAL?"),
        ("STILLCAST_STORAGE___URL", "is not a setting: did you mean STILLCAST_STORAGE_URL?"),
        ("STILLCAST_SPOOL", "is not a setting: use STILLCAST_SPOOL_ and one of path, max_bytes"),
        ("STILLCAST_SPOOL_QQQQQQQQQQQQQQQQQQ", "is not a setting: use STILLCAST_SPOOL_ and one of path"),
        ("STILLCAST_SOURCE_URL", "is not a setting: use STILLCAST_SOURCE with a JSON array"),
    ],
)
def test_an_unknown_variable_of_a_known_section_is_named_but_not_its_value(
    monkeypatch: pytest.MonkeyPatch, variable: str, expected: str
):
    monkeypatch.setenv(variable, CANARY)
    problem = only_problem_of()
    assert problem.startswith(f"{variable}: <hidden>: ")
    assert expected in problem
    assert CANARY not in problem


@pytest.mark.parametrize(
    ("variable", "text", "expected"),
    [
        ("STILLCAST_CAPTURE_INTERVAL", "fast", 'capture.interval: "fast": is not a number'),
        ("STILLCAST_CAPTURE__QUALITY", "1.5", "capture.quality: 1.5: is not a whole number"),
        ("STILLCAST_CAPTURE_MAX_SIZE", "640,360", 'capture.max_size: "640,360": is not an array'),
        ("STILLCAST_STORAGE_PREFIX", "[" * 100_000, "is not an array"),
        ("STILLCAST_CAPTURE_INTERVAL", "9" * 5000, "capture.interval: inf: too large"),
        ("STILLCAST_CALLBACK_EXTENDED", "maybe", 'callback.extended: "maybe": is not true or false'),
    ],
)
def test_a_bad_variable_is_reported_by_its_key_and_its_name(
    monkeypatch: pytest.MonkeyPatch, variable: str, text: str, expected: str
):
    monkeypatch.setenv(variable, text)
    problem = only_problem_of()
    assert expected in problem
    assert problem.endswith(f"(set by {variable})")


def test_a_value_from_an_override_is_not_blamed_on_the_variable_below_it(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("STILLCAST_CAPTURE_INTERVAL", "1")
    assert "STILLCAST" not in only_problem_of(capture={"interval": 0})


def test_two_spellings_with_two_values_are_a_problem_and_with_one_value_are_not(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("STILLCAST_CAPTURE_INTERVAL", "1")
    monkeypatch.setenv("STILLCAST_CAPTURE__INTERVAL", "1")
    assert AgentConfig.load().capture.interval == 1.0
    monkeypatch.setenv("STILLCAST_CAPTURE__INTERVAL", "2")
    assert only_problem_of() == (
        "capture.interval: two values: STILLCAST_CAPTURE_INTERVAL and STILLCAST_CAPTURE__INTERVAL differ: "
        "set one of them"
    )


def test_sources_in_the_environment_that_are_no_json_array_are_a_problem(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("STILLCAST_SOURCE", f"rtsp://user:{CANARY}@camera/")
    problem = only_problem_of()
    assert problem.startswith("source: <hidden>: STILLCAST_SOURCE is not a JSON array: use [{")
    assert CANARY not in problem


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"[capture]\ninterval = \n", "is not TOML: Invalid value (at line 2, column 12): correct it there"),
        (b"[capture\n", "(at line 1"),
        (b"[capture]\n# \xff\n", "is not UTF-8 text (at line 2)"),
        (b"x = " + b"[" * 100_000, "is nested too deeply"),
        (b"x = " + b"9" * 5000, "cannot be read"),
    ],
)
def test_a_file_that_is_not_toml_is_named_with_its_line(tmp_path: Path, content: bytes, expected: str):
    path = tmp_path / "bad.toml"
    path.write_bytes(content)
    problem = only_problem_of(path)
    assert problem.startswith("configuration file: ")
    assert "bad.toml" in problem
    assert expected in problem


def test_a_missing_file_a_directory_and_what_is_no_path_are_named(tmp_path: Path):
    assert "No such file or directory" in only_problem_of("/nowhere/x.toml")
    assert '"/nowhere/x.toml"' in only_problem_of("/nowhere/x.toml")
    assert "Is a directory" in only_problem_of(tmp_path)
    assert only_problem_of(3) == "configuration file: 3: is no path: give the path of a TOML file"
    assert "configuration file: " in only_problem_of("a\0b")


def test_a_missing_file_does_not_hide_a_misspelt_variable(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("STILLCAST_SPOOL_PAHT", "x")
    assert len(problems_of("/nowhere/x.toml")) == 2


def test_a_byte_order_mark_is_no_problem(tmp_path: Path):
    path = tmp_path / "windows.toml"
    path.write_bytes(b"\xef\xbb\xbf[capture]\r\nquality = 9\r\n")
    assert AgentConfig.load(path).capture.quality == 9
