"""``stillcast run`` from RTMP into S3 over TLS, with every tick, object and callback accounted for."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from stillcast.naming import format_object_key, format_utc
from stillcast.receiver import ReceivedStill, Receiver
from support.bucket import assert_bucket_is_as_announced
from support.cli import stillcast
from support.clips import clip
from support.live_clip import with_key_frames
from support.s3_settings import EXTRA_INFO, s3_settings
from support.servers import SECRET_KEY, seaweedfs
from support.stills import WEBHOOK_SECRET
from support.streams import free_port, publisher, rtmp_server

SECONDS = float(os.environ.get("STILLCAST_LIVE_SECONDS", "8"))
INTERVAL_S = 0.5
CNAME, UID = "lobby 1", "zoë/91"  # both have to be encoded in the key, and come back from it
PREFIX = ("live", "stills2")


def test_a_live_stream_ends_in_the_bucket_and_every_tick_is_accounted_for(tmp_path: Path) -> None:
    video = with_key_frames(clip("bigbuckbunny"), tmp_path / "live.mp4")
    (tmp_path / "s3").mkdir()
    with (
        seaweedfs(tmp_path / "s3") as store,
        Receiver(secret=WEBHOOK_SECRET) as receiver,
        rtmp_server(tmp_path / "nginx", free_port()) as server,
        publisher(video, ["-f", "flv", f"{server}/lobby"], tmp_path / "ffmpeg.log"),
    ):
        changes = {"storage": {"prefix": list(PREFIX)}, "capture": {"interval": INTERVAL_S}}
        file = s3_settings(tmp_path, store, receiver.url, changes)
        began = datetime.now(UTC)
        feed = ["--cname", CNAME, "--uid", UID]
        done = stillcast("run", f"{server}/lobby", *feed, "-c", file, "--seconds", str(SECONDS), "--json")
        ended = datetime.now(UTC)
        assert done.returncode == 0, done.stderr
        agent = json.loads(done.stdout)["agent"]
        announced = receiver.received
        between = ticks_between([still.captured_at for still in announced])
        print(f"{accounting(agent)}, {between} of the missed between stills")  # noqa: T201 - the measure; see it with -s
        assert receiver.problems == []
        assert_bucket_is_as_announced(store, "", announced)
    assert_every_tick_is_accounted_for(agent, [still.captured_at for still in announced])
    assert agent["stills"] == agent["spooled"] == agent["stored"] == agent["announced"] == len(announced)
    for still in announced:
        assert_is_named_by_the_contract(still, began, ended)
    assert not [secret for secret in (SECRET_KEY, WEBHOOK_SECRET) if secret in done.stdout + done.stderr]


def accounting(agent: dict[str, Any]) -> str:
    names = ("ticks", "stills", "missed", "spooled", "stored", "announced", "dead_letters", "waiting_store")
    return f"{SECONDS:g} s: " + ", ".join(f"{name} {agent[name]}" for name in names)


def assert_every_tick_is_accounted_for(agent: dict[str, Any], captured_at: list[datetime]) -> None:
    # The clock of the ticks runs from the opening of the feed, so their number is known but for the two ends.
    assert SECONDS / INTERVAL_S - 1 <= agent["ticks"] <= (SECONDS + 3) / INTERVAL_S, agent
    assert agent["ticks"] == agent["stills"] + sum(agent["missed"].values()), agent
    assert agent["snapshots"] == agent["waiting_ticks"] == agent["queued"] == agent["spool_failed"] == 0, agent
    assert agent["waiting_store"] == agent["waiting_announce"] == agent["dead_letters"] == 0, agent
    assert agent["missed"]["encode_failed"] == agent["missed"]["queue_full"] == 0, agent
    # A tick that a busy machine could not serve is allowed, one that nobody counted is not.
    assert ticks_between(captured_at) <= sum(agent["missed"].values()), agent


def ticks_between(captured_at: list[datetime]) -> int:
    """How many ticks between the first still and the last one have no still."""
    lasted_s = (max(captured_at) - min(captured_at)).total_seconds()
    return round(lasted_s / INTERVAL_S) - (len(captured_at) - 1)


def assert_is_named_by_the_contract(still: ReceivedStill, began: datetime, ended: datetime) -> None:
    assert (still.code, still.msg, still.cname, still.uid) == (200, "Supervise complete", CNAME, UID)
    assert (still.extra_info, still.signed) == (EXTRA_INFO, True)
    assert began - timedelta(milliseconds=1) <= still.captured_at <= ended
    sid, seconds, _ = still.request_id.split("_")
    assert (sid, int(seconds)) == (still.sid, int(still.captured_at.timestamp()))
    day, utc = f"{still.captured_at:%Y%m%d}", format_utc(still.captured_at)
    name = f"{still.sid}_lobby%201__uid_s_zo%C3%AB%2F91__uid_e_video_{utc}.jpg"
    assert still.object_key == f"live/stills2/{day}/{name}"
    facts = {"cname": CNAME, "uid": UID, "captured_at": still.captured_at}
    assert still.object_key == format_object_key(prefix=PREFIX, sid=still.sid, **facts)
