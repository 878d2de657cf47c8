"""Points, front, knee, limits."""

import pytest

from nas.reporting.recommendation import Point, RecommendSettings, front, knee, limits, points, recommend, to_time
from search_spaces.errors import ConfigError
from tests.engine.engine_support import ARCHITECTURE
from tests.reporting.fake_runs import mixed_run
from tests.reporting.made_answers import answered


def point(name, multiply_adds, ap, milliseconds=None):
    return Point(name, ARCHITECTURE, ap, None, multiply_adds, milliseconds)


def names(found):
    return [one.name for one in found]


def test_points_are_complete_trials_and_references():
    found = points(answered())
    assert names(found) == ["trial 0", "trial 1", "trial 2", "trial 3", "spinenet-49", "r50-fpn"]
    assert [one.is_reference for one in found] == [False] * 4 + [True] * 2
    assert [one.longer for one in found[:4]] == [None, 0.35, pytest.approx(0.42), None]
    assert [one.longer for one in found[4:]] == [pytest.approx(0.32), pytest.approx(1.25 / 3)]
    assert found[2].multiply_adds == 60 * 10**9
    assert points(mixed_run()) == [], "nothing was counted"


def test_the_front():
    every = points(answered())
    assert names(front(every)) == ["trial 0", "trial 3", "trial 2", "trial 1"]
    assert names(front(every, "milliseconds")) == ["trial 0", "trial 2", "trial 1"], "trial 3 was not timed"
    assert front([]) == []


@pytest.mark.parametrize(
    ("of_front", "expected"),
    [
        ([(10, 0.1), (20, 0.28), (100, 0.3)], 20),
        ([(10, 0.1), (20, 0.15), (40, 0.27), (100, 0.3)], 40),
        ([(10, 0.1), (90, 0.12), (100, 0.3)], 100),
        ([(10, 0.1), (100, 0.3)], 100),
        ([(10, 0.1)], 10),
    ],
)
def test_the_knee_is_farthest_above_the_chord(of_front, expected):
    assert knee([point("", *one) for one in of_front]).multiply_adds == expected


def test_without_a_front_there_is_no_knee():
    assert knee([]) is None


def test_without_a_limit_the_knee_is_recommended():
    found = recommend(answered())
    assert (found.point.name, found.why) == ("trial 3", "the knee of the front of AP against multiply-adds")
    assert recommend(mixed_run()) is None


@pytest.mark.parametrize(
    ("limit", "name"),
    [
        ({"max_multiply_adds": 100 * 10**9}, "trial 2"),  # by its AP with the longer training
        ({"max_multiply_adds": 50 * 10**9}, "trial 3"),
        ({"max_milliseconds": 320.0}, "trial 2"),
        ({"max_milliseconds": 140.0}, "trial 0"),
        ({"max_milliseconds": 320.0, "max_multiply_adds": 25 * 10**9}, "trial 0"),
    ],
)
def test_within_a_limit_the_best_is_recommended(limit, name):
    run = answered(limit)
    assert recommend(run).point.name == name
    assert set(limits(run)) == {key.removeprefix("max_") for key in limit}


def test_what_nothing_meets_is_a_sentence_with_the_nearest():
    found = recommend(answered({"max_multiply_adds": 10 * 10**9}))
    assert found.point is None
    assert (
        found.why == "no architecture has 10 B multiply-adds at most; the nearest is trial 0 with 20 B multiply-adds."
    )
    found = recommend(answered({"max_milliseconds": 50.0}))
    assert found.why == "no architecture has 50 ms at most; the nearest is trial 0 with 100 ms."
    untimed = {key: (billions, None) for key, (billions, _) in {0: (20, None), 1: (90, None)}.items()}
    found = recommend(answered({"max_milliseconds": 50.0}, costs=untimed))
    assert found.why == "nothing is known to need 50 ms at most: no milliseconds were measured."


def test_the_winner_the_references_and_the_front_are_timed_once_each():
    run = answered()
    known = {one.architecture.fingerprint: one.name for one in points(run)}
    wanted = [known[one.fingerprint] for one in to_time(run)]
    assert wanted == ["trial 2", "spinenet-49", "r50-fpn", "trial 1", "trial 3", "trial 0"]


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"max_milliseconds": 0}, "max_milliseconds is 0; it must be above 0."),
        ({"max_multiply_adds": -1}, "max_multiply_adds is -1; it must be above 0."),
        ({"image_size": 0}, "image_size is 0; it must be at least 1."),
        ({"max_milliseconds": 5.0, "measure": False}, "measure is false; max_milliseconds needs it to be true."),
    ],
)
def test_settings_out_of_range(settings, sentence):
    with pytest.raises(ConfigError) as caught:
        RecommendSettings(**settings)
    assert str(caught.value) == sentence
