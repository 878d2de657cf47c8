"""What figures share: size, theme, dots, legend."""

import re

import pytest
from PIL import Image

from nas.reporting.canvas import MOST_VECTOR_DOTS, SAMPLE, SIZE, canvas, dots, finish, new_figure, save, say_empty
from search_spaces.drawing import DARK, LIGHT


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])
def test_the_paper_is_the_theme_s_and_the_size_is_in_inches(theme, tmp_path):
    save(new_figure(theme, (4.0, 2.0)), tmp_path / "figure.png", theme)
    with Image.open(tmp_path / "figure.png") as image:
        assert image.size == (600, 300)
        assert "#{:02x}{:02x}{:02x}".format(*image.convert("RGB").getpixel((2, 2))) == theme.paper


def test_axes_are_named_and_trials_are_counted_in_whole_numbers():
    figure, axes = canvas(LIGHT, "trial", "reward")
    axes.plot([0, 1], [0.0, 1.0])
    assert tuple(figure.get_size_inches()) == SIZE
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("trial", "reward")
    assert all(tick == int(tick) for tick in axes.get_xticks())


def test_dots_get_smaller_as_their_number_grows_and_a_great_many_are_a_bitmap():
    _, axes = canvas(LIGHT, "trial", "reward")
    for count in (3, 500, MOST_VECTOR_DOTS + 1):
        dots(axes, range(count), range(count), "sample")
    few, many, most = axes.collections
    assert few.get_sizes()[0] > many.get_sizes()[0] >= most.get_sizes()[0]
    assert [collection.get_rasterized() for collection in (few, many, most)] == [False, False, True]


def test_what_is_labelled_has_a_legend(tmp_path):
    for label in ("sample", "_nothing"):
        figure, axes = canvas(LIGHT, "trial", "reward")
        dots(axes, [1], [1], label)
        finish(figure, axes, tmp_path / f"{label}.svg", LIGHT)
    assert 'id="legend_1"' in (tmp_path / "sample.svg").read_text()
    assert 'id="legend_1"' not in (tmp_path / "_nothing.svg").read_text()
    assert re.search(rf"fill: {SAMPLE}", (tmp_path / "sample.svg").read_text())


def test_an_empty_figure_is_a_sentence_without_axes():
    _, axes = canvas(LIGHT, "trial", "reward")
    say_empty(axes, LIGHT, "nothing yet")
    assert [text.get_text() for text in axes.texts] == ["nothing yet"]
    assert (axes.get_xlabel(), list(axes.get_xticks())) == ("", [])
