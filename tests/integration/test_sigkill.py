"""SIGKILL at the worst moments: what was spooled is stored under its one key and announced, after the restart."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from urllib.parse import urlsplit

import pytest

from stillcast.agent import Agent
from stillcast.config import AgentConfig
from stillcast.naming import parse_object_key
from stillcast.receiver import ReceivedStill, Receiver
from stillcast.spool import Spool, State
from support.bucket import assert_bucket_is_as_announced
from support.cli import environment
from support.clips import clip
from support.fault_invariants import promises
from support.s3_settings import Changes, s3_settings
from support.servers import S3Server, seaweedfs
from support.stills import WEBHOOK_SECRET, wait_until
from support.tcp_proxy import TcpProxy

ROUNDS = 5
FLUSH_S = 60.0
SLOW_BYTES_PER_S = 50_000.0


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    with seaweedfs(tmp_path_factory.mktemp("s3")) as server:
        yield server


@pytest.fixture
def network(store: S3Server) -> Iterator[TcpProxy]:
    """What lies between the agent and the store; down until a test lets it through."""
    port = urlsplit(store.endpoint).port
    assert port is not None
    with TcpProxy(port) as proxy:
        yield proxy


@dataclass(frozen=True)
class Bench:
    """An agent's settings and what is left of the agents that had them."""

    store: S3Server
    prefix: str
    settings: Path
    promises: Path

    def promised(self) -> list[str]:
        """Sids that killed agents had spooled, by their own account."""
        return [promise.sid for promise in promises(self.promises)]

    def stored(self) -> set[str]:
        """Sids in the bucket."""
        return {parse_object_key(key).sid for key in self.store.all_keys(self.prefix)}

    def spooled(self, *states: State) -> set[str]:
        """Sids in the spool, seen from outside."""
        spool = self.settings.parent / "spool"
        return {str(entry.sid) for entry in spool_at(spool).ls() if not states or entry.state in states}


def spool_at(path: Path) -> Spool:
    return Spool(path, max_bytes=1 << 30, max_age_s=72 * 3600.0, durability="process")


def bench(directory: Path, store: S3Server, network: TcpProxy, callback: str, prefix: str) -> Bench:
    """Settings of an agent that reaches the store over the network only."""
    changes: Changes = {
        "capture": {"interval": 0.1},
        "storage": {"endpoint": f"https://127.0.0.1:{network.port}", "prefix": [prefix]},
    }
    settings = s3_settings(directory, store, callback, changes)
    return Bench(store, prefix, settings, directory / "promises")


@contextmanager
def agent_to_kill(work: Bench) -> Iterator[None]:
    """An agent in a process of its own, which gets SIGKILL at the end of the block."""
    command = [sys.executable, "-m", "support.spooling_agent", work.settings, work.promises, clip("bigbuckbunny")]
    tests = str(Path(__file__).parents[1])
    log = work.settings.with_name("agent.log")
    with log.open("ab") as output:
        process = subprocess.Popen(
            [str(part) for part in command], env=environment({"PYTHONPATH": tests}), stdout=output, stderr=output
        )
    try:
        yield
        assert process.poll() is None, log.read_text()
    finally:
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL, log.read_text()


def wait_for_more(work: Bench, random: Random) -> None:
    """Wait for some more stills, and then for no particular instant."""
    target = len(work.promised()) + random.randint(1, 40)
    wait_until(lambda: len(work.promised()) >= target, "a spooled still")
    time.sleep(random.uniform(0.0, 0.1))  # not to wait for anything: to kill anywhere between two stills


def deliver_the_rest(work: Bench) -> None:
    """Start again as the host would, let everything out, and leave the spool empty."""
    with Agent(AgentConfig.load(work.settings)) as agent:
        assert agent.flush(FLUSH_S), agent.stats()
        stats = agent.stats()
    assert stats.dead_letters == stats.quarantined == sum(stats.dropped.values()) == 0
    assert work.spooled() == set()
    left = [path for path in (work.settings.parent / "spool").rglob("*") if path.is_file() and path.stat().st_size]
    assert [path for path in left if path.suffix == ".jpg"] == []


