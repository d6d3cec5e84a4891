"""``stillcast check``."""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import typer

from stillcast.callbacks import Notifier, build_body, new_request_id
from stillcast.capture import Frame, encode_still, encoder_in_use
from stillcast.cli.check_spool import look_at_spool
from stillcast.cli.status import FAILED
from stillcast.config import AgentConfig
from stillcast.delivery.model import LatestStore
from stillcast.errors import StillcastError
from stillcast.exif import with_capture_time
from stillcast.metrics import SKEW_S
from stillcast.naming import format_object_key, latest_key_of, new_sid
from stillcast.redaction import without_secrets
from stillcast.spool import SpoolItem
from stillcast.stills import EncodedStill
from stillcast.storage import FailureKind, StorageFailure, object_metadata, open_store

CANARY_CNAME = "stillcast-check"
CANARY_UID = "canary"
_TIMED = ("store", "callback")


@dataclass(frozen=True, slots=True, kw_only=True)
class StepResult:
    """How one step went.

    Attributes:
        step: ``settings``, ``encoder``, ``spool``, ``store``, ``latest`` where it is set, ``callback`` or ``rights``.
        status: ``ok``, ``warning``, ``FAILED`` or ``skipped``.
        detail: one line: what was done, or what is wrong and the way out.
        kind: of a failure of the store, as the delivery would take it: ``passing``, ``destination``, ``item``.
        code: of a failure of the store, as the delivery would count it.
    """

    step: str
    status: str
    detail: str
    kind: str | None = None
    code: str | None = None


# What an action says of itself: its status, and one line.
Told = tuple[str, str]


def run_check(config_path: Path | None, *, as_json: bool) -> None:
    """Try the settings, the spool, the store, the callback and the key's rights, and print how each went.

    Raises:
        ConfigError: the settings are wrong; nothing else was tried.
        typer.Exit: with status 1 if a step failed; a warning is no failure.
    """
    config = AgentConfig.load(config_path)
    results: list[StepResult] = []
    for step in _steps(config, config_path):
        results.append(step)
        if not as_json:
            typer.echo(f"{step.step:<9} {step.status:<8} {step.detail}")
    is_good = all(result.status != "FAILED" for result in results)
    if as_json:
        typer.echo(json.dumps({"ok": is_good, "steps": [asdict(result) for result in results]}))
    if not is_good:
        raise typer.Exit(FAILED)


def _steps(config: AgentConfig, config_path: Path | None) -> Iterator[StepResult]:
    yield StepResult(step="settings", status="ok", detail=f"{config_path or 'defaults and environment'}")
    yield StepResult(step="encoder", status="ok", detail=encoder_in_use(config.capture.encoder))
    yield _try("spool", lambda: look_at_spool(config.spool))
    captured_at = datetime.fromtimestamp(int(time.time() * 1000) / 1000, UTC)
    still = _canary_still(captured_at)
    item = _canary(config, still, captured_at)
    stored = _try("store", lambda: _store(config, item, still.jpeg))
    yield stored
    is_stored = stored.status != "FAILED"
    if config.capture.latest and not is_stored:
        yield _skipped("latest", "the canary is not in the store: nor will this one be")
    elif config.capture.latest:
        yield _try("latest", lambda: _latest(config, item, still.jpeg))
    if config.callback.url is None:
        yield _skipped("callback", "callback.url is not set: nobody is told of stills")
    elif not is_stored:
        yield _skipped("callback", "the canary is not in the store: there is nothing to announce")
    else:
        yield _try("callback", lambda: _announce(config, item))
    # Last, because it removes the canary where it may: whoever was just told of it finds it in the store until then.
    if config.storage.kind == "file":
        yield _skipped("rights", "the store is a directory: rights are those of its files")
    elif not is_stored:
        yield _skipped("rights", "the canary is not in the store: there is nothing to try them on")
    else:
        yield _try("rights", lambda: _rights(config, item))


def _try(step: str, action: Callable[[], Told]) -> StepResult:
    started = time.monotonic()
    try:
        status, detail = action()
    except StorageFailure as error:
        return StepResult(step=step, status="FAILED", detail=str(error), kind=error.kind, code=error.code)
    except StillcastError as error:
        return StepResult(step=step, status="FAILED", detail=str(error))
    took = f" in {(time.monotonic() - started) * 1000:.0f} ms" if step in _TIMED and status == "ok" else ""
    return StepResult(step=step, status=status, detail=f"{detail}{took}")


