from __future__ import annotations

import dataclasses
import re
from datetime import UTC, datetime, timedelta, timezone
from urllib.parse import unquote

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from stillcast.errors import StillcastError
from stillcast.naming import (
    MAX_KEY_BYTES,
    PREFIX_CHARACTERS_MAX,
    ObjectKey,
    ObjectKeyError,
    check_prefix,
    encode_name,
    format_object_key,
    format_utc,
    latest_key_of,
    new_sid,
    parse_object_key,
    shown,
)

SID = "38f8e3cfdc474cd56fc1ceba380d7e1a"
AT = datetime(2020, 12, 16, 8, 11, 28, 672_000, tzinfo=UTC)
CONTRACT_KEY = f"test/20201216/{SID}_httpClient463224__uid_s_91__uid_e_video_20201216081128672.jpg"

characters = st.characters(exclude_categories=["Cs"])
# Two of 30 characters fit into every key: 12 bytes at most for each character.
texts = st.text(characters, max_size=30)
parts = st.text("abcXYZ019", min_size=1, max_size=8)
prefixes = st.lists(parts, max_size=6).map(tuple)
sids = st.text("0123456789abcdef", min_size=32, max_size=32)
times = st.datetimes(
    min_value=datetime(1, 1, 2),  # noqa: DTZ001 - hypothesis wants naive bounds
    max_value=datetime(9999, 12, 30),  # noqa: DTZ001
    timezones=st.integers(-23 * 60, 23 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes))),
)


def key_of(**changed: object) -> str:
    facts = {"prefix": ("test",), "sid": SID, "cname": "lobby", "uid": "91", "captured_at": AT} | changed
    return format_object_key(**facts)


def test_the_contracts_example_comes_out_exactly():
    assert key_of(cname="httpClient463224") == CONTRACT_KEY


def test_the_contracts_example_reads_back():
    assert parse_object_key(CONTRACT_KEY) == ObjectKey(
        prefix=("test",), sid=SID, cname="httpClient463224", uid="91", captured_at=AT
    )


@pytest.mark.parametrize(
    ("prefix", "start"),
    [((), "20201216/"), ([], "20201216/"), (["directory1", "directory2"], "directory1/directory2/20201216/")],
)
def test_the_prefix_stands_before_the_day_and_may_be_empty(prefix: list[str], start: str):
    assert key_of(prefix=prefix).startswith(start)


@pytest.mark.parametrize(
    ("text", "encoded"),
    [
        ("", ""),
        ("Az09-", "Az09-"),
        ("a_b", "a%5Fb"),
        ("a.b", "a%2Eb"),
        ("../..", "%2E%2E%2F%2E%2E"),
        ("50%", "50%25"),
        ("é", "%C3%A9"),
        ("😀", "%F0%9F%98%80"),
        ("\0\n\x7f", "%00%0A%7F"),
        ("a b~", "a%20b%7E"),
        ("١", "%D9%A1"),
        ("__uid_s_", "%5F%5Fuid%5Fs%5F"),
    ],
)
def test_what_could_break_the_key_is_percent_encoded(text: str, encoded: str):
    key = key_of(cname=text, uid=text)
    assert f"/{SID}_{encoded}__uid_s_{encoded}__uid_e_video_" in key
    assert (parse_object_key(key).cname, parse_object_key(key).uid) == (text, text)


