"""``stillcast check``."""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import typer

from stillcast.callbacks import Notifier, build_body, new_request_id
from stillcast.capture import Frame, encode_still
from stillcast.cli.status import FAILED
from stillcast.config import AgentConfig
from stillcast.errors import StillcastError
from stillcast.naming import format_object_key, new_sid
from stillcast.redaction import without_secrets
from stillcast.spool import SpoolItem
from stillcast.stills import EncodedStill
from stillcast.storage import open_store

CANARY_CNAME = "stillcast-check"
CANARY_UID = "canary"


@dataclass(frozen=True, slots=True)
class StepResult:
    """How one step went.

    Attributes:
        step: ``settings``, ``store`` or ``callback``.
        status: ``ok``, ``FAILED`` or ``skipped``.
        detail: one line: what was done, or what is wrong and the way out.
    """

    step: str
    status: str
    detail: str


def run_check(config_path: Path | None, *, as_json: bool) -> None:
    """Try the settings, the store and the callback, and print how each went.

    Raises:
        ConfigError: the settings are wrong; nothing else was tried.
        typer.Exit: with status 1 if a step failed.
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
    yield StepResult("settings", "ok", f"{config_path or 'defaults and environment'}")
    still = _canary_still()
    item = _canary(config, still)
    stored = _try("store", lambda: _store(config, item, still.jpeg))
    yield stored
    if config.callback.url is None:
        yield StepResult("callback", "skipped", "callback.url is not set: nobody is told of stills")
    elif stored.status != "ok":
        yield StepResult("callback", "skipped", "the canary is not in the store: there is nothing to announce")
    else:
        yield _try("callback", lambda: _announce(config, item))


def _try(step: str, action: Callable[[], str]) -> StepResult:
    started = time.monotonic()
    try:
        detail = action()
    except StillcastError as error:
        return StepResult(step, "FAILED", str(error))
    return StepResult(step, "ok", f"{detail} in {(time.monotonic() - started) * 1000:.0f} ms")


def _store(config: AgentConfig, item: SpoolItem, jpeg: bytes) -> str:
    store = open_store(config.storage)
    try:
        store.put(item.object_key, jpeg)
    finally:
        store.close()
    return f"wrote {item.object_key} ({len(jpeg)} bytes) to {config.storage.url}"


def _announce(config: AgentConfig, item: SpoolItem) -> str:
    url = config.callback.url or ""
    body = build_body(item, url=url, extended=config.callback.extended)
    failed = asyncio.run(_notify(Notifier(config.callback), body, item.request_id))
    after = f" after {len(failed)} failed attempts ({', '.join(failed)})" if failed else ""
    return f"announced it to {without_secrets(url)}{after}"


async def _notify(notifier: Notifier, body: bytes, request_id: str) -> tuple[str, ...]:
    await notifier.start()
    try:
        return await notifier.notify(body, request_id)
    finally:
        await notifier.close()


def _canary_still() -> EncodedStill:
    """Make a small grey ramp: a real still, so that the store sees what it will see later."""
    ramp = np.tile(np.linspace(0, 255, 64, dtype=np.uint8), (36, 1))
    return encode_still(Frame.from_array(ramp, "GRAY8"))


def _canary(config: AgentConfig, still: EncodedStill) -> SpoolItem:
    sid, now = new_sid(), time.time()
    captured_at = datetime.fromtimestamp(int(now * 1000) / 1000, UTC)
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
        request_id=new_request_id(sid, now),
        extra_info=config.callback.extra_info,
        width=still.width,
        height=still.height,
        bytes=len(still.jpeg),
        sha256=hashlib.sha256(still.jpeg).hexdigest(),
        frame_age_ms=0.0,
        mean_luma=still.mean_luma,
        dhash=still.dhash,
    )
