"""What the rows say: correlations with the reference, costs beside them, seeds, the published order."""

import json
import math

import pytest

from nas.statistics import kendall
from nas.studies.agreement import INTERVALS, compare, readings
from nas.studies.audit import REFERENCE

NAMES = ("spinenet-49", "r50-fpn", "random-0", "random-1", "random-2", "random-3")
PAPER = {"spinenet-49": 40.8, "r50-fpn": 37.8}
TRUTH = (0.60, 0.50, 0.40, 0.30, 0.20, 0.10)


def row(fidelity, place, value, seed=0, seconds=2.0, **metrics):
    return {
        "fidelity": fidelity,
        "architecture": NAMES[place],
        "seed": seed,
        "value": value,
        "metrics": metrics,
        "core_seconds": seconds,
        "params": 100 + place,
        "multiply_adds": 50 - place,
        "depth": 3,
        "error": None if value is not None else "it failed",
    }


def rows_of(fidelity, values, **rest):
    return [row(fidelity, place, value, **rest) for place, value in enumerate(values)]


def by_name(rows):
    return {one.reading.name: one for one in compare(rows, PAPER, draws=50)}


def test_a_proxy_that_ranks_alike_and_one_that_ranks_the_other_way():
    found = by_name([*rows_of(REFERENCE, TRUTH), *rows_of("good", TRUTH), *rows_of("bad", TRUTH[::-1])])
    assert found["good"].kendall.estimate == pytest.approx(1)
    assert found["good"].kendall_best_half.estimate == pytest.approx(1)
    assert (found["good"].top_quarter.estimate, found["good"].in_order) == (1, True)
    assert found["bad"].spearman.estimate == pytest.approx(-1)
    assert (found["bad"].top_quarter.estimate, found["bad"].in_order) == (0, False)
    assert found["bad"].published == ("r50-fpn", "spinenet-49")
    assert found["good"].kendall.low <= 1 <= found["good"].kendall.high


def test_the_mean_over_seeds_is_compared():
    first, second = (0.9, 0.1, 0.5, 0.2, 0.3, 0.1), (0.3, 0.9, 0.3, 0.4, 0.1, 0.1)
    rows = [*rows_of(REFERENCE, TRUTH), *rows_of("short", first), *rows_of("short", second, seed=1)]
    means = [(one + two) / 2 for one, two in zip(first, second)]
    assert by_name(rows)["short"].kendall.estimate == pytest.approx(kendall(means, TRUTH))


def test_seeds_that_agree_and_seeds_that_do_not():
    same = [*rows_of("same", TRUTH), *rows_of("same", TRUTH, seed=1)]
    luck = [*rows_of("luck", TRUTH), *rows_of("luck", TRUTH[::-1], seed=1)]
    found = by_name([*rows_of(REFERENCE, TRUTH), *same, *luck])
    assert found["same"].seeds_spearman.estimate == pytest.approx(1)
    assert found["same"].icc.estimate == pytest.approx(1)
    assert found["luck"].seeds_spearman.estimate == pytest.approx(-1)
    assert found["luck"].icc.estimate < 0
    assert math.isnan(found[REFERENCE].seeds_spearman.estimate)


def test_a_third_seed_of_some_does_not_disturb_the_agreement_of_two():
    rows = [*rows_of("short", TRUTH), *rows_of("short", TRUTH, seed=1), row("short", 0, 0.01, seed=2)]
    assert by_name(rows)["short"].seeds_spearman.estimate == pytest.approx(1)


def test_the_agreement_between_seeds_is_the_mean_over_all_pairs():
    """The first two agree and the third one turns the order round: 1, -1 and -1."""
    seeds = (TRUTH, TRUTH, TRUTH[::-1])
    rows = [one for seed, values in enumerate(seeds) for one in rows_of("short", values, seed=seed)]
    assert by_name(rows)["short"].seeds_spearman.estimate == pytest.approx(-1 / 3)


def test_every_figure_has_an_interval():
    noisy = (0.6, 0.3, 0.5, 0.2, 0.4, 0.1)
    found = by_name([*rows_of(REFERENCE, TRUTH), *rows_of("short", noisy), *rows_of("short", TRUTH, seed=1)])["short"]
    for name in INTERVALS:
        value = getattr(found, name)
        assert value.low <= value.estimate <= value.high, name
        assert value.low < value.high, name
        assert len(found.to_dict()[name]) == 3


def test_a_proxy_that_is_called_as_a_cost_has_a_row_of_its_own():
    names = [
        one.reading.name for one in compare([*rows_of(REFERENCE, TRUTH), *rows_of("params", TRUTH)], PAPER, draws=9)
    ]
    assert names == [REFERENCE, "params", "params (cost)", "multiply_adds (cost)", "depth (cost)"]


def test_other_readings_of_the_same_training():
    rows = [row("short", place, value, ap=value, train_loss=value, ap_running_statistics=1 - value)
            for place, value in enumerate(TRUTH)]  # fmt: skip
    found = by_name([*rows_of(REFERENCE, TRUTH), *rows])
    assert found["short (mean of the last losses)"].kendall.estimate == pytest.approx(-1)
    assert found["short (running statistics)"].kendall.estimate == pytest.approx(-1)
    assert set(found) == {REFERENCE, "short", "short (mean of the last losses)", "short (running statistics)",
                          "params (cost)", "multiply_adds (cost)", "depth (cost)"}  # fmt: skip


def test_costs_are_rankings_too():
    found = by_name(rows_of(REFERENCE, TRUTH))
    assert found["params (cost)"].kendall.estimate == pytest.approx(-1)
    assert found["multiply_adds (cost)"].kendall.estimate == pytest.approx(1)
    assert math.isnan(found["depth (cost)"].kendall.estimate)
    assert found["params (cost)"].reading.core_seconds is None


def test_failed_measurements_are_counted_and_left_out():
    found = by_name([*rows_of(REFERENCE, TRUTH), *rows_of("short", (*TRUTH[:-1], None))])["short"]
    assert (found.architectures, found.reading.failed) == (5, 1)


def test_seconds_are_a_mean():
    rows = [row("short", 0, 0.1, seconds=1.0), row("short", 1, 0.2, seconds=3.0)]
    assert readings(rows)[0].core_seconds == 2.0


def test_little_and_nothing_measured():
    assert compare([{"settings": {}}], PAPER)[0].architectures == 0
    few = by_name([row(REFERENCE, 0, 0.5), row("short", 0, 0.4)])["short"]
    assert few.architectures == 1
    assert math.isnan(few.kendall.estimate)
    assert not few.in_order
    text = json.dumps(few.to_dict(), allow_nan=False)
    assert json.loads(text)["kendall"] == [None, None, None]
