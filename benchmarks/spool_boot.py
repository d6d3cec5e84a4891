"""Boots a spool with a million files, and prints how long each step took.

Run it from the repository's root: ``python -m benchmarks.spool_boot --help``.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import secrets
import shutil
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

from stillcast.naming import format_object_key, new_sid
from stillcast.spool import Spool, State, footer
from stillcast.spool.item import describe
from stillcast.stills import Still

_T = TypeVar("_T")
_LIVE_PUTS = 10
_LIVE_PAUSE_S = 0.05  # 200 a second


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=1_000_000)
    parser.add_argument("--corrupt", type=int, default=1_000)
    parser.add_argument("--path", type=Path, help="a directory on the disk that is meant; emptied before and after")
    parser.add_argument("--keep", action="store_true", help="use the files that are there, and keep them")
    options = parser.parse_args()
    path = options.path or Path(tempfile.mkdtemp(prefix="stillcast-boot-"))
    try:
        if not (options.keep and (path / State.READY).is_dir()):
            timed(f"make {options.files} files", lambda: make_files(path, options.files, options.corrupt))
        print("page cache", "dropped" if drop_caches() else "kept: no rights to drop it")
        boot(path)
    finally:
        if not options.keep:
            shutil.rmtree(path, ignore_errors=True)


def make_files(path: Path, count: int, corrupt: int) -> None:
    """Fill ``ready`` as an owner would have, quickly: real files of 100 feeds, some of them cut short."""
    directory = path / State.READY
    shutil.rmtree(path, ignore_errors=True)
    directory.mkdir(parents=True, mode=0o700)
    now = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=2)
    every = max(1, count // corrupt) if corrupt else count + 1
    for number in range(count):
        still = make_still(number, now + timedelta(milliseconds=5 * number))
        item = describe(still, request_id=f"{still.sid}_0_{'0' * 32}", extra_info="")
        data = footer.encode(item, still.jpeg)
        descriptor = os.open(f"{directory}/{item.name}", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        os.write(descriptor, data[:-5] if number % every == every - 1 else data)
        os.close(descriptor)


def make_still(number: int, captured_at: datetime) -> Still:
    sid, cname, uid = new_sid(), "boot", str(number % 100)
    jpeg = b"\xff\xd8" + hashlib.sha256(sid.encode()).digest() + b"\xff\xd9"
    key = format_object_key(prefix=("boot",), sid=sid, cname=cname, uid=uid, captured_at=captured_at)
    return Still(
        jpeg=jpeg, width=2, height=2, mean_luma=1.0, luma_deviation=1.0, dhash=secrets.randbits(64), sid=sid,
        cname=cname, uid=uid, captured_at=captured_at, frame_age_ms=1.0, lateness_ms=1.0, source_width=2,
        source_height=2, object_key=key,
    )  # fmt: skip


def boot(path: Path) -> None:
    spool = Spool(path, max_bytes=1 << 40, max_age_s=30 * 86400.0, max_files=10_000_000, allow_tmpfs=True)
    before_kb = resident_kb()
    began, cpu = time.perf_counter(), time.process_time()
    timed("open", spool.open)
    put_live(spool)
    print(f"{'first live stills spooled, from the start':<44} {time.perf_counter() - began:9.3f} s")
    slowest = 0.0
    while not spool.counted:
        slowest = max(slowest, put_live(spool))
        time.sleep(_LIVE_PAUSE_S)
    print(f"{'counted, from the start':<44} {time.perf_counter() - began:9.3f} s")
    print(f"{'CPU of that, live stills included':<44} {time.process_time() - cpu:9.3f} s")
    print(f"{'slowest live put meanwhile':<44} {slowest:9.3f} s")
    print(f"{'memory that it grew by':<44} {(resident_kb() - before_kb) / 1024:9.1f} MiB")
    print(dict(spool.counts()), spool.bytes_used, "bytes")
    for limit in (1, 4096, 16_384, 65_536):
        timed(f"oldest {limit}", lambda limit=limit: spool.oldest(State.READY, limit))
    timed("tidy", spool.tidy)
    timed("tidy again", spool.tidy)
    print(f"{'memory that it grew by':<44} {(resident_kb() - before_kb) / 1024:9.1f} MiB")
    timed("close", spool.close)


def put_live(spool: Spool) -> float:
    """Put and take off a few; the longest put in seconds."""
    slowest = 0.0
    for number in range(_LIVE_PUTS):
        still = make_still(number, datetime.now(UTC).replace(microsecond=0))
        began = time.perf_counter()
        item = spool.put(still, request_id="r", extra_info="")
        slowest = max(slowest, time.perf_counter() - began)
        spool.remove(State.READY, item.name)
    return slowest


def timed(what: str, work: Callable[[], _T]) -> _T:
    began = time.perf_counter()
    result = work()
    print(f"{what:<44} {time.perf_counter() - began:9.3f} s", flush=True)
    return result


def resident_kb() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") // 1024


def drop_caches() -> bool:
    os.sync()
    try:
        Path("/proc/sys/vm/drop_caches").write_text("3\n")
    except OSError:
        return False
    return True


if __name__ == "__main__":
    main()
