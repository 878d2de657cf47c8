"""The curves of a comparison."""

import pytest
from PIL import Image

from nas.reporting.canvas import BEST, SAMPLE
from nas.reporting.comparison import Comparison
from nas.reporting.comparison_figure import draw_best_so_far
from search_spaces.drawing import DARK, LIGHT


def comparison(own, random, baseline="drawn"):
    return Comparison(own, random, baseline, False, None, None)


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])
def test_both_searches_have_a_curve(theme, tmp_path):
    draw_best_so_far(comparison((0.1, 0.3, 0.2), (0.2, 0.1, 0.25)), tmp_path / "figure.svg", theme)
    text = (tmp_path / "figure.svg").read_text()
    assert f"stroke: {BEST}" in text
    assert f"stroke: {SAMPLE}" in text
    assert f"fill: {theme.paper}" in text


@pytest.mark.parametrize("count", [0, 1, 500])
@pytest.mark.parametrize("baseline", ["drawn", None])
def test_any_number_of_samples_is_drawn(count, baseline, tmp_path):
    draw_best_so_far(comparison((0.1,) * count, (0.2,) * count, baseline), tmp_path / "figure.png")
    with Image.open(tmp_path / "figure.png") as image:
        assert len(image.convert("RGB").getcolors(1 << 20)) > 10, "something is drawn"
