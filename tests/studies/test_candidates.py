"""The architectures of an audit."""

import numpy as np
import pytest

import nas
import search_spaces
from nas.studies.candidates import PAPER_AP, candidates
from search_spaces.errors import ConfigError

SPACE = search_spaces.build("spinenet")


def test_the_published_ones_come_first_then_random_ones():
    found = candidates(SPACE, ["r50-fpn", "spinenet-49"], 5)
    assert [one.name for one in found] == ["r50-fpn", "spinenet-49", "random-0", "random-1", "random-2"]
    assert [one.published_ap for one in found] == [37.8, 40.8, None, None, None]
    assert found[0].architecture == nas.load("r50-fpn")
    assert found[3].architecture == SPACE.sample(np.random.default_rng(1))


def test_without_published_ones():
    assert [one.name for one in candidates(SPACE, [], 4)] == [f"random-{number}" for number in range(4)]


@pytest.mark.parametrize(
    ("published", "count", "sentence"),
    [
        ([], 3, "architectures is 3; an audit needs at least 4"),
        (list(PAPER_AP), 2, "architectures is 2; an audit needs at least 4"),
        (["spinenet-190"], 8, "published has 'spinenet-190'; allowed: spinenet-49, r0-sp53, r23-sp30, r50-fpn"),
    ],
)
def test_what_cannot_be_audited(published, count, sentence):
    with pytest.raises(ConfigError, match=sentence):
        candidates(SPACE, published, count)
