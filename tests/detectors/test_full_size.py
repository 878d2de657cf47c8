"""The detector that a user will build: it costs what ``nas.compile`` prints."""

import pytest

import nas
from nas.detectors.full_size import full_size_cost, full_size_milliseconds
from search_spaces.errors import ConfigError


@pytest.mark.parametrize("name", ["spinenet-49", "r50-fpn"])
def test_the_published_ones_cost_what_is_published(name):
    assert full_size_cost(nas.load(name), 640) == nas.cost(nas.build_detector(name), 640)


def test_a_size_that_it_cannot_take_is_refused():
    with pytest.raises(ConfigError, match="100"):
        full_size_cost(nas.load("r50-fpn"), 100)


def test_it_is_run():
    assert full_size_milliseconds(nas.load("spinenet-49"), 32, "cpu") > 0
