"""A store and a network that fail in every known way, before an agent that goes on running through all of it."""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme

from stillcast.spool import State
from stillcast.storage import failures
from support import s3_faults as faulty
from support.fault_agent import PRELOADED, Bench, Listening, pause
from support.fault_nursery import Nursery, nursery
from support.fault_table import FaultTable, is_long, scaled
from support.s3_front import Behaviour, S3Front
from support.s3_judge import Key
from support.stills import WEBHOOK_SECRET, make_spool, wait_until
from support.tcp_proxy import TcpProxy

FAULT_S = scaled(1, 15)
# After a refusal that parks, boto3's client is made anew: what that leaves in the heaps of eight threads is seen once,
# about 100 MiB, however many refusals follow.
GROWTH_MAX = 160 << 20
STATUS = {"passing": 503, "destination": 403, "item": 400}


@dataclass
class Rig:
    """A front over TLS behind a proxy, a receiver, and the settings of an agent between them."""

    front: S3Front
    tls: ssl.SSLContext
    authority: trustme.CA
    proxy: TcpProxy
    bench: Bench

    def cut(self) -> None:
        """Make every connection anew, so that a fault of the handshake is met."""
        self.proxy.cut()

    def present(self, *, not_after: datetime | None = None) -> None:
        """Show another certificate from the next handshake on."""
        issued = self.authority.issue_cert("localhost", "127.0.0.1", not_after=not_after)
        issued.configure_cert(self.tls)
        self.cut()


@pytest.fixture(scope="module")
def children() -> Iterator[Nursery]:
    with nursery(*PRELOADED) as made:
        yield made


@pytest.fixture
def rig(children: Nursery, tmp_path: Path) -> Iterator[Rig]:
    authority, tls = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost", "127.0.0.1").configure_cert(tls)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    with S3Front(tls=tls) as front, TcpProxy(front.port) as proxy, Listening(secret=WEBHOOK_SECRET) as receiver:
        proxy.forward()
        bench = Bench(tmp_path, children, front, receiver)
        rig = Rig(front, tls, authority, proxy, bench)
        configure(rig)
        yield rig


def configure(rig: Rig, **storage: object) -> None:
    given = {"endpoint": f"https://localhost:{rig.proxy.port}", "ca_file": str(rig.bench.directory / "ca.pem")}
    rig.bench.configure({"storage": {**given, **storage}})


@dataclass(frozen=True)
class NetFault:
    """A fault: how it begins, how it ends, and what shows that the agent has met with it."""

    name: str
    how: str
    begin: Callable[[Rig], None]
    end: Callable[[Rig], None]
    is_met: Callable[[Rig], bool]


def behaviour(name: str, how: str, make: Callable[[Rig], Behaviour]) -> NetFault:
    """A fault of the store itself; met when the front has answered by it."""
    return NetFault(
        name, how, lambda rig: rig.front.behave(make(rig)), lambda rig: rig.front.heal(), lambda rig: has_asked(rig)
    )


def network(name: str, how: str, begin: Callable[[Rig], None]) -> NetFault:
    """A fault of what lies between; it lasts for a while, and ends with the proxy let through."""
    return NetFault(name, how, begin, lambda rig: rig.proxy.forward(), lambda _rig: True)


def has_asked(rig: Rig) -> bool:
    facts = list(rig.front.facts)
    return bool(facts) and time.monotonic() - facts[-1].at_s < FAULT_S + 5


def elsewhere(_rig: Rig) -> Behaviour:
    return faulty.redirect("http://127.0.0.1:9/elsewhere")


def wrong_region(_rig: Rig) -> Behaviour:
    return faulty.refuse("AuthorizationHeaderMalformed", 400, {"x-amz-bucket-region": "eu-west-1"})


def expire(rig: Rig) -> None:
    rig.present(not_after=datetime.now(UTC) - timedelta(hours=1))


