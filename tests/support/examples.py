"""The examples below ``examples/`` as programmes of their own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType

from stillcast import parse_object_key

EXAMPLES = Path(__file__).parents[2] / "examples"
PATIENCE_S = 60.0


# A shell lets what it starts in the background ignore Ctrl-C, and so would the example.
def _hear_ctrl_c() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@contextmanager
def example(
    name: str, *arguments: str, home: Path, variables: Mapping[str, str] = MappingProxyType({})
) -> Iterator[subprocess.Popen[str]]:
    """Run an example with the embedded default below a home of its own, a still every tenth of a second."""
    environment = {
        **{key: value for key, value in os.environ.items() if not key.startswith("STILLCAST_")},
        "HOME": str(home),
        "XDG_DATA_HOME": str(home / "share"),
        "XDG_STATE_HOME": str(home / "state"),
        "STILLCAST_CAPTURE_INTERVAL": "0.1",
        **variables,
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


def owners(home: Path) -> Counter[tuple[str, str]]:
    """Count the stills of each channel and user."""
    below = home / "share" / "stillcast" / "stills"
    keys = [parse_object_key(path.relative_to(below).as_posix()) for path in stills(home)]
    return Counter((key.cname, key.uid) for key in keys)


def _said(home: Path) -> str:
    return "".join(log.read_text() for log in home.rglob("*.log"))


def wait_for_stills(
    child: subprocess.Popen[str], home: Path, *users: tuple[str, str], count: int = 2
) -> Counter[tuple[str, str]]:
    """Wait until there are as many of each user, or of anybody; gives whose stills there are."""
    end = time.monotonic() + PATIENCE_S
    while (found := owners(home)).total() < count or any(found[user] < count for user in users):
        assert child.poll() is None or child.returncode == 0, _said(home)
        assert time.monotonic() < end, _said(home)
        time.sleep(0.05)
    return found