@given(prefixes, sids, texts, texts, times)
@example((), SID, "", "", AT)
@example(("20201216",), SID, "/x__uid_s_y", "..", AT)
def test_every_key_reads_back_to_the_facts_it_was_made_of(
    prefix: tuple[str, ...], sid: str, cname: str, uid: str, captured_at: datetime
):
    key = format_object_key(prefix=prefix, sid=sid, cname=cname, uid=uid, captured_at=captured_at)
    parsed = parse_object_key(key)
    floored = captured_at.astimezone(UTC)
    floored = floored.replace(microsecond=floored.microsecond // 1000 * 1000)
    assert parsed == ObjectKey(prefix=prefix, sid=sid, cname=cname, uid=uid, captured_at=floored)
    assert parsed.captured_at.tzinfo is UTC
    assert format_object_key(**dataclasses.asdict(parsed)) == key


@given(texts, texts)
def test_a_key_is_plain_ascii_without_dots_that_climb(cname: str, uid: str):
    key = key_of(cname=cname, uid=uid)
    assert re.fullmatch(r"[A-Za-z0-9/_%.-]+", key)
    assert ".." not in key
    assert key.count("/") == 2
    assert key.count(".") == 1


@given(st.tuples(texts, texts), st.tuples(texts, texts))
@example(("a_", "b"), ("a", "_b"))
@example(("a__uid_s_b", "c"), ("a", "b__uid_s_c"))
@example(("a%5F", ""), ("a_", ""))
def test_different_feeds_never_share_a_key(one: tuple[str, str], other: tuple[str, str]):
    assume(one != other)
    assert key_of(cname=one[0], uid=one[1]) != key_of(cname=other[0], uid=other[1])


@given(st.text("abcXYZ0189", max_size=300), st.text("abcXYZ0189", max_size=300))
def test_letters_and_digits_stand_unchanged(cname: str, uid: str):
    assert f"_{cname}__uid_s_{uid}__uid_e_" in key_of(cname=cname, uid=uid)


@given(characters)
@example("\0")
@example("/")
@example("😀")
def test_a_thousand_characters_are_one_clear_error(character: str):
    with pytest.raises(ObjectKeyError, match=r"^object key: \d{4,5} bytes with cname .* use shorter names") as caught:
        key_of(cname=character * 1000)
    assert len(str(caught.value)) < 1200
    assert str(caught.value).isprintable()


@given(st.text(characters, max_size=8), st.characters(categories=["Cs"]))
def test_a_lone_surrogate_anywhere_is_one_clear_error(text: str, surrogate: str):
    with pytest.raises(ObjectKeyError, match=r"^uid: .* has a lone surrogate") as caught:
        key_of(uid=text + surrogate + text)
    assert str(caught.value).isprintable()


def test_the_longest_key_has_1024_bytes_and_one_more_is_refused():
    room = MAX_KEY_BYTES - len(key_of(cname="", uid=""))
    assert len(key_of(cname="a" * room, uid="")) == MAX_KEY_BYTES == 1024
    with pytest.raises(ObjectKeyError, match="1025 bytes"):
        key_of(cname="a" * room, uid="b")


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"uid": 91}, "uid: 91 is not text: use a str"),
        ({"cname": None}, "cname: none is not text: use a str"),
        ({"cname": b"x"}, "cname: a bytes is not text: use a str"),
        ({"cname": "a\ud800"}, 'cname: "a\\ud800" has a lone surrogate, which has no UTF-8 form'),
        ({"uid": "\udfff"}, 'uid: "\\udfff" has a lone surrogate'),
        ({"sid": SID.upper()}, f'sid: "{SID.upper()}" is not a still\'s id: use 32 lowercase hex digits'),
        ({"sid": SID[1:]}, "is not a still's id"),
        ({"sid": SID + "\n"}, "is not a still's id"),
        ({"sid": 5}, "sid: 5 is not a still's id"),
        ({"prefix": ["dir_2"]}, 'prefix[0]: "dir_2" has "_": use letters and digits only'),
        ({"prefix": "test"}, 'prefix: "test" is not an array'),
        ({"captured_at": AT.replace(tzinfo=None)}, "captured_at: 2020-12-16 08:11:28.672000 is not an aware datetime"),
        ({"captured_at": 1608106288.672}, "captured_at: 1608106288.672 is not an aware datetime"),
        (
            {"captured_at": datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=1)))},
            "has no UTC form: use the years 1 to 9999",
        ),
    ],
)
def test_a_part_that_breaks_its_rule_is_named_with_value_and_way_out(changed: dict[str, object], message: str):
    with pytest.raises(ObjectKeyError) as caught:
        key_of(**changed)
    assert message in str(caught.value)
    assert isinstance(caught.value, StillcastError)
    assert isinstance(caught.value, ValueError)


