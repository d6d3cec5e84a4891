from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest

from stillcast.config import AgentConfig, CaptureConfig, SourceConfig
from stillcast.errors import ConfigError
from support.settings import SOURCE, clear_environment, only_problem_of, problems_of


@pytest.fixture(autouse=True)
def no_settings_from_outside(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    clear_environment(monkeypatch, home=tmp_path)


@pytest.mark.parametrize(
    ("section", "key", "given", "value"),
    [
        ("spool", "max_bytes", "500MB", 500_000_000),
        ("spool", "max_bytes", "1.5 gib", 3 << 29),
        ("spool", "max_bytes", "1MiB", 1 << 20),
        ("spool", "max_bytes", 1 << 20, 1 << 20),
        ("spool", "max_age", "45s", 45.0),
        ("spool", "max_age", "30m", 1800.0),
        ("spool", "max_age", "7d", 604800.0),
        ("spool", "max_age", 0.5, 0.5),
        ("spool", "durability", "power", "power"),
        ("capture", "interval", 0.05, 0.05),
        ("capture", "interval", 86400, 86400.0),
        ("capture", "max_size", (2, 16384), (2, 16384)),
        ("capture", "quality", 100, 100),
        ("capture", "workers", 64, 64),
        ("capture", "skip_unchanged", True, True),
        ("capture", "latest", True, True),
        ("capture", "heartbeat", 1, 1.0),
        ("capture", "heartbeat", 86400, 86400.0),
        ("capture", "encoder", "auto", "auto"),
        ("capture", "encoder", "turbo", "turbo"),
        ("capture", "encoder", "native", "native"),
        ("callback", "timeout", 60, 60.0),
        ("callback", "extra_info", "é" * 512, "é" * 512),
        ("callback", "url", "http://localhost:8080/x?y=1", "http://localhost:8080/x?y=1"),
        ("callback", "url", "http://127.8.9.1/", "http://127.8.9.1/"),
        ("callback", "url", "http://[::1]:80/", "http://[::1]:80/"),
        ("callback", "url", "https://10.0.0.1/internal", "https://10.0.0.1/internal"),
        ("storage", "endpoint", "http://localhost:8333", "http://localhost:8333"),
        ("storage", "endpoint", "https://s3.example.com:9000/", "https://s3.example.com:9000/"),
        ("storage", "url", "s3://a.b-c/", "s3://a.b-c/"),
        ("storage", "url", "s3://" + "a" * 63, "s3://" + "a" * 63),
        ("storage", "addressing", "virtual", "virtual"),
        ("storage", "prefix", [], ()),
        ("storage", "region", None, None),
        ("spool", "path", Path("/x"), Path("/x")),
    ],
)
def test_values_at_the_edge_of_their_rules_are_taken(section: str, key: str, given: object, value: object):
    config = AgentConfig.load(**{section: {key: given}})
    assert getattr(getattr(config, section), key) == value


@pytest.mark.parametrize(
    ("url", "directory"),
    [
        ("file:///var/lib/stills", "/var/lib/stills"),
        ("file://localhost/var", "/var"),
        ("file:///a%20b/%C3%A9%3F", "/a b/é?"),
    ],
)
def test_a_file_address_names_its_directory_decoded(url: str, directory: str):
    storage = AgentConfig.load(storage={"url": url}).storage
    assert (storage.kind, storage.directory) == ("file", Path(directory))


def test_the_store_that_is_not_configured_has_no_name():
    with pytest.raises(ConfigError, match="names no bucket: use s3://bucket"):
        _ = AgentConfig.load().storage.bucket
    with pytest.raises(ConfigError, match="names no directory: use file:///absolute/path"):
        _ = AgentConfig.load(storage={"url": "s3://bucket"}).storage.directory


def test_a_leading_tilde_is_the_home_directory(tmp_path: Path):
    assert AgentConfig.load(spool={"path": "~/spool"}).spool.path == tmp_path / "spool"


@pytest.mark.parametrize(
    ("section", "key", "value", "expected"),
    [
        ("capture", "interval", -1, "-1: too small: use seconds between 0.05 and 86400"),
        ("capture", "interval", 0.049, "0.049: too small"),
        ("capture", "interval", 86401, "86401: too large"),
        ("capture", "interval", float("nan"), "nan: not a number: use seconds"),
        ("capture", "interval", float("inf"), "inf: too large"),
        ("capture", "interval", True, "true: is not a number"),
        ("capture", "interval", "2", '"2": is not a number'),
        ("capture", "interval", None, "none: is not a number"),
        ("capture", "interval", 10**400, "an integer of 1329 bits: too large"),
        ("capture", "interval", Fraction(10**400), "a Fraction: too large"),
        ("capture", "interval", Fraction(-(10**400)), "a Fraction: too small"),
        ("capture", "quality", 0, "0: too small: use a whole number from 1 to 100"),
        ("capture", "workers", 0, "0: too small: use a whole number from 1 to 64"),
        ("capture", "workers", 65, "65: too large: use a whole number from 1 to 64"),
        ("capture", "quality", 101, "101: too large: use a whole number from 1 to 100"),
        ("capture", "quality", 80.0, "80.0: is not a whole number"),
        ("capture", "quality", False, "false: is not a whole number"),
        ("capture", "max_size", [640], "[640]: is not an array of two numbers: use [width, height]"),
        ("capture", "max_size", [640, 1], "[640, 1]: has a side that is too small"),
        ("capture", "max_size", [16385, 2], "[16385, 2]: has a side that is too large"),
        ("capture", "max_size", [640.5, 2], "[640.5, 2]: has a side that is not a whole number"),
        ("capture", "max_size", [True, 2], "[true, 2]: has a side that is not a whole number"),
        ("capture", "max_size", "640x360", '"640x360": is not an array of two numbers'),
        ("storage", "url", "", '"": is empty'),
        ("storage", "url", 3, "3: is not text: put it in quotes"),
        ("storage", "url", "bucket", '"bucket": has no scheme: use s3://bucket or file:///absolute/path'),
        ("storage", "url", "gs://bucket", '"gs://bucket": has a scheme that no store has'),
        ("storage", "url", "s3://bucket/dir", '"s3://bucket/dir": has a path behind the bucket: use storage.prefix'),
        ("storage", "url", "s3://", '"s3://": has no valid bucket name'),
        ("storage", "url", "s3://ab", '"s3://ab": has no valid bucket name'),
        ("storage", "url", "s3://" + "a" * 64, "has no valid bucket name"),
        ("storage", "url", "s3://Bucket", '"s3://Bucket": has no valid bucket name'),
        ("storage", "url", "s3://my_bucket", '"s3://my_bucket": has no valid bucket name'),
        ("storage", "url", "s3://-bucket", '"s3://-bucket": has no valid bucket name'),
        ("storage", "url", "s3://bucket-", '"s3://bucket-": has no valid bucket name'),
        ("storage", "url", "s3://a..b", '"s3://a..b": has no valid bucket name'),
        ("storage", "url", "s3://192.168.5.4", '"s3://192.168.5.4": has no valid bucket name'),
        ("storage", "url", "s3://bücket", '"s3://bücket": has no valid bucket name'),
        ("storage", "url", "s3://bucket?x=1", '"s3://bucket?<hidden>": has "?" or "#"'),
        ("storage", "url", "s3://bu\ncket", '"s3://bu\\ncket": has white space or control characters'),
        ("storage", "url", "file://relative/dir", '"file://relative/dir": has a host or a relative path'),
        ("storage", "url", "file:dir", '"file:dir": has no absolute path: use file:///absolute/path'),
        ("storage", "url", "file:///a%00b", '"file:///a%00b": has a zero byte'),
        ("storage", "region", "us east", '"us east": is not a region'),
        ("storage", "region", "evil.com/", '"evil.com/": is not a region'),
        ("storage", "endpoint", "s3.example.com", '"s3.example.com": is not a web address: use https://host'),
        ("storage", "endpoint", "https://", '"https://": has no host'),
        ("storage", "endpoint", "https://h:0", '"https://h:0": has port 0'),
        ("storage", "endpoint", "https://h:99999", '"https://h:99999": has a host or port that cannot be read'),
        ("storage", "endpoint", "https://[::1", '"https://[::1": has a host or port that cannot be read'),
        ("storage", "endpoint", "https://h/bucket", '"https://h/bucket": has something behind the host'),
        ("storage", "endpoint", "http://s3.example.com", "use https, or set storage.allow_http = true"),
        ("storage", "allow_http", "yes", '"yes": is not true or false'),
        ("storage", "addressing", "dns", '"dns": is not known: use "auto" or "path" or "virtual"'),
        ("storage", "ca_file", "/nowhere/ca.pem", '"/nowhere/ca.pem": is not there, or is no file'),
        ("storage", "prefix", "dir", '"dir" is not an array: use an array of strings, as ["directory1", "directory2"]'),
        ("storage", "prefix", ["a" * 128], "has 129 characters with the slashes: use at most 128"),
        ("callback", "url", "ftp://h/", '"ftp://h/": is not a web address'),
        ("callback", "url", "", '"": is empty'),
        ("callback", "url", "https://h/#x", 'has "#", which is never sent'),
        ("callback", "url", "http://example.com/x", '"http://example.com/x": sends in the clear over a network'),
        ("callback", "url", "http://localhost.evil.com/", "use https, or set callback.allow_http = true"),
        ("callback", "timeout", 0.05, "0.05: too small: use seconds between 0.1 and 60"),
        ("callback", "timeout", 61, "61: too large"),
        ("callback", "attempts", 0, "0: too small: use a whole number from 1 to 10"),
        ("callback", "attempts", 11, "11: too large"),
        ("callback", "extra_info", "é" * 513, "has 1026 bytes in UTF-8: use at most 1024"),
        ("callback", "extra_info", "\ud800", '"\\ud800": has a lone surrogate'),
        ("callback", "report_failures", 1, "1: is not true or false"),
        ("callback", "extended", "true", '"true": is not true or false'),
        ("spool", "path", "", '"": is no path'),
        ("spool", "path", "a\0b", '"a\\x00b": is no path'),
        ("spool", "path", 7, "7: is not text"),
        ("spool", "path", "~nobody-of-that-name/x", "has a home directory that is not known"),
        ("spool", "max_bytes", "2 elephants", '"2 elephants": is not a size: use whole bytes, or a size as "2GiB"'),
        ("spool", "max_bytes", (1 << 20) - 1, "1048575: too small"),
        ("spool", "max_bytes", "1KiB", '"1KiB": too small'),
        ("spool", "max_bytes", "2EiB", '"2EiB": is not a size'),
        ("spool", "max_bytes", "99999999TiB", '"99999999TiB": too large'),
        ("spool", "max_bytes", 2e9, "2000000000.0: is not a size"),
        ("spool", "max_bytes", True, "true: is not a size"),
        ("spool", "max_files", 0, "0: too small: use a number of files from 1 to 100000000"),
        ("spool", "min_free", "1KiB", '"1KiB": too small'),
        ("spool", "min_free", False, "false: is not a size"),
        ("spool", "max_feed_share", 1.5, "1.5: too large: use a part between 0.01 and 1"),
        ("spool", "allow_tmpfs", 1, "1: is not true or false"),
        ("capture", "latest", 1, "1: is not true or false"),
        ("capture", "skip_unchanged", "true", '"true": is not true or false'),
        ("capture", "heartbeat", 0.5, "0.5: too small: use seconds between 1 and 86400"),
        ("capture", "heartbeat", 86401, "86401: too large"),
        ("capture", "heartbeat", "60s", '"60s": is not a number'),
        ("capture", "encoder", "mozjpeg", '"mozjpeg": is not known: use "auto" or "turbo" or "native"'),
        ("capture", "encoder", "Turbo", '"Turbo": is not known'),
        ("capture", "encoder", None, "none: is not known"),
        ("storage", "engine", "curl", '"curl": is not known: use "boto3" or "obstore"'),
        ("callback", "profile", "daily", '"daily": is not known: use "immediate" or "standard"'),
        ("spool", "max_age", "72 hours", '"72 hours": is not a time: use seconds, or a time as "45s"'),
        ("spool", "max_age", 0, "0: too short"),
        ("spool", "max_age", "0s", '"0s": too short'),
        ("spool", "max_age", -5, "-5: too short"),
        ("spool", "max_age", float("inf"), "inf: too long"),
        ("spool", "max_age", float("nan"), "nan: is not a time"),
        ("spool", "durability", "disk", '"disk": is not known: use "process" or "power"'),
        ("spool", "durability", ["power"], '["power"]: is not known'),
    ],
)
def test_a_value_out_of_its_rule_is_named_with_key_and_value(section: str, key: str, value: object, expected: str):
    problem = only_problem_of(**{section: {key: value}})
    assert problem.startswith(f"{section}.{key}: ")
    assert expected in problem
    assert problem.isprintable()


def test_a_bad_part_of_the_prefix_is_named_by_its_place():
    assert problems_of(storage={"prefix": ["ok", "dir_2", ""]}) == (
        'storage.prefix[1]: "dir_2" has "_": use letters and digits only',
        'storage.prefix[2]: "" is empty: use letters and digits, or leave it out',
    )


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        ({"capture": {"intervall": 3.25}}, 'capture.intervall: 3.25: is not a setting: did you mean "interval"?'),
        (
            {"spool": {"zzz": 1}},
            "spool.zzz: 1: is not a setting: use one of path, max_bytes",
        ),
        ({"strage": {}}, 'strage: <hidden>: is not a section: did you mean "storage"?'),
        ({"zzz": 1}, "zzz: 1: is not a section: use one of capture, storage, callback, spool, source"),
        ({"capture": 3}, "capture: 3: is no section: use [capture] with keys below it"),
        ({"capture": CaptureConfig()}, "capture: a CaptureConfig: is no section"),
        ({"capture": None}, "capture: none: is no section"),
        ({"source": {}}, "source: a table: is not an array of sources: use [[source]]"),
        ({"source": "x"}, 'source: "x": is not an array of sources'),
        ({"source": [3]}, "source[0]: 3: is not a source: use a table with url, cname and uid"),
        ({"source": [SOURCE | {"zz": 1}]}, "source[0].zz: 1: is not a setting: use one of cname, uid, interval"),
        ({"source": [SOURCE | {"uid": 91}]}, "source[0].uid: 91: is not text: put it in quotes"),
        ({"source": [SOURCE | {"cname": ""}]}, 'source[0].cname: "": is empty: use at least one character'),
        ({"source": [SOURCE | {"interval": 0}]}, "source[0].interval: 0: too small"),
        ({"source": [SOURCE | {"quality": 0}]}, "source[0].quality: 0: too small"),
        ({"source": [SOURCE | {"max_size": [0, 2]}]}, "source[0].max_size: [0, 2]: has a side that is too small"),
        ({"source": [{"url": "x", "cname": "y"}]}, "source[0].uid: none: is missing: every source needs"),
        (
            {"source": [SOURCE, SOURCE | {"url": "b"}]},
            'source[1]: cname "lobby" with uid "91": is source[0] already: give every source a cname and uid of its',
        ),
        ({"source": [SourceConfig(**SOURCE), SOURCE]}, "is source[0] already"),
    ],
)
def test_what_is_unknown_missing_or_of_the_wrong_shape_is_named(overrides: dict[str, object], expected: str):
    assert expected in only_problem_of(**overrides)
