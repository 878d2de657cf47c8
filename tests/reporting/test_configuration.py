"""The recorded configuration, as a report shows it."""

from nas.reporting.configuration import essentials, flatten
from tests.reporting.fake_runs import CONFIG, ESSENTIALS


def test_settings_are_flattened_to_what_is_typed():
    assert list(flatten({"a": {"b": 1, "c": {}}, "d": [1, 2], "e": None})) == [
        ("a.b", "1"),
        ("a.c", "{}"),
        ("d", "[1, 2]"),
        ("e", "null"),
    ]


def test_the_essentials_are_names_samples_and_seed():
    assert essentials(CONFIG) == ESSENTIALS


def test_what_was_not_recorded_is_left_out():
    assert essentials({"seed": 1, "space": {"stem": [2, 2]}}) == {"space": None, "seed": 1}
    assert essentials({}) == {}
