"""Programs that are born fast and die often: forked from a process that has imported everything already.

Run as ``python -m support.fault_nursery MODULE…`` it takes orders as lines of JSON: ``{"run": "module:function",
"args": […], "log": FILE}`` answers with a process id, ``{"wait": ID}`` with its exit status.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import subprocess
import sys
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from support.cli import environment

_TESTS = str(Path(__file__).parents[1])


class Nursery:
    """Steers the process that forks; made by ``nursery``."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.kills = 0

    def start(self, target: str, *arguments: object, log: Path) -> int:
        """Run ``module:function`` with arguments in a process of its own; gives its id."""
        return int(self._order({"run": target, "args": [str(each) for each in arguments], "log": str(log)}))

    def wait(self, pid: int) -> int:
        """Wait for its end; gives the exit status, negative for a signal."""
        status = int(self._order({"wait": pid}))
        self.kills += status == -signal.SIGKILL
        return status

    def run(self, target: str, *arguments: object, log: Path) -> int:
        """Start, and wait for the end."""
        return self.wait(self.start(target, *arguments, log=log))

    def kill(self, pid: int) -> None:
        """SIGKILL, and wait until it is gone."""
        os.kill(pid, signal.SIGKILL)
        assert self.wait(pid) == -signal.SIGKILL

    def _order(self, order: Mapping[str, object]) -> str:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline().strip()
        assert answer, f"the nursery ended with {self._process.wait()}"
        return answer


@contextmanager
def nursery(*modules: str, env: Mapping[str, str] | None = None) -> Iterator[Nursery]:
    """Start a nursery that has imported these modules; its children are killed at the end."""
    process = subprocess.Popen(
        [sys.executable, "-m", "support.fault_nursery", *modules],
        env=environment({"PYTHONPATH": _TESTS, **(env or {})}),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield Nursery(process)
    finally:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.close()  # its orders end: it kills what it still has, and ends
        process.wait(30)
        process.stdout.close()


def main(*modules: str) -> None:
    for module in modules:
        importlib.import_module(module)
    children: set[int] = set()
    for line in sys.stdin:
        order = json.loads(line)
        if "run" in order:
            child = _fork(order)
            children.add(child)
            print(child, flush=True)  # noqa: T201
        else:
            _, status = os.waitpid(order["wait"], 0)
            children.discard(order["wait"])
            print(os.waitstatus_to_exitcode(status), flush=True)  # noqa: T201
    for child in children:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def _fork(order: Mapping[str, Any]) -> int:
    child = os.fork()
    if child:
        return child
    status = 1
    try:
        log = os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        null = os.open(os.devnull, os.O_RDONLY)
        for source, target in ((null, 0), (log, 1), (log, 2)):
            os.dup2(source, target)
        module, _, name = order["run"].partition(":")
        getattr(importlib.import_module(module), name)(*order["args"])
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


if __name__ == "__main__":
    main(*sys.argv[1:])
