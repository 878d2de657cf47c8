"""What a search says, of runs made up for it; whole searches are in ``tests/nas/test_search.py``."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from nas.command_line.search_messages import announce, conclude, say_interrupted, warnings_of_age
from nas.engine.events import SessionBegun
from nas.engine.trial import TrialState
from proxies.base import Budget
from search_spaces.errors import SearchError
from tests.reporting.fake_runs import SPACE, complete, other, run_of, scored
from tests.reporting.made_answers import answered, unfinished

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


def test_the_end_is_the_answer(capsys):
    conclude(answered(), Path("runs/one"), "all is done.", (Path("best.json"),))
    lines = capsys.readouterr().out.splitlines()
    assert lines[3].startswith("Better than random? It cannot be told")
    assert lines[4:11] == [
        "winner of 2 finalists: trial 2, AP 0.420 (0.370 to 0.470, 3 seeds) with 2 times the training and "
        "further seeds",
        "as a full-size detector it has 60 B multiply-adds, 28 M parameters, 150 ms for an image of 640 px",
        "spinenet-49: AP 0.320 (0.277 to 0.363, 3 seeds) likewise; 85 B multiply-adds, 28 M parameters, 350 ms",
        "r50-fpn: AP 0.417 (0.402 to 0.431, 3 seeds) likewise; 97 B multiply-adds, 28 M parameters, 300 ms",
        "The winner beats spinenet-49 by more than the interval: 0.100 AP more (95 % interval +0.075 to +0.125, "
        "3 seeds).",
        "Whether the winner beats r50-fpn is not shown: 0.003 AP more (95 % interval -0.035 to +0.041, 3 seeds).",
        "recommended: trial 3, the knee of the front of AP against multiply-adds at the budget of a trial: AP 0.200 at "
        "the budget of a trial, 30 B multiply-adds (recommended.json)",
    ]
    assert lines[11].endswith("-m nas.compile arch=runs/one/best.json")


def test_the_end_says_reward_where_the_reward_has_chosen(capsys):
    conclude(answered({"max_multiply_adds": 1e11}, by_reward=True), Path("runs/one"), "all is done.", ())
    lines = capsys.readouterr().out.splitlines()
    assert lines[4] == (
        "winner of 2 finalists: trial 2, reward 0.420 (0.370 to 0.470, 3 seeds) with 2 times the training and further "
        "seeds, AP 0.420 (0.370 to 0.470, 3 seeds)"
    )
    assert lines[7].startswith(
        "r50-fpn: reward 0.208 (0.201 to 0.216, 3 seeds) likewise, AP 0.417 (0.402 to 0.431, 3 seeds); 97 B"
    )
    assert "0.212 reward more" in lines[9]
    assert lines[10] == (
        "recommended: trial 2, the best with 100 B multiply-adds at most, by AP with 2 times the training: AP 0.280 at "
        "the budget of a trial and 0.420 with 2 times the training, 60 B multiply-adds, 150 ms (recommended.json)"
    )


def test_what_trains_nothing_is_not_said_to_train_longer(capsys):
    run = answered()
    checks = [replace(one, measurement=replace(one.measurement, budget=Budget())) for one in run.checks]
    conclude(replace(run, checks=tuple(checks)), Path("runs/one"), "all is done.", ())
    said = capsys.readouterr().out
    assert "trial 2, AP 0.420 (0.370 to 0.470, 3 seeds) with further seeds\n" in said
    assert "times the training" not in said


def test_references_without_finalists_stand_beside_the_best(capsys):
    conclude(unfinished(answered(), 2), Path("runs/one"), "all is done.", ())
    said = capsys.readouterr().out
    assert "best: trial 1, AP 0.3000" in said
    assert "spinenet-49: AP 0.250 at the budget of a trial; 85 B multiply-adds" in said


def test_a_recommendation_that_nothing_meets_names_the_nearest_after_the_answer(capsys):
    with pytest.raises(SearchError) as caught:
        conclude(answered({"max_milliseconds": 50.0}), Path("runs/one"), "all is done.", ())
    assert str(caught.value) == (
        "recommend: no architecture has 50 ms at most; the nearest is trial 0 with 100 ms. Everything else is written "
        "to runs/one."
    )
    assert "winner of 2 finalists: trial 2" in capsys.readouterr().out
