"""What a search says, of runs made up for it; whole searches are in ``tests/nas/test_search.py``."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from nas.command_line.search_messages import announce, conclude, say_interrupted, warnings_of_age
from nas.engine.events import SessionBegun
from nas.engine.trial import TrialState
from search_spaces.errors import SearchError
from tests.reporting.fake_runs import SPACE, complete, other, run_of, scored

NEW = {part: {"kind": part, "name": part} for part in ("space", "controller", "proxy", "data", "runner")}
OLD = {**NEW, "controller": {"name": "ppo"}}


def store_of(*configs):
    return SimpleNamespace(folder=Path("runs/one"), events=[SessionBegun(0.0, {}, config, {}) for config in configs])


def test_the_start_names_what_is_searched(capsys):
    announce({**NEW, "samples": 12}, SPACE, Path("my runs"))
    said = capsys.readouterr().out
    assert f"space toy ({SPACE.size():.3g} decision sequences" in said
    assert "controller controller and proxy proxy for 12 samples" in said
    assert """-m nas.report 'run="my runs"'""" in said


@pytest.mark.parametrize(
    ("proxy", "configs", "warned"),
    [("detection", [NEW], False), ("detection", [OLD, NEW], True), ("synthetic", [OLD, NEW], False)],
)
def test_an_older_beginning_is_warned_of_where_images_are_trained_on(proxy, configs, warned):
    config = {**NEW, "proxy": {"kind": proxy}}
    sentences = warnings_of_age(config, store_of(*configs))
    assert [sentence.startswith("the search in runs/one was begun") for sentence in sentences] == [True] * warned


def test_an_interruption_says_how_to_go_on(capsys):
    say_interrupted(Path("runs/one"))
    assert capsys.readouterr().err.rstrip().endswith("-m nas.search run=runs/one resume=true")


def test_the_end_names_the_best(capsys):
    conclude(run_of(complete(0, 0.125), complete(1, 0.0625)), Path("runs/one"), "all is done.", (Path("best.json"),))
    said = capsys.readouterr().out
    assert "the search is over: all is done." in said
    assert "\nBetter than random? It cannot be told: the record does not say" in said
    assert "best: trial 0, AP 0.1250" in said
    assert "nas.compile arch=runs/one/best.json" in said


def test_the_end_calls_a_score_by_its_name(capsys):
    conclude(run_of(scored(0), scored(1)), Path("runs/one"), "all is done.", (Path("best.json"),))
    assert "best: trial 1, synflow 101.0000 (" in capsys.readouterr().out


def test_the_end_without_a_best_says_the_most_frequent_reason():
    failed = [other(number, TrialState.FAILED, error) for number, error in enumerate(["a.", "b.", "b."])]
    with pytest.raises(SearchError, match=r"reason \(2 of 3 trials\): b\. All reasons are in runs/one/report\.html\."):
        conclude(run_of(*failed), Path("runs/one"), "all is done.", ())
