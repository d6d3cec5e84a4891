"""Stills and settings for tests of the delivery half."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from stillcast.config import CallbackConfig, StorageConfig
from stillcast.naming import format_object_key, new_sid
from stillcast.spool import Spool, SpoolItem, State
from stillcast.stills import Still
from support.canaries import WEBHOOK_SECRET  # noqa: F401  # tests take it from here too

START = datetime(2020, 12, 16, 8, 11, 28, 672000, tzinfo=UTC)


class Clock:
    """Seconds since 1970 that a test moves; stands at ``START`` until then."""

    def __init__(self) -> None:
        self.now_s = START.timestamp()

    def __call__(self) -> float:
        return self.now_s


def make_still(
    number: int = 0, *, cname: str = "lobby", uid: str = "91", jpeg: bytes | None = None, **facts: object
) -> Still:
    """A still, captured ``number`` seconds after ``START`` unless told otherwise."""
    sid = str(facts.pop("sid", new_sid()))
    captured_at = facts.pop("captured_at", START + timedelta(seconds=number))
    flags = facts.pop("flags", ())
    assert isinstance(captured_at, datetime)
    assert isinstance(flags, tuple)
    return Still(
        jpeg=jpeg if jpeg is not None else b"\xff\xd8" + str(number).encode() * 50 + b"\xff\xd9",
        width=640,
        height=360,
        mean_luma=101.5,
        luma_deviation=40.25,
        dhash=0x0123_4567_89AB_CDEF,
        sid=sid,
        cname=cname,
        uid=uid,
        captured_at=captured_at,
        frame_age_ms=float(str(facts.pop("frame_age_ms", 12.5))),
        lateness_ms=1.0,
        source_width=1920,
        source_height=1080,
        flags=flags,
        object_key=format_object_key(prefix=("test",), sid=sid, cname=cname, uid=uid, captured_at=captured_at),
    )


def without_exif(jpeg: bytes) -> bytes:
    """A still as its encoder made it: without the segment behind the JFIF header."""
    at = 4 + int.from_bytes(jpeg[4:6], "big")
    assert jpeg[at : at + 2] == b"\xff\xe1"
    return jpeg[:at] + jpeg[at + 2 + int.from_bytes(jpeg[at + 2 : at + 4], "big") :]


def make_spool(path: Path, **changed: object) -> Spool:
    """A spool that is not open yet, with caps that no test reaches by accident and a clock that stands at ``START``."""
    settings: dict[str, object] = {"max_bytes": 1 << 30, "max_age_s": 72 * 3600.0, "clock": START.timestamp}
    return Spool(path, **{"allow_tmpfs": True, **settings, **changed})  # type: ignore[arg-type]


def put(spool: Spool, still: Still | None = None, extra_info: str = "extra") -> SpoolItem:
    still = still or make_still()
    return spool.put(still, request_id=request_id_of(still), extra_info=extra_info)


def names_in(directory: Path) -> list[str]:
    return [path.name for path in directory.iterdir()]


def spool_file(spool: Spool, state: State, name: str) -> Path:
    return spool.path / state / name


def request_id_of(still: Still) -> str:
    return f"{still.sid}_{int(still.captured_at.timestamp())}_{'ab' * 16}"


def callback_config(url: str | None, **changed: object) -> CallbackConfig:
    return CallbackConfig.model_validate({"url": url, **changed})


def storage_config(url: str, **changed: object) -> StorageConfig:
    return StorageConfig.model_validate({"url": url, **changed})


def wait_until(condition: object, what: str = "the condition", patience_s: float = 30.0) -> None:
    """Wait until a condition holds; the patience is for a broken test, no test passes by it."""
    assert callable(condition)
    deadline = time.monotonic() + patience_s
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not come"
        time.sleep(0.005)