@pytest.mark.parametrize(
    ("prefix", "problems"),
    [
        ([], []),
        (("a", "B9"), []),
        (["a" * 127], []),
        (["directory1", "dir_2"], ['storage.prefix[1]: "dir_2" has "_": use letters and digits only']),
        (["é", ""], ['storage.prefix[0]: "é" has "é"', 'storage.prefix[1]: "" is empty']),
        (["a\n"], ['storage.prefix[0]: "a\\n" has "\\n"']),
        (["a/b"], ['storage.prefix[0]: "a/b" has "/"']),
        ([7], ["storage.prefix[0]: 7 is not text"]),
        ({"a": 1}, ["storage.prefix: a table is not an array"]),
        (["a" * 128], ["has 129 characters with the slashes: use at most 128"]),
        (["a"] * 65, ["has 130 characters with the slashes: use at most 128"]),
    ],
)
def test_every_problem_of_a_prefix_is_found(prefix: object, problems: list[str]):
    found = check_prefix(prefix, name="storage.prefix")
    assert len(found) == len(problems)
    assert all(expected in actual for expected, actual in zip(problems, found, strict=True))


def test_a_prefix_of_128_characters_with_its_slashes_is_the_longest():
    longest = ("a" * 63, "b" * 63)
    assert sum(len(part) + 1 for part in longest) == PREFIX_CHARACTERS_MAX == 128
    assert parse_object_key(key_of(prefix=longest)).prefix == longest


@pytest.mark.parametrize(
    "key",
    [
        "",
        "x.jpg",
        "/" + CONTRACT_KEY,
        CONTRACT_KEY + "\n",
        CONTRACT_KEY.replace(".jpg", ".png"),
        CONTRACT_KEY.replace("test/", "te_st/"),
        CONTRACT_KEY.replace("test/", "test//"),
        CONTRACT_KEY.replace("test/", "../"),
        CONTRACT_KEY.replace("test/", "a" * 128 + "/"),
        CONTRACT_KEY.replace("/20201216/", "/20201217/"),
        CONTRACT_KEY.replace("20201216", "20201316"),
        CONTRACT_KEY.replace("20201216", "00001216"),
        CONTRACT_KEY.replace("081128672", "241128672"),
        CONTRACT_KEY.replace("081128672", "081160672"),
        CONTRACT_KEY.replace("081128672", "08112867"),
        CONTRACT_KEY.replace("081128672", "08112867²"),
        CONTRACT_KEY.replace(SID, SID.upper()),
        CONTRACT_KEY.replace("463224", "_463224"),
        CONTRACT_KEY.replace("463224", "%c3%a9"),
        CONTRACT_KEY.replace("463224", "%41"),
        CONTRACT_KEY.replace("463224", "%"),
        CONTRACT_KEY.replace("463224", "%4"),
        CONTRACT_KEY.replace("463224", "%FF"),
        CONTRACT_KEY.replace("463224", "%ED%A0%80"),
        CONTRACT_KEY.replace("463224", "é"),
        CONTRACT_KEY.replace("463224", "a" * 1000),
        None,
        CONTRACT_KEY.encode(),
    ],
)
def test_a_key_that_stillcast_would_not_write_is_refused(key: str):
    with pytest.raises(ObjectKeyError, match=r"^object key: ") as caught:
        parse_object_key(key)
    assert str(caught.value).isprintable()


