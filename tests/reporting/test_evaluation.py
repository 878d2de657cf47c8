"""The files of an evaluation: the same numbers everywhere, names of any kind, and nothing measured at all."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from nas.reporting.evaluation import to_json, write_evaluation
from nas.reporting.evaluation_figures import draw_confusion, draw_curves
from nas.reporting.evaluation_page import render_evaluation
from search_spaces.drawing import DARK
from tests.reporting.made_evaluation import ABOUT, NAMES, made


def test_the_same_numbers_stand_everywhere(tmp_path: Path) -> None:
    evaluation = made(4)
    rows = [{"image_id": 1, "category_id": 2, "bbox": [0.5, 1, 2, 3], "score": 0.25}] * 2
    paths = write_evaluation(evaluation, rows, ABOUT, tmp_path)
    assert {path.name for path in paths} == {path.name for path in tmp_path.iterdir()}
    assert json.loads((tmp_path / "detections.json").read_text()) == rows
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    ap = evaluation.results["bbox"].numbers["ap"]
    assert metrics["boxes"]["ap"] == ap
    assert np.asarray(metrics["confusion"]["counts"]).tolist() == evaluation.confusion.counts.tolist()
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert f"{ap:.3f}" in page
    assert f"Suggested threshold {evaluation.curves.suggested:g}: " in page
    assert "Found as another class, with a score above 0.1: " in page
    with (tmp_path / "per_class.csv").open(encoding="utf-8", newline="") as file:
        lines = list(csv.DictReader(file))
    assert [line["class"] for line in lines][:3] == list(NAMES[:3])
    for line, group in zip(lines, evaluation.classes["bbox"]):
        assert (float(line["ap"]), int(line["objects"])) == (pytest.approx(group.ap), group.objects)


def test_names_are_escaped_and_the_page_needs_no_other_file() -> None:
    page = render_evaluation(made(4), ABOUT)
    assert "<b>" not in page
    assert "a $x$ &lt;b&gt;" in page
    assert "&lt;w&gt;.safetensors on d&amp;d, split val" in page
    assert "Classes &lt;matched&gt;." in page
    assert "method: &lt;none&gt;" in page
    assert "http://" not in page.replace("http://www.w3.org", "")


def test_without_any_object_nothing_is_measured_and_everything_is_written(tmp_path: Path) -> None:
    evaluation = made(2, images=2, most=0)
    write_evaluation(evaluation, [], ABOUT, tmp_path)
    metrics = to_json(evaluation, ABOUT)
    assert metrics["boxes"]["ap"] is None
    assert metrics["classes"]["boxes"][0]["ap"] is None
    assert json.loads((tmp_path / "detections.json").read_text()) == []
    assert "There is no object to find, so no threshold is better" in render_evaluation(evaluation, ABOUT)


@pytest.mark.parametrize("classes", [1, 90])
def test_figures_of_one_class_and_of_many(classes: int, tmp_path: Path) -> None:
    evaluation = made(classes)
    for draw, name in ((draw_curves, "curves.png"), (draw_confusion, "confusion.svg")):
        draw(evaluation, tmp_path / name, DARK)
        assert (tmp_path / name).stat().st_size > 1000
