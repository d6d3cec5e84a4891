"""What operators scrape, and how an agent's health is judged."""

from __future__ import annotations

import re
from dataclasses import fields, replace
from pathlib import Path
from typing import cast

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

from stillcast.agent import Agent, AgentStats
from stillcast.callbacks.notifier import _reason
from stillcast.capture import Encoder, encoder_in_use
from stillcast.cli.metrics_server import HealthWatch, parse_place
from stillcast.errors import ConfigError
from stillcast.histograms import Histogram
from stillcast.metrics import collector, exposition, health, metrics

README = (Path(__file__).parents[2] / "README.md").read_text()
CNAME = "a-channel-that-nobody-may-see"

NO_DELAYS = Histogram(bounds_ms=(1.0, 5.0, 40.0), counts=(0, 0, 0, 0), sum_ms=0.0)
DELAYS = Histogram(bounds_ms=(1.0, 5.0, 40.0), counts=(7, 0, 80, 3), sum_ms=2500.0)


def quiet(kind: str) -> object:
    """What a figure of a type is while nothing happens."""
    figures = {"Histogram": NO_DELAYS, "str": "turbo"}
    return figures.get(kind, {} if "Mapping" in kind else None if "None" in kind else 0)


QUIET = AgentStats(**{field.name: quiet(str(field.type)) for field in fields(AgentStats)})
BUSY = replace(
    QUIET,
    feeds=2,
    ticks=100,
    stills=90,
    missed={"no_frame": 7, "late": 3},
    refused={"no_slot": 1},
    missed_snapshots={"queue_full": 2},
    lateness=DELAYS,
    frame_age=DELAYS,
    encoder="native (AVX2)",
    spooled=90,
    flagged={"black": 1, "frozen": 6, "stale": 0},
    waiting_store=5,
    waiting_announce=4,
    deferred=3,
    dead_letters=2,
    quarantined=1,
    stored=80,
    announced=75,
    spool_bytes=4711,
    dropped={"max_bytes": 5, "max_age_stored": 1},
    store_failures={"SlowDown": 2, "HTTP503": 1, "ENOSPC": 4},
    callback_failures={"timeout": 3, "status 500": 2},
    upload_limit=4,
    parked="storage.url: s3://bucket: AccessDenied (status 403): allow s3:PutObject",
    parked_since_s=12.5,
    store_clock_skew_s=-3.5,
    callbacks_parked="callback.url: https://host: timeout",
)


class Still:
    """An agent that stands still."""

    def __init__(self, stats: AgentStats) -> None:
        self.now = stats

    def stats(self) -> AgentStats:
        return self.now


