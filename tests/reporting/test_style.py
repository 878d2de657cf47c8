"""The style sheet: what the page uses is there, and it needs nothing from outside."""

import re

from nas.reporting.page import render_report
from nas.reporting.style import STYLE
from tests.reporting.fake_runs import learning_run, mixed_run


def test_every_class_on_the_page_has_a_rule():
    pages = render_report(mixed_run(), "run") + render_report(learning_run(4), "run")
    used = {name for names in re.findall(r'class="([^"]+)"', pages) for name in names.split()}
    known = set(re.findall(r"\.([a-z]+)", STYLE))
    assert used - known <= {"block", "intermediate"}, "the inner blocks of a thumbnail have a fill of their own"


def test_every_colour_has_a_dark_one():
    light, dark = re.findall(r":root \{(.*?)\}", STYLE, flags=re.DOTALL)
    assert set(re.findall(r"--[a-z]+(?=:)", light)) == set(re.findall(r"--[a-z]+(?=:)", dark))
    assert set(re.findall(r"var\((--[a-z]+)\)", STYLE)) <= set(re.findall(r"--[a-z]+(?=:)", light))


def test_braces_are_balanced_and_nothing_is_loaded():
    assert STYLE.count("{") == STYLE.count("}")
    assert not re.findall(r"url\(|@import|https?:", STYLE)