NETWORK = (
    network("connections cut and refused", "proxy closes its port", lambda rig: rig.proxy.refuse()),
    network("slow network", "proxy passes 20 kB/s a connection", lambda rig: rig.proxy.forward(20_000)),
    network("answers lost", "proxy passes requests and no answer, then cuts", lambda rig: rig.proxy.lose_answers()),
    network("stalled network", "proxy takes bytes and passes none", lambda rig: rig.proxy.stall()),
    network("answers drip", "proxy passes 50 bytes of answers a second", lambda rig: rig.proxy.drip(50)),
    behaviour("reset", "front takes the request and resets", lambda _: faulty.reset),
    behaviour("reset after storing", "front stores and resets", lambda _: faulty.reset_after_storing),
    behaviour("late answer", "front stores and answers after 2 s", lambda _: faulty.answer_late_after_storing(2.0)),
    behaviour("stalled store", "front takes the request and is silent for 2 s", lambda _: faulty.stall(2.0)),
    behaviour("wrong ETag", "front stores and tells the MD5 of something else", lambda _: faulty.wrong_etag),
    behaviour("no HTTP", "front answers with an SSH banner", lambda _: faulty.garbage()),
    behaviour("redirect", "front answers 307 with an address that nobody serves", elsewhere),
    behaviour("wrong region", "front answers AuthorizationHeaderMalformed with its region", wrong_region),
    behaviour("lying clock", "front is an hour ahead, refuses and dates so", lambda _: faulty.lie_about_date(3600.0)),
    NetFault("expired certificate", "front presents one, then a good one", expire, lambda rig: rig.present(),
             lambda rig: rig.front.handshakes_failed > 0),
)  # fmt: skip


@pytest.mark.timeout(900)
def test_an_agent_outlives_every_fault_of_store_and_network(rig: Rig, faults: FaultTable) -> None:
    bench = rig.bench
    found: list[tuple[NetFault, float, int]] = []
    with bench.agent() as bounds:
        bench.wait_for_live_still()
        bounds.begin()
        for fault in NETWORK:
            before = sum(bench.stats()["store_failures"].values())
            fault.begin(rig)
            wait_until(lambda: fault.is_met(rig), fault.name)  # noqa: B023
            pause(FAULT_S)
            fault.end(rig)
            if fault.name == "answers lost":
                rig.cut()  # the agent waits for what will never come: a restarted router
            alive_s = bench.wait_for_live_still()
            found.append((fault, alive_s, sum(bench.stats()["store_failures"].values()) - before))
        bench.wait_until_drained()
    used = bounds.assert_bounded(growth=GROWTH_MAX)
    stats = bench.stats()
    assert sum(stats["dropped"].values()) == stats["dead_letters"] == stats["spool_failed"] == 0, stats
    bench.assert_invariants()
    bench.deliver_the_rest()
    bench.assert_all_delivered()
    assert rig.front.sids_with_different_bytes() == []
    for fault, alive_s, failed in found:
        faults.add(
            fault.name,
            how=f"{fault.how}, for {FAULT_S} s in a running agent",
            times=1,
            happened=f"{failed:,} uploads failed; a new still stored {alive_s:.2f} s after the fault; nothing dropped",
            held=f"conservation, purity, liveness, bounds ({used})",
        )