def samples(stats: AgentStats) -> dict[str, float]:
    """What a scrape says, read by Prometheus' own parser."""
    text = exposition(cast(Agent, Still(stats))).decode()
    return {
        sample.name + "".join(f"{{{name}={value}}}" for name, value in sample.labels.items()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_every_figure_of_an_agent_is_told() -> None:
    told = samples(BUSY)
    assert told["stillcast_feeds"] == 2
    assert told["stillcast_ticks_total"] == 100
    assert told["stillcast_missed_ticks_total{reason=no_frame}"] == 7
    assert told["stillcast_flagged_stills_total{flag=frozen}"] == 6
    assert told["stillcast_dropped_stills_total{reason=max_age_stored}"] == 1
    assert told["stillcast_store_failures_total{code=ENOSPC}"] == 4
    assert told["stillcast_callback_failures_total{reason=status 500}"] == 2
    states = ("ready", "stored", "deferred", "dead", "quarantine")
    assert [told[f"stillcast_spool_stills{{state={state}}}"] for state in states] == [5, 4, 3, 2, 1]
    assert (told["stillcast_store_parked"], told["stillcast_store_parked_seconds"]) == (1, 12.5)
    assert (told["stillcast_callbacks_held"], told["stillcast_store_upload_limit"]) == (1, 4)
    assert told["stillcast_store_clock_skew_seconds"] == -3.5


def test_each_field_of_the_figures_changes_a_metric() -> None:
    quiet = samples(QUIET)
    for field in fields(AgentStats):
        value = getattr(BUSY, field.name) or 1
        assert samples(replace(QUIET, **{field.name: value})) != quiet, field.name


def test_names_have_their_prefix_and_counters_their_suffix() -> None:
    for family in metrics(BUSY):
        assert re.fullmatch(r"stillcast_[a-z_]+", family.name)
        assert family.documentation.endswith(".")
        assert all(sample.name.endswith("_total") == (family.type == "counter") for sample in family.samples)
        assert family.name.endswith("_seconds") or family.type != "histogram"


def test_the_encoder_in_use_is_a_label_of_one_series() -> None:
    told = {name: value for name, value in samples(BUSY).items() if "encoder" in name}
    assert told == {"stillcast_encoder_info{encoder=native (AVX2)}": 1}


@pytest.mark.parametrize("encoder", ["auto", "turbo", "native"])
def test_every_encoder_that_this_machine_can_use_keeps_its_name(encoder: Encoder) -> None:
    name = encoder_in_use(encoder)
    assert samples(replace(QUIET, encoder=name))[f"stillcast_encoder_info{{encoder={name}}}"] == 1


def test_delays_are_histograms_in_seconds_whose_buckets_count_the_shorter_ones_too() -> None:
    told = samples(BUSY)
    for name in ("stillcast_lateness_seconds", "stillcast_frame_age_seconds"):
        buckets = {bound: told[f"{name}_bucket{{le={bound}}}"] for bound in ("0.001", "0.005", "0.04", "+Inf")}
        assert buckets == {"0.001": 7, "0.005": 7, "0.04": 87, "+Inf": 90}
        assert (told[f"{name}_count"], told[f"{name}_sum"]) == (90, 2.5)


def test_labels_are_of_fixed_sets_whatever_a_store_or_a_host_says() -> None:
    odd = {f"{CNAME}{number}": 1 for number in range(1000)}
    told = samples(replace(QUIET, store_failures=odd, callback_failures=odd, dropped=odd, missed=odd, refused=odd))
    assert CNAME not in str(told)
    assert told["stillcast_store_failures_total{code=other}"] == 1000
    assert len(told) < 70


@pytest.mark.parametrize("text", ["timeout", "status 418", "not JSON", "certificate not trusted", "cannot connect"])
def test_reasons_of_failed_callbacks_keep_their_names(text: str) -> None:
    told = samples(replace(QUIET, callback_failures={text: 1}))
    assert told[f"stillcast_callback_failures_total{{reason={text}}}"] == 1


def test_what_the_notifier_calls_a_broken_connection_is_known_here() -> None:
    name = _reason(ConnectionResetError())
    assert f"stillcast_callback_failures_total{{reason={name}}}" in samples(replace(QUIET, callback_failures={name: 1}))


def test_a_host_registers_the_collector_in_a_registry_of_its_own() -> None:
    registry, agent = CollectorRegistry(), Still(QUIET)
    registry.register(collector(cast(Agent, agent)))
    assert registry.get_sample_value("stillcast_stored_stills_total") == 0
    agent.now = BUSY
    assert registry.get_sample_value("stillcast_stored_stills_total") == 80
    assert registry.get_sample_value("stillcast_spool_stills", {"state": "dead"}) == 2


def test_the_readme_lists_every_metric_and_no_other() -> None:
    told = set(re.findall(r"^\| `(stillcast_[a-z_]+)(?:\{[a-z]+\})?` \|", README, re.MULTILINE))
    known = {family.name + ("_total" if family.type == "counter" else "") for family in metrics(BUSY)}
    assert told == known


# health


def test_a_quiet_agent_is_well() -> None:
    assert (health(QUIET).status, health(QUIET).reasons) == ("ok", ())


@pytest.mark.parametrize(
    ("trouble", "status", "words"),
    [
        ({"parked": "storage.url: s3://b: AccessDenied: mend it"}, "failing", "refuses every still: storage.url"),
        ({"spool_failed": 2}, "failing", "2 stills could not be spooled"),
        ({"callbacks_parked": "callback.url: https://h: timeout"}, "degraded", "callbacks are held"),
        ({"dropped": {"max_bytes": 3}}, "degraded", "dropped stills: max_bytes 3"),
        ({"store_clock_skew_s": 120.0}, "degraded", "120 s behind the store's"),
        ({"store_clock_skew_s": -61.0}, "degraded", "61 s ahead of the store's"),
        ({"store_clock_skew_s": 59.0}, "ok", ""),
    ],
)
def test_each_trouble_is_named(trouble: dict[str, object], status: str, words: str) -> None:
    told = health(replace(QUIET, **trouble))  # type: ignore[arg-type]
    assert told.status == status
    assert words in "".join(told.reasons)


def test_the_worst_counts_and_all_is_told() -> None:
    told = health(BUSY)
    assert told.status == "failing"
    assert len(told.reasons) == 3


def test_what_was_dropped_long_ago_is_forgiven() -> None:
    now, agent = [0.0], Still(QUIET)
    watch = HealthWatch(agent.stats, clock=lambda: now[0])
    agent.now = replace(QUIET, dropped={"max_bytes": 3}, spool_failed=1)
    seen = []
    for minute in range(25):
        now[0] = 60.0 * minute
        seen.append(watch.look().status)
    assert seen[:10] == ["failing"] * 10
    assert seen[-10:] == ["ok"] * 10


def test_whoever_asks_seldom_is_told_of_all_since_then() -> None:
    now, agent = [0.0], Still(QUIET)
    watch = HealthWatch(agent.stats, clock=lambda: now[0])
    now[0], agent.now = 7200.0, replace(QUIET, dropped={"max_bytes": 3})
    assert watch.look().status == "degraded"


# where it is served


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("9100", ("127.0.0.1", 9100)),
        (":9100", ("127.0.0.1", 9100)),
        ("0.0.0.0:9100", ("0.0.0.0", 9100)),
        ("[::1]:0", ("::1", 0)),
        ("localhost:80", ("localhost", 80)),
    ],
)
def test_a_place_to_serve_at_is_loopback_unless_told(text: str, place: tuple[str, int]) -> None:
    assert parse_place(text) == place


@pytest.mark.parametrize("text", ["", "host", "host:", "1:2:3", "host:65536", "http://host:9100", "host:9100/metrics"])
def test_what_is_no_place_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match=r"is no HOST:PORT"):
        parse_place(text)
