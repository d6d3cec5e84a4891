"""The statistics of the benchmark, and what it makes of them; not the times."""

from __future__ import annotations

import json
import os

import pytest
from benchmarks.claims import Claim, leads_at_same_bytes
from benchmarks.instructions import compare, plain_name
from benchmarks.ratios import at_bytes, best, paired, spread
from benchmarks.report import in_lines, table
from benchmarks.timing import WARM_UPS, alternate


def test_the_spread_is_the_median_between_its_quartiles():
    found = spread([5.0, 1.0, 3.0, 2.0, 4.0])
    assert (found.low, found.median, found.high) == (2.0, 3.0, 4.0)


def test_one_number_is_its_own_spread():
    assert spread([7.0]).high == 7.0


def test_nothing_measured_is_said():
    with pytest.raises(ValueError, match="nothing was measured"):
        spread([])


def test_a_ratio_pairs_the_rounds():
    """A slow round hits both: the ratio of medians would be the same, that of other pairs would not."""
    ours, floor = [10.0, 100.0, 12.0], [5.0, 50.0, 6.0]
    assert paired(ours, floor).low == paired(ours, floor).high == 2.0


def test_a_ratio_is_the_median_of_the_ratios_not_the_ratio_of_the_medians():
    assert paired([1.0, 2.0, 9.0], [1.0, 4.0, 3.0]).median == 1.0


def test_rounds_that_do_not_pair_are_refused():
    with pytest.raises(ValueError, match="do not pair"):
        paired([1.0], [1.0, 2.0])


def test_the_best_has_the_lowest_median():
    assert best({"steady": [3.0, 3.0, 3.0], "lucky once": [1.0, 4.0, 4.0]}) == "steady"


def test_quality_between_two_points_is_straight_in_the_logarithm_of_bytes():
    assert at_bytes([(4000, 0.9), (1000, 0.7)], 2000) == pytest.approx(0.8)


def test_quality_is_not_extrapolated():
    assert at_bytes([(1000, 0.7), (4000, 0.9)], 999) is None
    assert at_bytes([(1000, 0.7), (4000, 0.9)], 4001) is None


def test_contenders_take_turns_and_have_the_same_frames_in_a_round():
    made: list[tuple[str, int]] = []
    works = {name: lambda index, name=name: made.append((name, index)) for name in ("a", "b", "c")}
    series = alternate(works, frames=5, rounds=4, batch=2)
    assert {name: len(one.cpu_us) for name, one in series.items()} == {"a": 4, "b": 4, "c": 4}
    calls = 3 * 2 * (WARM_UPS + 1)
    rounds = [made[calls * number : calls * (number + 1)] for number in range(4)]
    for number, one in enumerate(rounds):
        assert sorted({name for name, _ in one}) == ["a", "b", "c"]
        frames = [2 * number % 5, (2 * number + 1) % 5]
        all_calls = frames * (WARM_UPS + 1)
        assert all([index for owner, index in one if owner == name] == all_calls for name in works)
    assert len({tuple(name for name, _ in one) for one in rounds}) > 1, "always in the same order"


def test_cpu_time_counts_work_and_not_waiting():
    def wait(_index: int) -> None:
        os.read(reader, 1)

    reader, writer = os.pipe()
    os.write(writer, bytes(64))
    try:
        series = alternate({"wait": wait, "work": lambda _index: sum(range(100_000))}, frames=1, rounds=3, batch=2)
    finally:
        os.close(reader)
        os.close(writer)
    assert min(series["work"].cpu_us) > max(series["wait"].cpu_us)


@pytest.mark.parametrize(("at_most", "got", "met"), [(True, 1.25, True), (True, 1.26, False), (False, 1.24, False)])
def test_a_claim_is_met_on_the_right_side_of_its_limit(at_most: bool, got: float, met: bool):
    assert Claim("figure", 1.25, at_most, got).met is met


def test_leads_are_taken_at_the_bytes_of_our_stills():
    def point(bytes_: float, likeness: float) -> dict[str, object]:
        return {"bytes": bytes_, "quality": {"ssim_y": likeness}}

    case = {
        "stills": {"stillcast": point(2000, 0.95)},
        "sweep": {
            "stillcast": [point(2000, 0.95)],
            "floor": [point(2000, 0.99)],
            "PyAV": [point(1000, 0.90), point(4000, 0.98)],
            "pyvips": [point(3000, 0.90), point(4000, 0.98)],
        },
    }
    assert leads_at_same_bytes(case, "ssim_y") == {"PyAV": pytest.approx(0.01)}


def test_changes_of_instruction_counts_are_told_from_half_a_percent_up():
    rows = compare({"a": 1000, "b": 1000, "gone": 5}, {"a": 1004, "b": 900, "fresh": 7})
    assert rows == [("b", "1,000", "900", "-10.0%"), ("fresh", "", "7", "new"), ("gone", "5", "", "gone")]


@pytest.mark.parametrize(
    ("place", "name"),
    [
        ("???:jsimd_fdct_islow [/usr/lib/libjpeg.so.62]", "jsimd_fdct_islow"),
        ("/build/cpp/colour.cpp:stillcast::convert(int, std::array<int, 3ul>) [/build/stages]", "stillcast::convert"),
    ],
)
def test_functions_are_named_without_paths(place: str, name: str):
    assert plain_name(place) == name


def test_a_bar_in_a_cell_does_not_break_the_table():
    assert table(("a", "b"), [("1|2", "3")]).splitlines()[2] == r"| 1\|2 | 3 |"


def test_the_kept_results_read_back_and_have_a_line_for_each_case():
    results = {"date": "2026-01-01", "cases": {"a": {"rounds": 1}, "b": {"rounds": 2}}, "host": {"idle_ns": [1.0]}}
    text = in_lines(results)
    assert json.loads(text) == results
    assert '"b": {"rounds": 2}' in text.splitlines()
