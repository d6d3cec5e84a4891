"""The small commands: what they print where, and the exit status."""

from __future__ import annotations

import io
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from datetime import UTC, datetime
from pathlib import Path

import pytest
from PIL import Image

from stillcast.callbacks import new_request_id
from stillcast.capture import Encoder, encoder_in_use
from stillcast.naming import format_object_key, new_sid, parse_object_key
from stillcast.receiver import Receiver
from stillcast.spool import Spool, State
from stillcast.stills import Still
from support.canaries import WEBHOOK_SECRET as SECRET
from support.cli import environment, running, settings, stillcast
from support.settings import write_secret
from support.stills import make_spool


def test_the_version_is_told() -> None:
    done = stillcast("--version")
    assert done.returncode == 0
    assert re.fullmatch(r"stillcast \d+\.\d+\.\d+\n", done.stdout)


def test_help_names_every_command_and_loads_no_heavy_library() -> None:
    code = (
        "import sys; sys.argv = ['stillcast', '--help']\n"
        "from stillcast.cli import main\n"
        "try:\n    main()\n"
        "finally:\n    print(sorted({'av', 'boto3', 'botocore', 'PIL'} & set(sys.modules)), file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment(), capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0
    for command in ("demo", "run", "check", "receive", "spool"):
        assert re.search(rf"^ *{command}\b", done.stdout, re.MULTILINE)
    assert done.stderr.strip() == "[]"


@pytest.mark.parametrize(
    "arguments",
    [
        ["nosuch"],
        ["run", "--nosuch"],
        ["run"],
        ["run", "a.mp4", "b.mp4", "--uid", "7"],
        ["run", "a/1=x.mp4", "a/1=y.mp4"],
        ["run", "x.mp4", "--cname", "c" * 1100],
        ["demo", "--seconds", "0"],
        ["receive", "--port", "70000"],
        ["receive", "--path", "stills"],
        ["receive", "--secret-file", "/nonexistent"],
        ["check", "-c", "/nonexistent.toml"],
    ],
)
def test_wrong_usage_ends_with_status_2_and_no_traceback(arguments: list[str], tmp_path: Path) -> None:
    done = stillcast(
        *arguments, env={"STILLCAST_SPOOL_PATH": str(tmp_path), "STILLCAST_STORAGE_URL": tmp_path.as_uri()}
    )
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr
    assert "Traceback" not in done.stderr


def test_every_problem_of_the_settings_is_one_line() -> None:
    wrong = {"STILLCAST_CAPTURE_QUALITY": "0", "STILLCAST_STORAGE_URL": "ftp://x", "STILLCAST_SPOOL_NOSUCH": "1"}
    done = stillcast("check", env=wrong)
    assert done.returncode == 2
    lines = done.stderr.splitlines()
    assert len(lines) == 3
    assert all(line.startswith("stillcast: error: ") for line in lines)
    assert any("capture.quality: 0: " in line for line in lines)


# check

GOOD = [("settings", "ok"), ("encoder", "ok"), ("spool", "ok")]


def steps_of(stdout: str) -> list[tuple[str, ...]]:
    return [tuple(line.split()[:2]) for line in stdout.splitlines()]


def test_check_writes_a_canary_and_announces_it(tmp_path: Path) -> None:
    with Receiver() as receiver:
        done = stillcast("check", "-c", settings(tmp_path, callback=receiver.url))
        assert receiver.problems == []
        (announced,) = receiver.received
    assert done.returncode == 0, done.stderr
    assert steps_of(done.stdout) == [*GOOD, ("store", "ok"), ("callback", "ok"), ("rights", "skipped")]
    (file,) = (tmp_path / "stills").rglob("*.jpg")
    assert announced.object_key == str(file.relative_to(tmp_path / "stills"))
    key = parse_object_key(announced.object_key)
    assert (key.cname, key.uid) == ("stillcast-check", "canary")
    assert Image.open(io.BytesIO(file.read_bytes())).format == "JPEG"


def test_check_tries_the_newest_picture_in_a_directory_too(tmp_path: Path) -> None:
    done = stillcast("check", "-c", settings(tmp_path, more="latest = true"))  # in [capture], which comes last
    assert done.returncode == 0, done.stderr
    latest = "latest/stillcast-check/canary.jpg"
    assert f"latest    ok       wrote {latest} and read its time" in done.stdout
    assert (tmp_path / "stills" / latest).is_file()


def test_check_says_what_is_wrong_with_the_callback(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    done = stillcast("check", "--json", "-c", settings(tmp_path, callback=f"http://127.0.0.1:{port}/stills"))
    assert done.returncode == 1
    told = json.loads(done.stdout)
    assert told["ok"] is False
    assert [(step["step"], step["status"]) for step in told["steps"]] == [
        *GOOD,
        ("store", "ok"),
        ("callback", "FAILED"),
        ("rights", "skipped"),
    ]
    assert "callback.url: " in told["steps"][4]["detail"]
    assert "\n" not in told["steps"][4]["detail"]


def test_check_says_what_is_wrong_with_the_store_and_announces_nothing(tmp_path: Path) -> None:
    (tmp_path / "stills").write_text("a file where the directory should be")
    with Receiver() as receiver:
        done = stillcast("check", "-c", settings(tmp_path, callback=receiver.url))
        assert receiver.received == []
    assert done.returncode == 1
    assert steps_of(done.stdout) == [*GOOD, ("store", "FAILED"), ("callback", "skipped"), ("rights", "skipped")]
    assert str(tmp_path / "stills") in done.stdout.splitlines()[3]


@pytest.mark.parametrize("encoder", ["auto", "turbo", "native"])
def test_check_says_which_encoder_is_in_use(tmp_path: Path, encoder: Encoder) -> None:
    file = settings(tmp_path)
    env = {"STILLCAST_CAPTURE_ENCODER": encoder}
    lines = stillcast("check", "-c", file, env=env).stdout.splitlines()
    (line,) = [line for line in lines if line.startswith("encoder")]
    assert line.split(maxsplit=2) == ["encoder", "ok", encoder_in_use(encoder)]
    told = json.loads(stillcast("check", "--json", "-c", file, env=env).stdout)
    (step,) = [step for step in told["steps"] if step["step"] == "encoder"]
    assert (step["status"], step["detail"]) == ("ok", encoder_in_use(encoder))


def spool_step(tmp_path: Path, more: str = "", status: int = 0) -> tuple[str, str]:
    """What ``check`` says of the spool: status and line."""
    done = stillcast("check", "-c", settings(tmp_path, more=more))
    assert done.returncode == status, done.stderr
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("spool")]
    _, word, text = line.split(maxsplit=2)
    return word, text


def test_check_makes_no_spool_where_none_is(tmp_path: Path) -> None:
    word, text = spool_step(tmp_path)
    assert word == "ok"
    assert text.startswith(f"{tmp_path / 'spool'} on ")
    assert "made at the first start" in text
    assert not (tmp_path / "spool").exists()


def test_check_opens_and_writes_the_spool_that_is_there(tmp_path: Path) -> None:
    spooled(tmp_path / "spool")
    kept = sorted(path.name for path in (tmp_path / "spool").rglob("*"))
    assert spool_step(tmp_path)[0] == "ok"
    assert "opened and written" in spool_step(tmp_path)[1]
    assert sorted(path.name for path in (tmp_path / "spool").rglob("*")) == kept


def test_check_says_who_has_the_spool(tmp_path: Path) -> None:
    with make_spool(tmp_path / "spool"):
        word, text = spool_step(tmp_path)
    assert (word, f"in use by process {os.getpid()}" in text) == ("ok", True)


def test_check_says_why_the_spool_cannot_be_used(tmp_path: Path) -> None:
    (tmp_path / "spool").write_text("a file where the directory should be")
    word, text = spool_step(tmp_path, status=1)
    assert word == "FAILED"
    assert text.startswith(f"spool.path: {tmp_path / 'spool'}: ")


def test_check_warns_of_a_disk_that_cannot_hold_the_spool(tmp_path: Path) -> None:
    word, text = spool_step_of(tmp_path, 'max_bytes = "1000000TiB"')
    assert word == "warning"
    assert "spool.max_bytes: 1000000.0 TiB: the disk cannot hold it: lower it" in text
    word, text = spool_step_of(tmp_path, 'min_free = "1000000TiB"')
    assert word == "warning"
    assert "spool.min_free: 1000000.0 TiB: there is less" in text


def spool_step_of(tmp_path: Path, setting: str) -> tuple[str, str]:
    file = settings(tmp_path)
    file.write_text(file.read_text().replace("[spool]\n", f"[spool]\n{setting}\n"))
    done = stillcast("check", "--json", "-c", file)
    assert done.returncode == 0, done.stdout
    (step,) = [step for step in json.loads(done.stdout)["steps"] if step["step"] == "spool"]
    return step["status"], step["detail"]


# receive


def post(url: str, body: bytes) -> int:
    request = urllib.request.Request(url, body, {"Content-Type": "application/json;charset=utf-8"})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def test_receive_prints_good_callbacks_and_says_what_is_wrong_with_others(tmp_path: Path) -> None:
    write_secret(tmp_path / "secret", SECRET + "\n")
    with running("receive", "--port", "0", "--secret-file", tmp_path / "secret", "--json") as server:
        url = server.wait_for("listening on ").split()[3].rstrip(",")
        more = f'secret_file = "{tmp_path / "secret"}"\n'
        file = settings(tmp_path, callback=url)
        file.write_text(file.read_text().replace("extended = true\n", "extended = true\n" + more))
        assert stillcast("check", "-c", file).returncode == 0
        assert post(url, b"{}") == 400
        server.wait_for("refused: webhook-id, webhook-timestamp, webhook-signature: are needed")
        assert server.stop(signal.SIGINT) == 1
    (line,) = server.out
    told = json.loads(line)
    assert (told["code"], told["cname"], told["uid"], told["signed"]) == (200, "stillcast-check", "canary", True)
    assert server.err[-1] == "stillcast: 1 good, 0 repeated, 1 refused\n"


def test_receive_ends_well_when_all_was_good() -> None:
    with running("receive", "--port", "0") as server:
        server.wait_for("listening on http://127.0.0.1:")
        assert server.stop() == 0


def test_receive_says_that_its_port_is_taken() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = stillcast("receive", "--port", str(taken.getsockname()[1]))
    assert done.returncode == 1
    assert "cannot listen" in done.stderr


# spool ls


def spooled(directory: Path) -> list[str]:
    keys = []
    with Spool(directory, max_bytes=1 << 20, max_age_s=3600.0, durability="process") as spool:
        for uid in ("1", "2", "3"):
            sid, now = new_sid(), datetime.now(UTC)
            at = now.replace(microsecond=now.microsecond // 1000 * 1000)
            key = format_object_key(prefix=(), sid=sid, cname="lobby", uid=uid, captured_at=at)
            still = Still(
                jpeg=b"\xff\xd8 a picture \xff\xd9",
                width=640,
                height=360,
                mean_luma=1.0,
                luma_deviation=1.0,
                dhash=1,
                sid=sid,
                cname="lobby",
                uid=uid,
                captured_at=at,
                frame_age_ms=1.0,
                lateness_ms=1.0,
                source_width=1280,
                source_height=720,
                object_key=key,
            )
            item = spool.put(still, request_id=new_request_id(sid, time.time()), extra_info="")
            if uid == "3":
                spool.move(item.name, State.READY, State.DEAD, "key too long")
            keys.append(key)
    return keys


def test_spool_ls_lists_what_waits_and_why(tmp_path: Path) -> None:
    keys = spooled(tmp_path / "spool")
    done = stillcast("spool", "ls", "--path", tmp_path / "spool")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["ready", "ready", "dead"]
    assert {key for key in keys for line in lines if key in line} == set(keys)
    assert lines[0].endswith("waits to be stored")
    assert lines[2].endswith("key too long")


def test_spool_ls_gives_one_json_object_a_line(tmp_path: Path) -> None:
    keys = spooled(tmp_path / "spool")
    done = stillcast("spool", "ls", "-c", settings(tmp_path), "--json")
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert {entry["object_key"] for entry in told} == set(keys)
    assert [(entry["state"], entry["reason"]) for entry in told][2] == ("dead", "key too long")
    assert all(entry["bytes"] > 0 and entry["age_s"] >= 0 for entry in told)


def test_spool_ls_without_a_spool_says_so(tmp_path: Path) -> None:
    done = stillcast("spool", "ls", "--path", tmp_path / "nowhere")
    assert done.returncode == 1
    assert "no spool is there" in done.stderr
    assert not (tmp_path / "nowhere").exists()
