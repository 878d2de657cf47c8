"""Bars of HTML: widths by count, text escaped."""

import re

from nas.reporting.bars import bars


def test_widths_and_text() -> None:
    html = bars([("a<b", 200), ("\u732b", 50), ("none", 0)], ["x&y", "", ""])
    assert re.findall(r"width:([\d.]+)%", html) == ["100.00", "25.00"]
    assert "a&lt;b" in html
    assert "x&amp;y" in html
    assert "\u732b" in html
    assert "<td></td>" in html


def test_nothing_to_show() -> None:
    assert bars([]).count("<tr>") == 0
    assert "width" not in bars([("a", 0)])
