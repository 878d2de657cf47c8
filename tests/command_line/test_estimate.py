"""What a search is said to take."""

import numpy as np
import pytest
import torch

import nas
import proxies
import search_spaces
from nas.command_line.config import load_config
from nas.command_line.estimate import hours_of, print_estimate, record_bytes
from nas.engine import Store, run_serial
from nas.engine.check import Reference
from nas.engine.finalists import training_left
from nas.engine.search import Search
from nas.engine.settings import FinalistSettings, SearchSettings
from proxies.base import Measurement, Proxy, Rehearsal
from search_spaces.errors import SearchError
from tests.engine.engine_support import Drifting, Hashed, end

SPACE = search_spaces.build("toy")
ARGUMENTS = ["space=toy", "proxy=synthetic", "runner.workers=2", "runner.gpus_per_trial=0", "samples=9"]


@pytest.fixture(autouse=True)
def same_threads():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


class Timed(Proxy):
    """Says that an evaluation takes 90 s."""

    def __init__(self, measurement=Measurement(ap=0.1, seconds={"train": 80.0, "evaluate": 10.0})):  # noqa: B008
        self.measurement = measurement

    def evaluate(self, architecture, seed):
        return self.measurement

    def training_steps(self):
        return 500

    def cache_bytes(self):
        return 57_000_000


def test_everything_is_reckoned_from_one_architecture(capsys):
    print_estimate(load_config("search", ARGUMENTS), SPACE, Timed())
    said = capsys.readouterr().out
    assert (
        "one architecture of space toy: 90.0 s (train 80.0 s, evaluate 10.0 s), measured by one whole evaluation"
        in said
    )
    assert "workers at a time: 2, so 80.0 trials per hour" in said
    assert "9 samples and 14 checks, as much as 29 trials: 22 min, that is 0.38 hours" in said, (
        "15 rounds of two workers"
    )
    assert "disk: 57 MB of decoded images in the cache; " in said


def test_the_threads_are_those_of_a_trial():
    print_estimate(load_config("search", [*ARGUMENTS, "runner.cpus_per_trial=3"]), SPACE, Timed())
    assert torch.get_num_threads() == 3


def test_an_architecture_that_cannot_be_evaluated_ends_it():
    failing = Timed(Measurement(ap=None, error="out of memory in phase train: no message", seconds={"train": 1.0}))
    with pytest.raises(SearchError, match="could not be evaluated: out of memory in phase train"):
        print_estimate(load_config("search", ARGUMENTS), SPACE, failing)


def test_what_saves_training_is_said_not_to_be_counted(capsys):
    print_estimate(load_config("search", [*ARGUMENTS, "runner.asha=true"]), SPACE, Timed())
    assert "not counted: starting, recording, early stops, what workers take" in capsys.readouterr().out


def test_what_a_filter_takes_is_counted(capsys):
    """30 architectures are scored for 9 samples, 40 s each, on two workers: 15 rounds beside the 15 of trainings."""
    arguments = [*ARGUMENTS, "prefilter=synthetic", "keep=0.3"]
    filtering = Timed(Measurement(ap=0.1, seconds={"evaluate": 40.0}))
    print_estimate(load_config("search", arguments), SPACE, Timed(), filtering)
    said = capsys.readouterr().out
    assert (
        "the score of prefilter synthetic: 40.0 s; with keep 0.3, about 30 architectures must be scored for 9 samples"
        in said
    )
    assert "so 32.2 trials per hour" in said, "two in 90 s and 3.3 scores of 40 s"
    assert "as much as 29 trials, and the scores of the prefilter: 32 min, that is 0.54 hours; not counted: sta" in said
    failing = Timed(Measurement(ap=None, error="out of memory"))
    with pytest.raises(SearchError, match="could not be evaluated: out of memory"):
        print_estimate(load_config("search", arguments), SPACE, Timed(), failing)


def test_where_nothing_is_trained_checks_are_as_long_as_trials(capsys):
    class Untrained(Timed):
        def training_steps(self):
            return 0

    print_estimate(load_config("search", ARGUMENTS), SPACE, Untrained())
    assert "9 samples and 14 checks, as much as 23 trials: " in capsys.readouterr().out


def test_an_evaluation_that_takes_no_time_is_no_error(capsys):
    print_estimate(load_config("search", ARGUMENTS), SPACE, Timed(Measurement(ap=0.1, seconds={"evaluate": 0.0})))
    assert "as much as 29 trials: 0.0 s" in capsys.readouterr().out


def test_the_same_architecture_is_timed_again():
    timed = []

    class Kept(Timed):
        def rehearse(self, architecture, seed):
            timed.append((architecture, seed))
            return Rehearsal(self.measurement, "kept")

    for seed in (3, 3, 4):
        print_estimate(load_config("search", [*ARGUMENTS, f"seed={seed}"]), SPACE, Kept())
    assert timed[0] == timed[1] != timed[2]


def test_what_is_trained():
    assert training_left(SearchSettings(samples=14, finalists=FinalistSettings(count=0))) == 14
    references = (Reference("spinenet-49", nas.load("spinenet-49")),)
    finalists = FinalistSettings(count=3, longer=1.5, seeds=2, winner_seeds=4)
    settings = SearchSettings(samples=14, references=references, finalists=finalists)
    assert training_left(settings) == 14 + 1 + 1.5 * (3 * 2 + 2 * 4)


@pytest.mark.parametrize(("trainings", "workers", "rounds"), [(1, 1, 1), (7, 2, 4), (8, 2, 4), (1, 8, 1)])
def test_the_last_round_may_have_idle_workers(trainings, workers, rounds):
    assert hours_of(trainings, workers, 1800.0) == rounds / 2


def test_a_record_is_about_as_large_as_was_reckoned(tmp_path):
    """SQLite keeps a page for itself and fills pages not to the last byte."""
    search = Search(Drifting(), Store.create(tmp_path, {}, {}, {}), SearchSettings(samples=100))
    run_serial(search, Hashed)
    proposals = len(search.history.trials)
    end(search)
    architecture = SPACE.sample(np.random.default_rng(0))
    reckoned = record_bytes(architecture, SPACE, proxies.build("synthetic").evaluate(architecture, 0))
    assert (tmp_path / "record.db").stat().st_size == pytest.approx(reckoned * proposals, rel=0.4)
