"""AP against cost as figures."""

import pytest
from PIL import Image

from nas.engine.record import Run
from nas.reporting.canvas import canvas
from nas.reporting.fronts import draw_fronts, unit_of
from search_spaces.drawing import DARK, LIGHT
from tests.reporting.fake_runs import long_run, mixed_run
from tests.reporting.made_answers import answered


@pytest.mark.parametrize("axis", ["multiply_adds", "milliseconds"])
@pytest.mark.parametrize(
    "run", [Run((), ()), mixed_run(), long_run(1000), answered(), answered({"max_milliseconds": 320.0})]
)
def test_every_front_of_every_run(axis, run, tmp_path):
    draw_fronts(run, tmp_path / "figure.png", DARK, axis)
    with Image.open(tmp_path / "figure.png") as image:
        assert len(image.convert("RGB").getcolors(1 << 20)) > 10, "something is drawn"


def test_a_limit_is_a_line(tmp_path):
    draw_fronts(answered(), tmp_path / "without.svg", LIGHT, "milliseconds")
    draw_fronts(answered({"max_milliseconds": 320.0}), tmp_path / "with.svg", LIGHT, "milliseconds")
    assert LIGHT.output not in (tmp_path / "without.svg").read_text()
    assert LIGHT.output in (tmp_path / "with.svg").read_text()


def test_where_no_full_size_detector_was_counted_the_proxy_s_cost_stands_without_a_knee(tmp_path, monkeypatch):
    shown = []
    monkeypatch.setattr(
        "nas.reporting.fronts.canvas", lambda theme, *labels: shown.append(labels) or canvas(theme, *labels)
    )
    for name, run in (("proxy", mixed_run()), ("full", answered())):
        draw_fronts(run, tmp_path / f"{name}.svg", LIGHT)
    assert [labels[0] for labels in shown] == [
        "multiply-adds per image of the proxy's detector (million)",
        "multiply-adds per image of the full-size detector (billion)",
    ]


@pytest.mark.parametrize(
    ("values", "unit"),
    [([], (1, "")), ([500], (1, "")), ([2e6], (1e6, " (million)")), ([1, 3e9], (1e9, " (billion)"))],
)
def test_units(values, unit):
    assert unit_of(values) == unit
