"""The spool: puts, reads, moves, and counts that follow."""

from __future__ import annotations

import json
import os
import re
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from stillcast.errors import SpoolError
from stillcast.spool import Spool, SpoolItemCorruptError, State
from stillcast.spool.item import feed_of
from support.stills import make_spool, make_still, names_in, put, request_id_of, spool_file

READY, STORED, DEFERRED, DEAD, QUARANTINE = State


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    with make_spool(tmp_path / "spool") as opened:
        yield opened


def test_a_spooled_still_reads_back_with_every_fact_and_byte(spool: Spool) -> None:
    still = make_still(cname="a/b c\u2603", uid="\U0001f600", jpeg=os.urandom(45_000), flags=("black", "frozen"))
    item = put(spool, still, extra_info='{"room": "\u00e4"}')
    read, jpeg = spool.read(READY, item.name)
    assert jpeg == still.jpeg
    assert read == item
    assert (read.cname, read.uid, read.captured_at) == (still.cname, still.uid, still.captured_at)
    assert (read.request_id, read.extra_info) == (request_id_of(still), '{"room": "\u00e4"}')
    assert (read.bytes, read.dhash, read.object_key) == (45_000, still.dhash, still.object_key)
    assert read.flags == ("black", "frozen")


def rewrite_facts(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Change the facts of a spool file, with lengths and checksum that fit."""
    footer = struct.Struct(">III8s")
    data = path.read_bytes()
    jpeg_bytes, _, _, magic = footer.unpack(data[-footer.size :])
    facts = json.loads(data[jpeg_bytes : -footer.size])
    change(facts)
    written = json.dumps(facts).encode()
    crc = zlib.crc32(written, zlib.crc32(data[:jpeg_bytes]))
    path.write_bytes(data[:jpeg_bytes] + written + footer.pack(jpeg_bytes, len(written), crc, magic))


def test_a_still_that_a_version_without_flags_spooled_reads_back(spool: Spool) -> None:
    item = put(spool, make_still(jpeg=b"jpeg", flags=("black",)))
    rewrite_facts(spool_file(spool, READY, item.name), lambda facts: facts.pop("flags"))
    read, jpeg = spool.read(READY, item.name)
    assert (jpeg, read) == (b"jpeg", replace(item, flags=()))


@pytest.mark.parametrize("flags", ["black", [1], None, {"black": True}])
def test_flags_that_are_none_are_no_facts_of_a_still(spool: Spool, flags: object) -> None:
    item = put(spool)
    rewrite_facts(spool_file(spool, READY, item.name), lambda facts: facts.update(flags=flags))
    with pytest.raises(SpoolItemCorruptError):
        spool.read(READY, item.name)


def test_every_waiting_still_opens_in_a_picture_viewer(spool: Spool, tmp_path: Path) -> None:
    Image.new("RGB", (64, 36), (200, 30, 30)).save(tmp_path / "red.jpg")
    item = put(spool, make_still(jpeg=(tmp_path / "red.jpg").read_bytes()))
    with Image.open(spool_file(spool, READY, item.name)) as picture:
        assert picture.size == (64, 36)
        assert picture.convert("RGB").getpixel((30, 20))[0] > 190


def test_the_file_name_sorts_by_capture_time_and_holds_the_sid_and_the_feed(spool: Spool) -> None:
    name = put(spool, make_still(sid="ab" * 16)).name
    assert re.fullmatch(rf"20201216081128672_{'ab' * 16}_[0-9a-f]{{8}}\.jpg", name)
    feeds = [("lobby", "91"), ("lobby", "92"), ("lobb", "y91"), ("lob", "by91"), ("lobby9", "1")]
    names = [put(spool, make_still(cname=cname, uid=uid)).name for cname, uid in feeds]
    assert feed_of(names[0]) == feed_of(name)
    assert len({feed_of(name) for name in names}) == len(feeds)


def test_counts_and_bytes_are_the_same_after_opening_anew(spool: Spool) -> None:
    items = [put(spool, make_still(number)) for number in range(5)]
    spool.move(items[0].name, READY, STORED)
    spool.move(items[1].name, READY, DEAD, "why")
    spool.remove(READY, items[2].name)
    counts, used = spool.counts(), spool.bytes_used
    assert counts == {READY: 2, STORED: 1, DEFERRED: 0, DEAD: 1, QUARANTINE: 0}
    spool.close()
    spool.open()
    assert (spool.counts(), spool.bytes_used) == (counts, used)
    assert used == sum(path.stat().st_size for path in spool.path.rglob("*.jpg"))


def test_oldest_comes_first_and_leaves_out_what_is_excluded(spool: Spool) -> None:
    items = [put(spool, make_still(number)) for number in (3, 1, 2, 0)]
    names = sorted(item.name for item in items)
    assert spool.oldest(READY, 3) == names[:3]
    assert spool.oldest(READY, 3, {names[0], names[2]}) == [names[1], names[3]]
    assert spool.oldest(STORED, 3) == []


def test_the_same_still_twice_is_refused_and_the_first_one_stays(spool: Spool) -> None:
    still = make_still()
    put(spool, still)
    with pytest.raises(SpoolError, match="was spooled already"):
        put(spool, still)
    assert (spool.counts()[READY], names_in(spool.path / "tmp")) == (1, [])
