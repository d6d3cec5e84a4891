"""A network and a receiver in processes of their own, so that their CPU and memory are not the agent's.

Run as ``python -m support.fault_processes proxy PORT`` or ``receiver LOG``; each says on its first line where it is.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from stillcast.receiver import ReceivedStill, Receiver
from support.cli import environment
from support.tcp_proxy import TcpProxy

_TESTS = str(Path(__file__).parents[1])


@dataclass
class Remote:
    """One such process; ``where`` is the port of a proxy, the address of a receiver."""

    process: subprocess.Popen[str]
    where: str

    def order(self, *words: object) -> None:
        """Call a method of the proxy: ``forward``, ``forward 50000``, ``refuse``, ``lose_answers``, ``stall`` …"""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(" ".join(map(str, words)) + "\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline() == "done\n", words


@contextmanager
def remote(kind: str, *arguments: object) -> Iterator[Remote]:
    """Run one; it ends with the block."""
    process = subprocess.Popen(
        [sys.executable, "-m", "support.fault_processes", kind, *map(str, arguments)],
        env=environment({"PYTHONPATH": _TESTS}),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield Remote(process, process.stdout.readline().strip())
    finally:
        process.stdin.close()
        process.wait(30)
        process.stdout.close()


def _proxy(port: str) -> None:
    with TcpProxy(int(port)) as proxy:
        print(proxy.port, flush=True)  # noqa: T201
        for line in sys.stdin:
            name, *numbers = line.split()
            getattr(proxy, name)(*map(float, numbers))
            print("done", flush=True)  # noqa: T201


def _receiver(log: str) -> None:
    with Path(log).open("a", encoding="utf-8") as lines:

        def note(still: ReceivedStill) -> None:
            lines.write(f"{still.object_key} {still.request_id}\n")
            lines.flush()

        with Receiver(on_still=note) as receiver:
            print(receiver.url, flush=True)  # noqa: T201
            for line in sys.stdin:
                assert line == "", "a receiver takes no orders"
        lines.writelines(f"problem {problem}\n" for problem in receiver.problems)


if __name__ == "__main__":
    {"proxy": _proxy, "receiver": _receiver}[sys.argv[1]](sys.argv[2])
