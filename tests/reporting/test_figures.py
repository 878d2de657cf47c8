"""The figures of a run, from none to thousands of trials."""

import re

import pytest
from PIL import Image

from nas.engine.record import Run
from nas.engine.trial import TrialState
from nas.reporting.canvas import SAMPLE
from nas.reporting.figures import draw_metrics, draw_rewards, draw_seconds
from search_spaces.drawing import DARK, LIGHT
from tests.reporting.fake_runs import (
    complete,
    filtered_out,
    learning_run,
    long_run,
    mixed_run,
    other,
    run_of,
    stopped_early,
)

FIGURES = [draw_rewards, draw_seconds, draw_metrics]
RUNS = {
    "none": Run((), ()),
    "one": run_of(complete(0, 0.2)),
    "running": run_of(other(0, TrialState.RUNNING)),
    "failed": run_of(other(0, TrialState.FAILED), other(1, TrialState.INFEASIBLE)),
    "mixed": mixed_run(),
    "many": long_run(3000),
    "learning": learning_run(200),
}


def count_dots(text):
    """Marks of the samples' colour outside the legend (where a group is left open, each use is one dot)."""
    return len(re.findall(rf"<use [^>]*fill: {SAMPLE}", text))


@pytest.mark.parametrize("draw", FIGURES)
@pytest.mark.parametrize("name", RUNS)
def test_every_figure_of_every_run(draw, name, tmp_path):
    draw(RUNS[name], tmp_path / "figure.png")
    with Image.open(tmp_path / "figure.png") as image:
        assert image.width > 1000
        assert len(image.convert("RGB").getcolors(1 << 20)) > 10, "something is drawn"


def test_duplicates_and_running_trials_are_no_dots(tmp_path):
    draw_rewards(mixed_run(), tmp_path / "figure.svg")
    assert count_dots((tmp_path / "figure.svg").read_text()) == 3 + 1, "three samples and the legend's"


def test_trials_that_were_stopped_early_have_grey_dots_and_filtered_ones_none(tmp_path):
    run = run_of(complete(0, 0.1), stopped_early(1, 0.9), stopped_early(2, 0.8), filtered_out(3, 0.5))
    draw_rewards(run, tmp_path / "figure.svg")
    text = (tmp_path / "figure.svg").read_text()
    assert count_dots(text) == 1 + 1
    assert len(re.findall(rf"<use [^>]*fill: {LIGHT.quiet}[^>]*fill-opacity", text)) == 2 + 1
    assert "best so far (0.100)" in text


def test_failed_trials_are_marked(tmp_path):
    draw_rewards(mixed_run(), tmp_path / "mixed.svg")
    draw_rewards(run_of(complete(0, 0.1)), tmp_path / "clean.svg")
    assert LIGHT.output in (tmp_path / "mixed.svg").read_text()
    assert LIGHT.output not in (tmp_path / "clean.svg").read_text()


def test_thousands_of_dots_keep_an_svg_small(tmp_path):
    draw_rewards(RUNS["many"], tmp_path / "figure.svg")
    assert (tmp_path / "figure.svg").stat().st_size < 600_000


def test_the_dark_theme_has_dark_paper(tmp_path):
    draw_rewards(mixed_run(), tmp_path / "figure.png", DARK)
    with Image.open(tmp_path / "figure.png") as image:
        assert "#{:02x}{:02x}{:02x}".format(*image.convert("RGB").getpixel((2, 2))) == DARK.paper


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])
def test_every_metric_has_a_panel(theme, tmp_path):
    draw_metrics(learning_run(6), tmp_path / "figure.svg", theme)
    text = (tmp_path / "figure.svg").read_text()
    assert len(re.findall(r'id="axes_\d+"', text)) == 2
    assert f"stroke: {SAMPLE}" in text
    assert f"fill: {theme.paper}" in text


def test_panels_stand_three_in_a_row(tmp_path):
    sizes = []
    for count in (1, 3, 4):
        metrics = {f"metric_{at}": float(at) for at in range(count)}
        draw_metrics(run_of(complete(0, 0.1, metrics=metrics)), tmp_path / "figure.png")
        with Image.open(tmp_path / "figure.png") as image:
            sizes.append(image.size)
    assert sizes[0] == sizes[1]
    assert sizes[2][0] == sizes[0][0]
    assert sizes[2][1] > 1.5 * sizes[0][1]
