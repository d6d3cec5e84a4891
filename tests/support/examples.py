"""The examples below ``examples/`` as programmes of their own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

EXAMPLES = Path(__file__).parents[2] / "examples"
PATIENCE_S = 60.0


# A shell lets what it starts in the background ignore Ctrl-C, and so would the example.
def _hear_ctrl_c() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@contextmanager
def example(name: str, *arguments: str, home: Path) -> Iterator[subprocess.Popen[str]]:
    """Run an example with the embedded default below a home of its own, a still every tenth of a second."""
    environment = {
        **{key: value for key, value in os.environ.items() if not key.startswith("STILLCAST_")},
        "HOME": str(home),
        "XDG_DATA_HOME": str(home / "share"),
        "XDG_STATE_HOME": str(home / "state"),
        "STILLCAST_CAPTURE_INTERVAL": "0.1",
    }
    command = [sys.executable, str(EXAMPLES / f"{name}.py"), *arguments]
    with (home / f"{name}.log").open("w") as log:
        child = subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            text=True,
            preexec_fn=_hear_ctrl_c,
        )
        try:
            yield child
        finally:
            child.terminate()
            child.wait(20)


def stills(home: Path) -> list[Path]:
    return sorted((home / "share" / "stillcast" / "stills").rglob("*.jpg"))


def wait_for_stills(child: subprocess.Popen[str], home: Path, count: int = 2) -> None:
    end = time.monotonic() + PATIENCE_S
    while len(stills(home)) < count:
        text = "".join(log.read_text() for log in home.glob("*.log"))
        assert child.poll() is None or child.returncode == 0, text
        assert time.monotonic() < end, text
        time.sleep(0.05)
