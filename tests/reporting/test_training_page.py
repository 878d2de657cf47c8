"""The page of a training: whole in one file, with everything escaped, and with as little as there is."""

from dataclasses import replace

import numpy as np
import pytest

from nas.reporting.mosaic import Tile, draw_mosaic
from nas.reporting.training_figures import draw_training
from nas.reporting.training_page import TrainingReport, render_training_report, write_training_report

ROWS = [
    {"step": 1.0, "epoch": 0.5, "seconds": 1.0, "learning_rate": 0.1, "loss": 2.0, "loss_box": 1.5, "loss_class": 0.5},
    {"step": 1.0, "epoch": 0.5, "seconds": 1.5, "ap": 0.25, "ap50": 0.5, "ap_large": -1.0},
    {"step": 2.0, "epoch": 1.0, "seconds": 70.0, "ap": 0.125, "ap50": 0.75, "ap_large": -1.0},
]


@pytest.fixture
def report(tmp_path):
    picture = draw_mosaic(
        [Tile(np.zeros((4, 4, 3), np.uint8), np.zeros((0, 4), np.float32), [], [])], tmp_path / "a.jpg"
    )
    pictures = {"fed": picture, "gone": tmp_path / "gone.jpg"}
    return TrainingReport(
        "<run>", "over & out", ["note <1>"], ROWS, 2, pictures, {"data": {"root": "<b>"}}, {"commit": "x"}
    )


def test_the_best_validation_is_in_the_numbers(report, tmp_path):
    page = render_training_report(report)
    for label, value in (
        ("AP", "0.250"),
        ("AP50", "0.500"),
        ("best after step", "1"),
        ("steps", "2 of 2"),
        ("time", "70 s"),
    ):
        assert f"<dt>{label}</dt><dd>{value}</dd>" in page
    assert "large</dt>" not in page
    written = write_training_report(report, tmp_path)
    assert written.read_text().count("data:image/jpeg;base64,") == 1
    assert (tmp_path / "metrics.png").is_file()


def test_everything_is_escaped_and_nothing_is_fetched(report):
    page = render_training_report(report)
    for text in ("<run>", "note <1>", "<b>", "over & out", "http://", "https://", "<script"):
        assert text not in page
    assert "note &lt;1&gt;" in page


def test_a_training_without_a_step_has_a_page(report):
    page = render_training_report(replace(report, rows=[], notes=[], pictures={}))
    assert "<dl" not in page


@pytest.mark.parametrize("rows", [[], ROWS[:1], ROWS])
def test_curves_are_drawn_of_what_there_is(rows, tmp_path):
    draw_training(rows, tmp_path / "curves.svg")
    text = (tmp_path / "curves.svg").read_text()
    assert text.count("nothing yet") == 3 - (2 if rows else 0) - (len(rows) == 3)
