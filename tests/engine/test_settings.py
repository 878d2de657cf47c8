"""The settings of a search."""

import pytest

from nas.engine.check import Reference
from nas.engine.settings import FinalistSettings, SearchSettings
from search_spaces.errors import ConfigError
from search_spaces.settings import as_yaml
from tests.engine.engine_support import ARCHITECTURE


@pytest.mark.parametrize(
    ("setting", "value", "right"),
    [
        ("samples", 0, "at least 1"),
        ("seed", -1, "at least 0"),
        ("retries", -1, "at least 0"),
        ("max_duplicates", 0, "at least 1"),
        ("failed_reward", float("nan"), "a finite number or null"),
        ("failed_reward", "low", "a finite number or null"),
        ("keep", 0, "above 0 and at most 1"),
        ("keep", 1.5, "above 0 and at most 1"),
        ("keep", "x", "a finite number"),
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


def test_finalists_and_references():
    one = Reference("mine.json", ARCHITECTURE)
    assert SearchSettings(samples=3, references=(one,), finalists=FinalistSettings(count=3)).references == (one,)
    with pytest.raises(ConfigError, match=r"^finalists.count is 4 and samples is 3; finalists.count must not be above"):
        SearchSettings(samples=3, finalists=FinalistSettings(count=4))
    with pytest.raises(ConfigError, match=r"^references name mine.json and other, which are one graph; leave"):
        SearchSettings(samples=3, references=(one, Reference("other", ARCHITECTURE)))


@pytest.mark.parametrize(
    ("setting", "value", "right"),
    [
        ("count", -1, "at least 0"),
        ("count", 1.5, "an integer"),
        ("longer", 0.5, "at least 1"),
        ("seeds", 0, "at least 1"),
        ("winner_seeds", -1, "at least 0"),
    ],
)
def test_finalists_out_of_range(setting, value, right):
    with pytest.raises(ConfigError, match=rf"^{setting} is {as_yaml(value)}; it must be {right}\.$"):
        FinalistSettings(**{setting: value})


def test_a_filter_and_its_share_are_given_together():
    settings = SearchSettings(samples=1, prefilter="loss_50", keep=1.0)
    assert (settings.prefilter, settings.keep) == ("loss_50", 1.0)
    with pytest.raises(ConfigError, match=r"^keep is 0.3 and prefilter is null; give prefilter=PROXY beside it\.$"):
        SearchSettings(samples=1, keep=0.3)
    with pytest.raises(ConfigError, match=r"^keep is null; beside a prefilter it must be the share that is trained"):
        SearchSettings(samples=1, prefilter="loss_50")
