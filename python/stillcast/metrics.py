"""What an agent counted, as Prometheus metrics and as one word about its health.

Labels come from fixed sets, so that neither a store that answers with codes of its own making nor anybody who names
channels can make more series.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import accumulate
from typing import Final, Literal

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from stillcast.agent import Agent, AgentStats
from stillcast.flags import FLAGS
from stillcast.histograms import Histogram
from stillcast.spool import State
from stillcast.storage import KNOWN_CODES

SKEW_S: Final = 60.0
"""From here on a clock is told of: NTP keeps one far closer, and Amazon refuses from 900 s on."""

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
"""Of what ``exposition`` writes."""

_OTHER: Final = "other"
_STATUS: Final = re.compile(r"(?:status |HTTP)[1-5][0-9]{2}")
_MISSED: Final = frozenset({"no_frame", "late", "closed", "encode_failed", "queue_full"})
_REFUSED: Final = frozenset({"closed", "not_a_frame", "no_slot", "slot_too_small", "no_memory"})
_ENCODERS: Final = frozenset({"turbo", "native (AVX-512)", "native (AVX2)", "native (reference)"})
_CAPS: Final = ("max_bytes", "max_files", "max_age", "min_free", "max_feed_share")
_DROPPED: Final = frozenset(_CAPS) | {f"{cap}_{state}" for cap in _CAPS for state in State}
_CALLBACK: Final = frozenset(
    {
        "timeout",
        "not JSON",
        "not HTTP",
        "answer over 65536 bytes",
        "certificate not trusted",
        "host not found",
        "TLS failed",
        "cannot connect",
        "connection broke off",
    }
)

Read = Callable[[AgentStats], float | Mapping[str, int]]


@dataclass(frozen=True, slots=True)
class _Family:
    """One metric: its name without prefix and suffix, what it means, how to read it, and the one label it may have."""

    kind: Literal["counter", "gauge"]
    name: str
    help: str
    read: Read
    label: str | None = None
    known: frozenset[str] = frozenset()

    def metric(self, stats: AgentStats) -> Metric:
        make = CounterMetricFamily if self.kind == "counter" else GaugeMetricFamily
        metric = make(f"stillcast_{self.name}", self.help, labels=[self.label] if self.label else None)
        value = self.read(stats)
        if isinstance(value, Mapping):
            for name, count in sorted(_bounded(value, self.known).items()):
                metric.add_metric([name], count)
        else:
            metric.add_metric([], value)
        return metric


@dataclass(frozen=True, slots=True)
class _Delays:
    """A histogram in seconds, as Prometheus has its units; each bucket counts the shorter ones too."""

    name: str
    help: str
    read: Callable[[AgentStats], Histogram]

    def metric(self, stats: AgentStats) -> Metric:
        histogram = self.read(stats)
        bounds = [*(str(bound_ms / 1000) for bound_ms in histogram.bounds_ms), "+Inf"]
        buckets = list(zip(bounds, accumulate(histogram.counts), strict=True))
        metric = HistogramMetricFamily(f"stillcast_{self.name}", self.help)
        metric.add_metric([], buckets, histogram.sum_ms / 1000)
        return metric


def _states(stats: AgentStats) -> Mapping[str, int]:
    return {
        State.READY: stats.waiting_store,
        State.STORED: stats.waiting_announce,
        State.DEFERRED: stats.deferred,
        State.DEAD: stats.dead_letters,
        State.QUARANTINE: stats.quarantined,
    }


def _skew_s(stats: AgentStats) -> float:
    return stats.store_clock_skew_s or 0.0


_FAMILIES: Final = (
    _Family("gauge", "feeds", "Feeds that are open.", lambda stats: stats.feeds),
    _Family("counter", "ticks", "Moments at which a still of a feed was due.", lambda stats: stats.ticks),
    _Family("gauge", "waiting_ticks", "Ticks that wait for their frame.", lambda stats: stats.waiting_ticks),
    _Family("counter", "missed_ticks", "Ticks without a still.", lambda stats: stats.missed, "reason", _MISSED),
    _Family("counter", "refused_frames", "Pushes not taken.", lambda stats: stats.refused, "reason", _REFUSED),
    # With those that were skipped: a picture that waits to be looked at must not be counted first and not later on.
    _Family("counter", "stills", "Stills made, for a tick or a snapshot.", lambda stats: stats.stills + stats.skipped),
    _Family("counter", "skipped_ticks", "Ticks whose still showed no change.", lambda stats: stats.skipped),
    _Family("counter", "snapshots", "Stills captured for a snapshot alone.", lambda stats: stats.snapshots),
    _Family(
        "counter",
        "missed_snapshots",
        "Snapshots that were lost.",
        lambda stats: stats.missed_snapshots,
        "reason",
        _MISSED,
    ),
    _Delays("lateness_seconds", "From a tick's due time to the push of its frame.", lambda stats: stats.lateness),
    _Delays("frame_age_seconds", "From a frame's push until its still is begun.", lambda stats: stats.frame_age),
    _Family("gauge", "encoder_info", "1 for what makes JPEGs.", lambda stats: {stats.encoder: 1}, "encoder", _ENCODERS),
    _Family("gauge", "queued_stills", "Stills between encoder and spool.", lambda stats: stats.queued),
    _Family("counter", "spooled_stills", "Stills put into the spool.", lambda stats: stats.spooled),
    _Family(
        "counter", "flagged_stills", "Spooled ones by flag.", lambda stats: stats.flagged, "flag", frozenset(FLAGS)
    ),
    _Family("counter", "spool_failures", "Stills that could not be spooled.", lambda stats: stats.spool_failed),
    _Family("gauge", "spool_stills", "Stills in the spool now.", _states, "state", frozenset(State)),
    _Family("gauge", "spool_bytes", "Length of all files of the spool.", lambda stats: stats.spool_bytes),
    _Family("counter", "dropped_stills", "Stills a cap dropped.", lambda stats: stats.dropped, "reason", _DROPPED),
    _Family("counter", "stored_stills", "Stills that the store took.", lambda stats: stats.stored),
    _Family("counter", "store_failures", "Failed puts.", lambda stats: stats.store_failures, "code", KNOWN_CODES),
    _Family("counter", "latest_failures", "Newest pictures not put.", lambda stats: stats.latest_failed),
    _Family("gauge", "store_upload_limit", "Puts that may run at the same time.", lambda stats: stats.upload_limit),
    _Family("gauge", "store_parked", "1 while the store refuses every still.", lambda stats: stats.parked is not None),
    _Family("gauge", "store_parked_seconds", "How long it has done so.", lambda stats: stats.parked_since_s or 0),
    _Family("gauge", "store_clock_skew_seconds", "The store's clock minus ours.", _skew_s),
    _Family("counter", "announced_stills", "Stills whose callback succeeded.", lambda stats: stats.announced),
    _Family(
        "counter",
        "callback_failures",
        "Failed attempts of callbacks.",
        lambda stats: stats.callback_failures,
        "reason",
        _CALLBACK,
    ),
    _Family("gauge", "callbacks_held", "1 while callbacks are held.", lambda stats: stats.callbacks_parked is not None),
    _Family("counter", "reported_ticks", "Ticks without a still that were told of.", lambda stats: stats.reported),
    _Family("counter", "report_failures", "Reports of them that did not arrive.", lambda stats: stats.reports_failed),
    _Family(
        "counter",
        "listener_dropped_stills",
        "Stills that went past slow listeners.",
        lambda stats: stats.listener_dropped,
    ),
    _Family("counter", "listener_failures", "Calls of them that raised.", lambda stats: stats.listener_failed),
)


def metrics(stats: AgentStats) -> Iterator[Metric]:
    """Turn figures into metrics, named ``stillcast_...``; counters end in ``_total``."""
    for family in _FAMILIES:
        yield family.metric(stats)


def collector(agent: Agent) -> Collector:
    """Make a collector for a registry of the host's own: ``REGISTRY.register(stillcast.metrics.collector(agent))``.

    It asks the agent anew for each scrape, on whatever thread scrapes.
    """
    return _AgentCollector(agent)


def exposition(agent: Agent) -> bytes:
    """Write an agent's metrics in Prometheus' text format, version 0.0.4."""
    registry = CollectorRegistry()
    registry.register(collector(agent))
    return generate_latest(registry)


@dataclass(frozen=True, slots=True)
class Health:
    """How an agent is.

    Attributes:
        status: ``failing`` where stills do not get to the store or are lost until somebody does something,
            ``degraded`` where something is wrong and the agent helps itself, else ``ok``.
        reasons: one line for each thing that is wrong.
    """

    status: Literal["ok", "degraded", "failing"]
    reasons: tuple[str, ...]


def health(stats: AgentStats, before: AgentStats | None = None) -> Health:
    """Judge an agent by its figures.

    Args:
        stats: the figures now.
        before: older ones: of what is counted, only what came since then is held against the agent. None holds all
            against it since its start.
    """
    failing, degraded = list(_failing(stats, before)), list(_degraded(stats, before))
    status: Literal["ok", "degraded", "failing"] = "failing" if failing else "degraded" if degraded else "ok"
    return Health(status, (*failing, *degraded))


def _failing(stats: AgentStats, before: AgentStats | None) -> Iterator[str]:
    if stats.parked is not None:
        yield f"the store refuses every still: {stats.parked}"
    if lost := stats.spool_failed - (before.spool_failed if before else 0):
        yield f"{lost} stills could not be spooled and are lost: see the log, and the disk of spool.path"


def _degraded(stats: AgentStats, before: AgentStats | None) -> Iterator[str]:
    if stats.callbacks_parked:
        yield f"callbacks are held, stills are stored all the same: {stats.callbacks_parked}"
    dropped = Counter(stats.dropped)
    dropped.subtract(before.dropped if before else {})
    if reasons := ", ".join(f"{reason} {count}" for reason, count in sorted(dropped.items()) if count > 0):
        yield f"the caps of the spool dropped stills: {reasons}"
    skew_s = _skew_s(stats)
    if abs(skew_s) >= SKEW_S:
        yield f"this clock is {abs(skew_s):.0f} s {'behind' if skew_s > 0 else 'ahead of'} the store's: set it (NTP)"


def _bounded(counts: Mapping[str, int], known: frozenset[str]) -> Mapping[str, int]:
    """Keep the names that are known, and count all others as one."""
    bounded: Counter[str] = Counter()
    for name, count in counts.items():
        bounded[name if name in known or _STATUS.fullmatch(name) else _OTHER] += count
    return bounded


class _AgentCollector:
    def __init__(self, agent: Agent) -> None:
        self._agent = agent

    def collect(self) -> Iterator[Metric]:
        return metrics(self._agent.stats())
