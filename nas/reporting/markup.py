"""Pieces of HTML: sections, tables, notes and embedded pictures. All text that goes in is escaped."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Sequence
from html import escape
from pathlib import Path
from tempfile import TemporaryDirectory

from nas.reporting.style import STYLE
from search_spaces.drawing import DARK, LIGHT, Theme

Draw = Callable[[Path, Theme], None]
"""Draws a picture to a file, in the colours of a theme."""


def document(title: str, parts: Iterable[str], footer: str) -> str:
    """A whole page in the style of all reports, which needs no other file.

    Args:
        title: of the window.
        parts: HTML; empty ones are left out.
        footer: the sentence at the end.
    """
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
        + "\n".join(part for part in parts if part)
        + f"\n<footer>{escape(footer)}</footer>\n</body>\n</html>\n"
    )


def heading(title: str, state: str, details: str) -> str:
    """The head of a page: its title, a sentence, and what it is about in small letters."""
    return (
        f"<header>\n<h1>{escape(title)}</h1>\n"
        f'<p class="state">{escape(state)}</p>\n'
        f'<p class="quiet small">{escape(details)}</p>\n</header>'
    )


def numbers(facts: Iterable[tuple[str, str]]) -> str:
    """Large numbers side by side, each with what it is: (label, value)."""
    rows = "".join(f"<div><dt>{escape(label)}</dt><dd>{escape(value)}</dd></div>" for label, value in facts)
    return f'<dl class="numbers">{rows}</dl>'


def section(title: str, body: str) -> str:
    """A section with its heading; ``body`` is HTML."""
    return f"<section>\n<h2>{escape(title)}</h2>\n{body}\n</section>"


def details(title: str, body: str) -> str:
    """A part of the page that the reader opens; ``body`` is HTML."""
    return f"<details>\n<summary>{escape(title)}</summary>\n{body}\n</details>"


def note(sentences: Sequence[str], classes: str = "note") -> str:
    """Sentences set apart from the page, a paragraph each."""
    paragraphs = "".join(f"<p>{escape(sentence)}</p>" for sentence in sentences)
    return f'<aside class="{classes} small">{paragraphs}</aside>'


def table(rows: Iterable[tuple[str, str]]) -> str:
    """A table of names and values."""
    body = "".join(row([(key, ""), (value, "")], "td") for key, value in rows)
    return f'<table class="settings">{body}</table>'


def columns(headings: Sequence[str], rows: Iterable[Sequence[str]], texts: int = 1) -> str:
    """A wide table of numbers under headings, whose first columns, ``texts`` of them, are text."""
    classes = [""] * texts + ["right"] * (len(headings) - texts)
    head = row(list(zip(headings, classes)), "th")
    body = "\n".join(row(list(zip(cells, classes)), "td") for cells in rows)
    return f'<div class="scroll"><table class="trials"><thead>{head}</thead><tbody>{body}</tbody></table></div>'


def row(cells: Sequence[tuple[str, str]], tag: str) -> str:
    """A table row of (text, CSS class) cells; ``tag`` is ``td`` or ``th``."""
    inner = "".join(
        f'<{tag} class="{name}">{escape(text)}</{tag}>' if name else f"<{tag}>{escape(text)}</{tag}>"
        for text, name in cells
    )
    return f"<tr>{inner}</tr>"


def figure(draw_to: Draw, caption: str = "", classes: str = "", alternative: str = "") -> str:
    """A picture embedded twice, as SVG data, for light and for dark pages.

    Args:
        draw_to: draws it.
        caption: stands below it.
        classes: CSS classes.
        alternative: text for those who cannot see it; the caption where it is empty.
    """
    light, dark = _data_uri(draw_to, LIGHT), _data_uri(draw_to, DARK)
    text = f'<p class="quiet small">{escape(caption)}</p>' if caption else ""
    return (
        f'<figure class="{classes}"><picture><source srcset="{dark}" media="(prefers-color-scheme: dark)">'
        f'<img src="{light}" alt="{escape(alternative or caption)}"></picture></figure>{text}'
    )


def _data_uri(draw_to: Draw, theme: Theme) -> str:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "figure.svg"
        draw_to(path, theme)
        return "data:image/svg+xml;base64," + base64.b64encode(path.read_bytes()).decode("ascii")
