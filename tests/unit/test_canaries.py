"""The watch over the canaries can fail: a test that leaks one does not pass, wherever it leaks it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from support import canaries

TESTS = Path(__file__).parents[1]
HEAD = """
import base64, logging, os, subprocess, sys
from urllib.parse import quote
from support.canaries import PASSWORD, SECRET_KEY, WEBHOOK_SECRET
OWN = os.environ["STILLCAST_TESTS_CANARY"]
"""
OWN = "cAnArY-of-this-test"  # a command line is seen by the watch of these tests too, so it must not know this one


def run(tmp_path: Path, body: str, signature: str = "") -> subprocess.CompletedProcess[str]:
    """Run a test with this body under the plugin."""
    lines = "".join(f"    {line}\n" for line in body.splitlines())
    (tmp_path / "test_inner.py").write_text(f"{HEAD}\ndef test_it({signature}):\n{lines}")
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "conftest", "-c", os.devnull, "--rootdir", tmp_path, "-q", tmp_path],
        env={**os.environ, "PYTHONPATH": str(TESTS), "STILLCAST_TESTS_CANARY": OWN},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


RAISE = "try:\n    raise ValueError(SECRET_KEY)\nexcept ValueError:\n    logging.getLogger('x').exception('broke')"
WAIT = "subprocess.run([sys.executable, '-c', 'import time; time.sleep(3)', OWN])"
DEEP = "subprocess.run([sys.executable, '-'], input=f'OWN = {OWN!r}; import subprocess, sys; ' + WAIT, text=True)"


@pytest.mark.parametrize(
    ("body", "signature", "place"),
    [
        ("print(SECRET_KEY)", "", "Captured stdout call: "),
        ("sys.stderr.write(quote(SECRET_KEY, safe=''))", "", "Captured stderr call: "),
        ("logging.getLogger('stillcast.agent').debug('with %s', WEBHOOK_SECRET)", "", "Captured log call: "),
        (RAISE, "", "Captured log call: "),
        ("print(SECRET_KEY); capsys.readouterr()", "capsys", "what the test captured"),
        ("(tmp_path / 'a').mkdir(); (tmp_path / 'a/b').write_bytes(b'x' + PASSWORD.encode())", "tmp_path", "a/b"),
        (
            "(tmp_path / 'b').write_bytes(b'x' * (2**20 - 5)+ base64.b64encode(SECRET_KEY.encode()))",
            "tmp_path",
            "file below tmp_path: b",
        ),
        (WAIT, "", "command line: "),
        (f"WAIT = {WAIT!r}\n{DEEP}", "", "command line: "),
    ],
)
def test_a_leaked_canary_fails_the_test_with_its_place(tmp_path: Path, body: str, signature: str, place: str) -> None:
    done = run(tmp_path, body, signature)
    assert done.returncode == 1, done.stdout
    assert "canary secret" in done.stdout
    assert place in done.stdout


def test_a_test_that_leaks_nothing_passes(tmp_path: Path) -> None:
    body = "print('fine')\n(tmp_path / 'secret-key').write_text(SECRET_KEY)"
    done = run(tmp_path, body, "tmp_path")
    assert done.returncode == 0, done.stdout


def test_the_place_of_a_leak_is_told_without_the_secret() -> None:
    text = f"before {canaries.SECRET_KEY} after"
    assert canaries.found_in(text) == "before <hidden> after"
    assert canaries.found_in("nothing") is None
