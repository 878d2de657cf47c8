"""What is drawn in the panels is what was measured."""

from nas.reporting.training_figures import _points


def test_what_could_not_be_measured_is_left_out():
    rows = [{"step": 1.0, "ap": -1.0}, {"step": 2.0, "ap": 0.0}, {"step": 3.0}]
    assert _points(rows, "ap") == [(2.0, 0.0)]