def codes() -> dict[str, list[str]]:
    """Every error code that the product knows, by kind; the short form takes a few of each."""
    every = {
        "passing": sorted(failures._PASSING | failures._THROTTLED),
        "destination": sorted({*failures._WAYS_OUT, *failures.WRONG_REGION_CODES} - failures._ITEM),
        "item": sorted(failures._ITEM),
    }
    known = {kind: [c for c in some if failures.kind_of(c, STATUS[kind]) == kind] for kind, some in every.items()}
    return known if is_long() else {kind: some[:: max(1, len(some) // 3)] for kind, some in known.items()}


@pytest.mark.timeout(900)
@pytest.mark.parametrize("kind", ["passing", "destination", "item"])
def test_an_agent_outlives_every_error_code(rig: Rig, faults: FaultTable, kind: str) -> None:
    bench, slowest = rig.bench, 0.0
    every = codes()[kind]
    with bench.agent() as bounds:
        bench.wait_for_live_still()
        bounds.begin()
        for code in every:
            rig.front.behave(faulty.refuse(code, STATUS[kind]))
            bench.wait_for_stats(lambda stats: stats["store_failures"].get(code), f"a failure {code}")  # noqa: B023
            if kind == "destination":
                bench.wait_for_stats(lambda stats: stats["parked"], f"parked by {code}")
            rig.front.heal()
            slowest = max(slowest, bench.wait_for_live_still())
            bench.wait_for_stats(lambda stats: not stats["parked"], f"resumed after {code}")
        bench.wait_until_drained()
    stats = bench.stats()
    dead = stats["dead_letters"]
    assert bool(dead) == (kind == "item"), stats
    assert sum(stats["dropped"].values()) == stats["quarantined"] == 0, stats
    bench.assert_invariants()
    revived = revive_all(bench)
    assert revived == dead
    bench.deliver_the_rest()
    bench.assert_all_delivered()
    faults.add(
        f"error codes of kind {kind}",
        how=f"front refuses with {every[0]}, {every[1]} … {every[-1]} in turn",
        times=len(every),
        happened=f"{sum(stats['store_failures'].values()):,} uploads refused, {dead:,} dead letters, all revived and "
        f"delivered; a new still was stored {slowest:.2f} s after a fault at most",
        held=f"conservation, purity, liveness, bounds ({bounds.assert_bounded(growth=GROWTH_MAX)})",
    )


def revive_all(bench: Bench) -> int:
    names = [entry.name for entry in bench.waiting() if entry.state is State.DEAD]
    with make_spool(bench.spool, clock=time.time) as spool:
        return sum(spool.revive(name) is not None for name in names)


@contextmanager
def keys_in_files(rig: Rig) -> Iterator[Callable[[str, Key], None]]:
    """Have the agent read its keys from files; the function given renews them there."""
    files = {name: rig.bench.directory / name for name in ("access-key", "secret-key", "session-token")}

    def renew(access_key: str, key: Key) -> None:
        for path, text in zip(files.values(), (access_key, key.secret, key.token or ""), strict=True):
            draft = path.with_suffix(".new")
            draft.touch(mode=0o600)
            draft.write_text(text + "\n")
            draft.replace(path)

    renew("FIRST", Key("first/secret", token="first-token"))
    settings = {f"{name.replace('-', '_')}_file": str(path) for name, path in files.items()}
    configure(rig, access_key=None, secret_key=None, session_token=None, **settings)
    yield renew


def test_credentials_that_expire_are_renewed_in_their_files(rig: Rig, faults: FaultTable) -> None:
    bench, first, times = rig.bench, Key("first/secret", token="first-token"), scaled(2, 10)
    with keys_in_files(rig) as renew:
        rig.front.accept_keys({"FIRST": first})
        with bench.agent():
            bench.wait_for_live_still()
            slowest = 0.0
            for number in range(times):
                name, key = f"NEXT{number}", Key(f"next/{number}", token=f"token-{number}")
                rig.front.accept_keys({name: key})
                bench.wait_for_stats(lambda stats: stats["parked"], "parked by keys that are no longer good")
                pause(FAULT_S)
                renew(name, key)
                slowest = max(slowest, bench.wait_for_live_still())
            bench.wait_until_drained()
        bench.assert_invariants()
        bench.deliver_the_rest()
        bench.assert_all_delivered()
    faults.add(
        "credentials expired, renewed in their files",
        how="front takes other keys from now on; the files follow",
        times=times,
        happened=f"parked each time, resumed unaided; a new still was stored {slowest:.2f} s after the renewal at most",
        held="conservation, purity, liveness",
    )