def assert_kept(work: Bench, announced: list[ReceivedStill]) -> None:
    """Every promise was kept: stored under one key, announced under one requestId, and true to the byte."""
    promised = work.promised()
    assert len(set(promised)) == len(promised)
    assert set(promised) <= work.stored()
    assert len({still.sid for still in announced}) == len({still.request_id for still in announced}) == len(announced)
    assert_bucket_is_as_announced(work.store, work.prefix, announced)


@pytest.mark.parametrize("seed", [1, 2])
def test_what_was_spooled_in_an_outage_is_stored_and_announced_after_several_kills(
    store: S3Server, network: TcpProxy, tmp_path: Path, seed: int
) -> None:
    random = Random(seed)
    with Receiver(secret=WEBHOOK_SECRET) as receiver:
        work = bench(tmp_path, store, network, receiver.url, f"outage{seed}")
        for _ in range(ROUNDS):
            with agent_to_kill(work):
                wait_for_more(work, random)
        waiting = work.spooled(State.READY)
        assert set(work.promised()) <= waiting == work.spooled()
        assert work.stored() == set()
        assert receiver.received == []
        network.forward()
        deliver_the_rest(work)
        assert receiver.problems == []
        assert work.stored() == waiting
        assert_kept(work, receiver.received)


def test_kills_while_uploads_are_under_way_lose_nothing(store: S3Server, network: TcpProxy, tmp_path: Path) -> None:
    random = Random(3)
    network.forward(bytes_per_s=SLOW_BYTES_PER_S)  # fewer stills than are captured: uploads are always under way
    with Receiver(secret=WEBHOOK_SECRET) as receiver:
        work = bench(tmp_path, store, network, receiver.url, "uploads")
        for _ in range(ROUNDS):
            before, uploaded = len(work.stored()), network.uploaded
            with agent_to_kill(work):
                wait_until(lambda: network.uploaded > uploaded + 50_000, "an upload")  # noqa: B023
                wait_until(lambda: len(work.stored()) > before, "a stored still")  # noqa: B023
                wait_for_more(work, random)
            assert work.spooled(State.READY), "all was uploaded: the kill came between two uploads"
        network.forward()
        deliver_the_rest(work)
        assert receiver.problems == []
        assert_kept(work, receiver.received)


def test_a_kill_between_the_upload_and_its_answer_stores_the_same_key_again(
    store: S3Server, network: TcpProxy, tmp_path: Path
) -> None:
    network.forward()
    with Receiver(secret=WEBHOOK_SECRET) as receiver:
        work = bench(tmp_path, store, network, receiver.url, "answers")
        with agent_to_kill(work):
            wait_until(lambda: receiver.received, "a first announcement")
            network.lose_answers()
            known = work.stored()  # of what is stored from now on, the answer is lost
            wait_until(lambda: (work.stored() - known) & work.spooled(State.READY), "an object without an answer")
        in_doubt = (work.stored() - known) & work.spooled(State.READY)
        assert in_doubt
        assert in_doubt.isdisjoint(still.sid for still in receiver.received)
        network.forward()
        deliver_the_rest(work)
        assert receiver.problems == []
        assert in_doubt <= {still.sid for still in receiver.received}
        assert_kept(work, receiver.received)


def test_a_kill_between_the_callback_and_its_answer_repeats_the_callback_with_its_request_id(
    store: S3Server, network: TcpProxy, tmp_path: Path
) -> None:
    answers = threading.Event()
    network.forward()

    def hesitate(_still: ReceivedStill) -> None:
        answers.wait(FLUSH_S)

    with Receiver(secret=WEBHOOK_SECRET, on_still=hesitate) as receiver:
        work = bench(tmp_path, store, network, receiver.url, "callbacks")
        with agent_to_kill(work):
            wait_until(lambda: receiver.received, "a callback")
            first = receiver.received[0].request_id
        answers.set()
        assert receiver.received[0].sid in work.spooled(State.STORED)
        deliver_the_rest(work)
        assert receiver.problems == []
        assert receiver.duplicates >= 1
        assert [still.request_id for still in receiver.received].count(first) == 1
        assert_kept(work, receiver.received)