@given(st.text(max_size=60) | st.from_regex(r"[A-Za-z0-9/_%.-]{0,120}", fullmatch=True))
def test_any_text_parses_or_is_refused_and_what_parses_is_written_the_same(key: str):
    try:
        parsed = parse_object_key(key)
    except ObjectKeyError:
        return
    assert format_object_key(**dataclasses.asdict(parsed)) == key


@given(st.integers(0, len(CONTRACT_KEY) - 1), st.characters())
def test_one_wrong_character_is_refused_or_gives_the_same_key_back(index: int, character: str):
    key = CONTRACT_KEY[:index] + character + CONTRACT_KEY[index + 1 :]
    try:
        parsed = parse_object_key(key)
    except ObjectKeyError:
        return
    assert format_object_key(**dataclasses.asdict(parsed)) == key


@pytest.mark.parametrize(
    ("captured_at", "utc"),
    [
        (AT, "20201216081128672"),
        (AT.replace(microsecond=999_999), "20201216081128999"),
        (datetime(2021, 1, 1, 7, 59, 59, tzinfo=timezone(timedelta(hours=8))), "20201231235959000"),
        (datetime(1, 1, 1, tzinfo=UTC), "00010101000000000"),
        (datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC), "99991231235959999"),
    ],
)
def test_the_capture_time_is_written_in_utc_and_cut_to_milliseconds(captured_at: datetime, utc: str):
    assert format_utc(captured_at) == utc


def test_the_folder_is_the_day_in_utc_and_not_the_hosts():
    eastern = datetime(2021, 1, 1, 1, 0, tzinfo=timezone(timedelta(hours=8)))
    assert key_of(captured_at=eastern).startswith("test/20201231/")


def test_sids_are_32_lowercase_hex_digits_and_all_different():
    made = [new_sid() for _ in range(1000)]
    assert all(re.fullmatch("[0-9a-f]{32}", sid) for sid in made)
    assert len(set(made)) == 1000


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("a\x1b[31m\u202e", '"a\\x1b[31m\\u202e"'),
        (True, "true"),
        (None, "none"),
        ([1, "b", [2]], '[1, "b", [...]]'),
        (list(range(9)), "[0, 1, 2, 3, 4, 5, ...]"),
        ([10**5000], "[an integer of 16610 bits]"),
        (object(), "a object"),
    ],
)
def test_a_value_in_a_message_is_short_and_harmless_to_a_terminal(value: object, text: str):
    assert shown(value) == text


def test_long_text_in_a_message_loses_its_middle():
    assert shown("a" * 500 + "z") == '"' + "a" * 38 + "..." + "a" * 37 + 'z"'


@pytest.mark.parametrize("prefix", [(), ("a",), ("latest", "20201216")])
@pytest.mark.parametrize("name", ["lobby", "20201216", "a/b", "..", "latest", "\U0001f600", "__uid_s_"])
def test_the_key_of_a_feeds_newest_picture_is_below_its_prefix_and_is_no_object_key(
    prefix: tuple[str, ...], name: str
) -> None:
    key = format_object_key(prefix=prefix, sid=SID, cname=name, uid=name, captured_at=AT)
    latest = latest_key_of(key)
    *before, word, cname, file = latest.split("/")
    assert (tuple(before), word, unquote(cname), unquote(file.removesuffix(".jpg"))) == (prefix, "latest", name, name)
    assert cname == encode_name("cname", name)
    assert len(latest) < len(key)
    with pytest.raises(ObjectKeyError, match="is not a still's key"):
        parse_object_key(latest)
    with pytest.raises(ObjectKeyError):
        latest_key_of(latest)


def test_feeds_that_differ_have_different_places_for_their_newest_picture() -> None:
    feeds = [("a", "b/c"), ("a/b", "c"), ("a", "b.jpg"), ("a", "b"), ("A", "b")]
    keys = [format_object_key(prefix=(), sid=SID, cname=cname, uid=uid, captured_at=AT) for cname, uid in feeds]
    assert len({latest_key_of(key) for key in keys}) == len(feeds)