def _skipped(step: str, detail: str) -> StepResult:
    return StepResult(step=step, status="skipped", detail=detail)


def _store(config: AgentConfig, item: SpoolItem, jpeg: bytes) -> Told:
    store = open_store(config.storage)
    try:
        store.put(item.object_key, jpeg, object_metadata(item))
        skew_s = store.clock_skew_s
    finally:
        store.close()
    wrote = f"wrote {item.object_key} ({len(jpeg)} bytes) to {config.storage.url}"
    if skew_s is not None and abs(skew_s) >= SKEW_S:
        behind = "behind" if skew_s > 0 else "ahead of"
        return "warning", f"{wrote}, but this clock is {abs(skew_s):.0f} s {behind} the store's: set it (NTP)"
    return "ok", wrote


def _latest(config: AgentConfig, item: SpoolItem, jpeg: bytes) -> Told:
    key = latest_key_of(item.object_key)
    store = open_store(config.storage)
    try:
        store.put_latest(key, jpeg, object_metadata(item))
        return _read_back(store, key, item.captured_at)
    finally:
        store.close()


def _read_back(store: LatestStore, key: str, written: datetime) -> Told:
    try:
        found = store.latest_captured_at(key)
    except StorageFailure as error:
        if error.kind is not FailureKind.DESTINATION:
            raise
        return "warning", f"wrote {key}, but may not read it: allow s3:GetObject there (see the README): {error}"
    if found != written:
        return "warning", f"{key} has the time {found}, not the one just written: does somebody else write there?"
    return "ok", f"wrote {key} and read its time"


def _announce(config: AgentConfig, item: SpoolItem) -> Told:
    url = config.callback.url or ""
    body = build_body(item, url=url, extended=config.callback.extended)
    failed = asyncio.run(_notify(Notifier(config.callback), body, item.request_id))
    if failed:
        return "warning", f"announced it to {without_secrets(url)} after failed attempts ({_list(failed)})"
    return "ok", f"announced it to {without_secrets(url)}"


async def _notify(notifier: Notifier, body: bytes, request_id: str) -> tuple[str, ...]:
    await notifier.start()
    try:
        return await notifier.notify(body, request_id)
    finally:
        await notifier.close()


def _rights(config: AgentConfig, item: SpoolItem) -> Told:
    from stillcast.storage.rights import try_rights  # noqa: PLC0415  # boto3, which a directory does without

    storage = config.storage
    found = try_rights(storage, item.object_key, unused_key=f"{CANARY_CNAME}-{item.sid}")
    if found.excess:
        place = "/".join([storage.bucket, *storage.prefix, "*"])
        way_out = f"use a policy that allows s3:PutObject on arn:aws:s3:::{place} alone (see the README)"
        return "warning", f"storage.access_key: may do more than put: {_list(found.excess)}: {way_out}"
    if found.unknown:
        return "warning", f"storage.access_key: whether it may do more than put is not known: {_list(found.unknown)}"
    return "ok", "the key may put stills and was refused reading, listing and deleting them"


def _list(texts: Iterable[str]) -> str:
    return ", ".join(texts)


def _canary_still(captured_at: datetime) -> EncodedStill:
    """Make a small grey ramp: a real still, so that the store sees what it will see later."""
    ramp = np.tile(np.linspace(0, 255, 64, dtype=np.uint8), (36, 1))
    still = encode_still(Frame.from_array(ramp, "GRAY8"))
    return replace(still, jpeg=with_capture_time(still.jpeg, captured_at))


def _canary(config: AgentConfig, still: EncodedStill, captured_at: datetime) -> SpoolItem:
    sid = new_sid()
    key = format_object_key(
        prefix=config.storage.prefix, sid=sid, cname=CANARY_CNAME, uid=CANARY_UID, captured_at=captured_at
    )
    return SpoolItem(
        name=f"{sid}.jpg",
        sid=sid,
        object_key=key,
        cname=CANARY_CNAME,
        uid=CANARY_UID,
        captured_at=captured_at,
        request_id=new_request_id(sid, captured_at.timestamp()),
        extra_info=config.callback.extra_info,
        width=still.width,
        height=still.height,
        bytes=len(still.jpeg),
        sha256=hashlib.sha256(still.jpeg).hexdigest(),
        frame_age_ms=0.0,
        mean_luma=still.mean_luma,
        dhash=still.dhash,
    )
