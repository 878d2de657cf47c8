"""The ledger as a reader sees it."""

import re

import pytest
from PIL import Image, ImageColor

from nas.engine.ledger import PARTS, Ledger, ledger
from nas.engine.record import Run
from nas.engine.trial import TrialState
from nas.reporting.ledger import COLOURS, draw_ledger, ledger_html, ledger_sentence
from search_spaces.drawing import DARK, LIGHT
from tests.reporting.fake_runs import complete, mixed_run, other, run_of

FOUND = Ledger(dict(zip(PARTS, (60.0, 20.0, 10.0, 6.0, 4.0))), 50.0, 100.0)


def test_the_table_has_every_part_and_a_sum_that_is_all_there_was():
    html = ledger_html(mixed_run())
    cells = [re.findall(r"<t[dh][^>]*>(.*?)</t[dh]>", line) for line in re.findall(r"<tr>.*?</tr>", html)]
    rows = {line[0]: line[1:3] for line in cells}
    assert list(rows) == ["part", *PARTS, "sum"]
    assert rows["sum"] == ["4 min", "100.0%"]
    assert rows["training"] == ["2 min", "48.0%"]
    assert rows["idle"] == ["0.0 s", "0.0%"], "a trial is under way"
    shares = [float(rows[part][1].rstrip("%")) for part in PARTS]
    assert sum(shares) == pytest.approx(100.0, abs=0.3)


def test_there_is_none_before_the_first_result():
    for run in (Run((), ()), run_of()):
        assert ledger_html(run) == ""


def test_the_sentence_says_what_is_accounted_for():
    assert ledger_sentence(FOUND) == (
        "The wall time of 50 s, from when the command was given to its end, times 2 workers is 2 min; the "
        "parts add up to it."
    )
    skewed = Ledger(FOUND.seconds, 100.0, 100.0, beyond=20.0)
    assert "times 1 worker is" in ledger_sentence(skewed)
    assert ledger_sentence(skewed).endswith(
        "Trials claim 20 s more than they had room for: the machines' clocks differ."
    )


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])
def test_the_bar_is_cut_in_proportion(theme, tmp_path):
    draw_ledger(FOUND, tmp_path / "bar.png", theme)
    with Image.open(tmp_path / "bar.png") as image:
        pixels = image.convert("RGB")
    assert "#{:02x}{:02x}{:02x}".format(*pixels.getpixel((2, 2))) == theme.paper
    low = [pixels.getpixel((x, pixels.height // 2)) for x in range(pixels.width)]
    widths = {part: low.count(ImageColor.getrgb(colour)) for part, colour in COLOURS.items()}
    total = sum(widths.values())
    assert total > 0.9 * pixels.width
    assert {part: width / total for part, width in widths.items()} == pytest.approx(
        {part: value / 100 for part, value in FOUND.seconds.items()}, abs=5e-3
    )


def test_a_run_of_one_part_is_drawn(tmp_path):
    draw_ledger(ledger(run_of(complete(0, 0.1))), tmp_path / "bar.png")
    with Image.open(tmp_path / "bar.png") as image:
        assert image.width > 1000


def test_a_search_whose_trials_all_failed_has_a_ledger():
    assert "100.0%" in ledger_html(run_of(other(0, TrialState.FAILED)))
