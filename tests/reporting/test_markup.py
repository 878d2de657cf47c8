"""Pieces of HTML: escaped, and pictures for both themes."""

import base64
import re

from nas.reporting.markup import columns, details, document, figure, heading, note, numbers, row, section, table
from search_spaces.drawing import DARK

EVIL = '<b a="1">&'
ESCAPED = "&lt;b a=&quot;1&quot;&gt;&amp;"


def test_text_is_escaped_and_bodies_are_not():
    assert section(EVIL, "<p>x</p>") == f"<section>\n<h2>{ESCAPED}</h2>\n<p>x</p>\n</section>"
    assert details(EVIL, "<p>x</p>") == f"<details>\n<summary>{ESCAPED}</summary>\n<p>x</p>\n</details>"
    assert note([EVIL, "two"]) == f'<aside class="note small"><p>{ESCAPED}</p><p>two</p></aside>'
    assert note(["one"], "note warning").startswith('<aside class="note warning small">')


def test_rows_and_tables():
    assert row([("1", "right"), (EVIL, "")], "td") == f'<tr><td class="right">1</td><td>{ESCAPED}</td></tr>'
    assert row([("a", "")], "th") == "<tr><th>a</th></tr>"
    assert table([("key", "value")]) == '<table class="settings"><tr><td>key</td><td>value</td></tr></table>'


def draw(path, theme):
    path.write_text("<svg>dark</svg>" if theme is DARK else "<svg>light</svg>")


def test_a_picture_is_embedded_for_both_themes():
    html = figure(draw, EVIL, "wide")
    pictures = [base64.b64decode(data).decode() for data in re.findall(r"data:image/svg\+xml;base64,([^\"]+)", html)]
    assert pictures == ["<svg>dark</svg>", "<svg>light</svg>"]
    assert html.startswith('<figure class="wide">')
    assert f'alt="{ESCAPED}"' in html
    assert html.endswith(f'<p class="quiet small">{ESCAPED}</p>')


def test_a_picture_may_have_another_text_and_no_caption():
    html = figure(draw, alternative="blocks in order")
    assert 'alt="blocks in order"' in html
    assert "<p " not in html


def test_a_whole_page_needs_no_other_file_and_leaves_empty_parts_out():
    html = document(EVIL, ["<p>one</p>", "", "<p>two</p>"], EVIL)
    assert html.startswith("<!DOCTYPE html>\n")
    assert "<p>one</p>\n<p>two</p>\n<footer>" + ESCAPED in html
    assert f"<title>{ESCAPED}</title>" in html
    assert "http" not in html


def test_heads_and_numbers():
    assert heading(EVIL, EVIL, EVIL).count(ESCAPED) == 3
    assert numbers([(EVIL, "1")]) == f'<dl class="numbers"><div><dt>{ESCAPED}</dt><dd>1</dd></div></dl>'


def test_columns_of_texts_and_numbers():
    html = columns(["class", "AP"], [[EVIL, "0.1"]])
    assert f'<tr><td>{ESCAPED}</td><td class="right">0.1</td></tr>' in html
    assert '<tr><th>class</th><th class="right">AP</th></tr>' in html
