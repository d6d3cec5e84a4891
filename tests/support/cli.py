"""The command line as a user meets it: a process with its exit status, stdout and stderr."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from support import canaries

COMMAND = (sys.executable, "-m", "stillcast.cli")
_LIMIT_S = 100


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment without settings of whoever runs the tests."""
    bare = {name: value for name, value in os.environ.items() if not name.startswith(("STILLCAST_", "AWS_"))}
    return {**bare, "COLUMNS": "120", "NO_COLOR": "1", **(extra or {})}


def stillcast(*arguments: str | Path, env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    done = subprocess.run(
        [*COMMAND, *map(str, arguments)],
        env=environment(env),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=_LIMIT_S,
        check=False,
    )
    canaries.refuse(done.stdout + done.stderr, "what the command wrote")
    return done


@dataclass
class Running:
    """A command that is still at work; its lines are read as they come."""

    process: subprocess.Popen[str]
    out: list[str] = field(default_factory=list)
    err: list[str] = field(default_factory=list)
    readers: list[threading.Thread] = field(default_factory=list)

    def wait_for(self, text: str) -> str:
        """Wait for the first line on either stream that has a text in it."""
        end = time.monotonic() + _LIMIT_S
        while time.monotonic() < end:
            for line in [*self.out, *self.err]:
                if text in line:
                    return line
            assert self.process.poll() is None, f"ended before {text!r}: {self.err}"
            time.sleep(0.02)
        raise AssertionError(f"no {text!r} in {self.out} {self.err}")

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal and wait for the exit status."""
        self.process.send_signal(number)
        return self.wait()

    def wait(self) -> int:
        """Wait for the exit status; all lines are there afterwards."""
        status = self.process.wait(_LIMIT_S)
        for reader in self.readers:
            reader.join(_LIMIT_S)
        canaries.refuse("".join(self.out + self.err), "what the command wrote")
        return status


@contextmanager
def running(*arguments: str | Path, env: Mapping[str, str] | None = None) -> Iterator[Running]:
    """Start a command; it is killed if the block leaves it running."""
    process = subprocess.Popen(
        [*COMMAND, *map(str, arguments)],
        env=environment(env),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    command = Running(process)
    for stream, lines in ((process.stdout, command.out), (process.stderr, command.err)):
        assert stream is not None
        reader = threading.Thread(target=lines.extend, args=(stream,), daemon=True)
        reader.start()
        command.readers.append(reader)
    try:
        yield command
    finally:
        if process.poll() is None:
            process.kill()
            process.wait(_LIMIT_S)
        for reader in command.readers:
            reader.join(_LIMIT_S)
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                stream.close()


def settings(directory: Path, *, callback: str | None = None, more: str = "") -> Path:
    """Write settings with a directory store and a spool of their own; gives the file."""
    lines = [
        f'[storage]\nurl = "{(directory / "stills").as_uri()}"',
        f'[spool]\npath = "{directory / "spool"}"',
        "[capture]\ninterval = 0.5",
    ]
    if callback:
        lines.append(f'[callback]\nurl = "{callback}"\nextended = true\nextra_info = "of a test"')
    path = directory / "stillcast.toml"
    path.write_text("\n".join([*lines, more]) + "\n")
    return path
