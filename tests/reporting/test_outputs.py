"""What is left in a run folder."""

import json

import pytest
from PIL import Image

import search_spaces
from nas.engine.record import Run
from nas.reporting import write_outputs
from search_spaces.errors import FileError
from tests.reporting.fake_runs import ESSENTIALS, mixed_run, run_of, scored
from tests.reporting.made_answers import answered


def test_a_run_leaves_four_files_and_the_best_loads_again(tmp_path):
    run = mixed_run()
    written = write_outputs(run, tmp_path)
    assert [path.name for path in written] == ["best.json", "best.png", "reward.png", "report.html"]
    assert {path.name for path in tmp_path.iterdir()} == {path.name for path in written}
    assert search_spaces.load(tmp_path / "best.json") == run.trials[1].architecture
    notes = json.loads((tmp_path / "best.json").read_text())
    assert notes["name"] == tmp_path.name
    assert notes["search"] == {
        "number": 1,
        "reward": 0.3,
        "ap": 0.3,
        "fingerprint": run.trials[1].fingerprint,
        "config": ESSENTIALS,
        "commit": "0123abcd",
    }
    for name in ("best.png", "reward.png"):
        with Image.open(tmp_path / name) as image:
            image.verify()


def test_a_score_is_noted_by_its_name_and_is_no_ap(tmp_path):
    write_outputs(run_of(scored(0), scored(1)), tmp_path)
    notes = json.loads((tmp_path / "best.json").read_text())["search"]
    assert (notes["reward"], notes["ap"], notes["score"]) == (101.0, None, {"name": "synflow", "value": 101.0})


@pytest.mark.parametrize("run", [Run((), ()), run_of()])
def test_without_a_complete_trial_nothing_is_best_and_nothing_is_removed(run, tmp_path):
    (tmp_path / "best.json").write_text("of an earlier run")
    assert [path.name for path in write_outputs(run, tmp_path)] == ["reward.png", "report.html"]
    assert (tmp_path / "best.json").read_text() == "of an earlier run"


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(FileError, match=r"reward\.png cannot be written: No such file or directory"):
        write_outputs(run_of(), tmp_path / "missing")


def test_the_best_is_the_winner_and_the_recommended_lies_beside_it(tmp_path):
    run = answered()
    written = [path.name for path in write_outputs(run, tmp_path)]
    assert written == ["best.json", "best.png", "recommended.json", "reward.png", "report.html"]
    best, recommended = (json.loads((tmp_path / name).read_text())["search"] for name in (written[0], written[2]))
    assert search_spaces.load(tmp_path / "best.json") == run.trials[2].architecture
    assert (best["number"], best["chosen_by"], best["times_longer"]) == (2, "finalists", 2.0)
    assert best["longer_ap"] == pytest.approx({"mean": 0.42, "low": 0.37032, "high": 0.46968, "count": 3}, abs=1e-4)
    assert search_spaces.load(tmp_path / "recommended.json") == run.trials[3].architecture
    assert (recommended["name"], recommended["multiply_adds"], recommended["image_size"]) == (
        "trial 3",
        30 * 10**9,
        640,
    )


def test_what_nothing_meets_is_not_written(tmp_path):
    assert not [path for path in write_outputs(answered({"max_milliseconds": 5.0}), tmp_path) if "recomm" in path.name]
