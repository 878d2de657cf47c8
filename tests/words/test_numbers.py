"""Numbers and counts as people read them."""

import pytest

from nas.words import number, plural, short_count


@pytest.mark.parametrize(
    ("value", "digits", "said"),
    [(0.25, 3, "0.250"), (1.0, 0, "1"), (-0.5, 1, "-0.5"), (999.5, 2, "999.50"), (None, 3, "\u2013")],
)
def test_a_number_has_fixed_decimals_and_none_is_a_dash(value, digits, said):
    assert number(value, digits) == said


@pytest.mark.parametrize(("value", "said"), [(1000, "1,000"), (-1234.5678, "-1,235"), (79_899_216.0, "79,899,216")])
def test_a_large_number_needs_no_decimals(value, said):
    assert number(value) == number(value, 4) == said


@pytest.mark.parametrize(
    ("value", "said"),
    [(0, "0"), (999, "999"), (1000, "1 k"), (350_000, "350 k"), (28_500_000, "28.5 M"), (85_400_000_000, "85.4 B")],
)
def test_large_counts_are_shortened(value, said):
    assert short_count(value) == said


@pytest.mark.parametrize(("count", "said"), [(0, "0 trials"), (1, "1 trial"), (2, "2 trials"), (1000, "1,000 trials")])
def test_only_one_is_singular(count, said):
    assert plural(count, "trial") == said
