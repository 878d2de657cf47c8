"""The settings of a search."""

import pytest

from nas.engine.settings import SearchSettings
from search_spaces.errors import ConfigError
from search_spaces.settings import as_yaml


@pytest.mark.parametrize(
    ("setting", "value", "right"),
    [
        ("samples", 0, "at least 1"),
        ("seed", -1, "at least 0"),
        ("retries", -1, "at least 0"),
        ("max_duplicates", 0, "at least 1"),
        ("failed_reward", float("nan"), "a finite number or null"),
        ("failed_reward", "low", "a finite number or null"),
        ("samples", "x", "an integer"),
        ("samples", None, "an integer"),
        ("seed", 0.5, "an integer"),
    ],
)
def test_settings_of_the_wrong_type_or_out_of_range(setting, value, right):
    with pytest.raises(ConfigError, match=rf"^{setting} is {as_yaml(value)}; it must be {right}\.$"):
        SearchSettings(**{"samples": 1, setting: value})


def test_the_smallest_settings_are_allowed():
    settings = SearchSettings(samples=1, seed=0, retries=0, failed_reward=-1.0, max_duplicates=1)
    assert (settings.samples, settings.failed_reward) == (1, -1.0)
