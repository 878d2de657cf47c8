"""Which random search a search is compared with."""

import sqlite3
from pathlib import Path

import pytest

from nas.engine import read_run, run_serial
from nas.engine.baseline import found_baseline, given_baseline, is_random
from nas.engine.search import Search
from nas.engine.settings import SearchSettings
from nas.engine.store import Store
from proxies.base import Measurement
from search_spaces.errors import RecordError
from tests.engine.engine_support import Drifting, Hashed, end

PROXY = {"kind": "detection", "steps": 500}
PPO = {
    "space": {"kind": "toy"},
    "controller": {"kind": "ppo", "clip": 0.2},
    "proxy": PROXY,
    "data": {"kind": "coco", "fingerprint": "feed"},
    "seed": 0,
}
RANDOM = {**PPO, "controller": {"kind": "random"}, "seed": 7}
OLDER = {**RANDOM, "controller": {"name": "random"}, "space": {"name": "toy"}}


def searched(folder: Path, identity=RANDOM, samples: int = 1) -> Path:
    """A finished search of that identity."""
    search = Search(Drifting(), Store.create(folder, identity, {}, {}), SearchSettings(samples=samples))
    run_serial(search, Hashed)
    end(search)
    return folder


def test_a_random_search_may_differ_in_seed_alone(tmp_path):
    folder = searched(tmp_path / "random", samples=2)
    baseline = given_baseline(folder, PPO)
    assert baseline.folder == folder
    assert baseline.run == read_run(folder)


def test_records_of_earlier_versions_are_compared_in_today_s_terms(tmp_path):
    recorded = {**OLDER, "space": {"name": "toy", "blocks": 3}}
    today = {**PPO, "space": {"kind": "scale_permuted", "blocks": 3}}
    assert given_baseline(searched(tmp_path / "old", recorded), today)
    new = searched(tmp_path / "new", {**today, "controller": {"kind": "random"}})
    assert given_baseline(new, {**recorded, "controller": {"name": "ppo"}}), "and an old search with a new baseline"


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        (
            {"proxy": {**PROXY, "steps": 9}},
            r"against is \S+, whose proxy\.steps is 9, and here it is 500; give",
        ),
        (
            {"data": {"kind": "coco", "fingerprint": "beef"}},
            r"whose data\.fingerprint is 'beef', and here it is 'f",
        ),
        ({"space": {"kind": "spinenet"}}, r"whose space\.kind is 'spinenet', and here it is 'toy'"),
        ({"reward": {"cost": "params"}}, r"whose reward\S* is "),
        (
            {"controller": {"kind": "reinforce"}},
            r"whose controller is 'reinforce'; give the run folder of",
        ),
        (
            {"prefilter": {"kind": "loss", "keep": 0.3}},
            r"whose controller is 'random' with a prefilter; give .* with controller=random and no prefilter\.",
        ),
    ],
)
def test_another_search_is_refused_in_words(tmp_path, changed, sentence):
    folder = searched(tmp_path / "other", {**RANDOM, **changed})
    with pytest.raises(RecordError, match=sentence):
        given_baseline(folder, PPO)
    assert found_baseline(tmp_path / "own", PPO) is None


def test_a_folder_without_a_record_is_refused(tmp_path):
    with pytest.raises(RecordError, match=r"^against is \S+nothing, which holds no record\.db; give the run folder of"):
        given_baseline(tmp_path / "nothing", PPO)


def test_a_random_search_that_stopped_trials_is_refused(tmp_path):
    search = Search(Drifting(), Store.create(tmp_path / "early", RANDOM, {}, {}), SearchSettings(samples=2))
    search.stop(search.next_trial(), Measurement(ap=0.1), "others were better.")
    search.finish(search.next_trial(), Measurement(ap=0.2))
    end(search)
    with pytest.raises(
        RecordError, match=r"where trials were stopped early; give the run folder .* runner\.asha=false"
    ):
        given_baseline(tmp_path / "early", PPO)
    assert found_baseline(tmp_path / "own", PPO) is None


def test_the_one_with_the_most_samples_is_found_beside_the_run_folder(tmp_path):
    for name, samples in (("few", 1), ("most", 3), ("some", 2)):
        searched(tmp_path / name, samples=samples)
    searched(tmp_path / "elsewhere" / "deep", samples=5)
    own = searched(tmp_path / "own", PPO, samples=6)
    damaged = searched(tmp_path / "damaged", samples=4)
    with sqlite3.connect(damaged / "record.db") as connection:
        connection.execute("UPDATE events SET payload = x'00' WHERE number = 2")
    found = found_baseline(own, PPO)
    assert found is not None
    assert found.folder.name == "most"


def test_a_random_search_looks_for_none(tmp_path):
    searched(tmp_path / "other")
    assert found_baseline(tmp_path / "own", RANDOM) is None


def test_what_is_random():
    assert is_random(RANDOM)
    assert is_random(OLDER)
    assert not is_random(PPO)
    assert not is_random({})
    assert is_random({**RANDOM, "prefilter": None})
    assert not is_random({**RANDOM, "prefilter": {"kind": "loss", "keep": 0.3}})
