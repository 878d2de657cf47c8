"""data.html: what matters about a data set, on one page that opens anywhere without a network."""

from __future__ import annotations

import time
from collections.abc import Sequence
from html import escape
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nas.datasets.dataset import DetectionData
from nas.datasets.dropped import NAME, Dropped
from nas.datasets.facts import FINEST_LEVEL, Facts, choose_samples, find_facts, least_side
from nas.datasets.square import NOTHING_SAID, SquareData
from nas.disk import replacing
from nas.reporting.bars import BARS_STYLE, bars
from nas.reporting.markup import details, note, row, section
from nas.reporting.samples import SAMPLES_STYLE, samples_html
from nas.reporting.style import STYLE
from nas.words import moment, one_line, plural, printable
from search_spaces.errors import FileError

PAGE = "data.html"
SIZES = (64, 96, 128, 192, 256, 384, 512, 640, 896, 1280)
"""Image sizes at which what is too small is counted."""
MOST_CLASSES, MOST_DROPPED = 200, 50
_SIDES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048)
_SHARES = (1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.3)
_COUNTS = (1, 2, 3, 5, 9, 17, 33, 65, 129, 257)


def write_data_page(data: DetectionData, name: str, folder: Path, anchor_size: float) -> Path:
    """Write ``data.html`` into a folder, and the list of what was dropped beside it; the path of the page.

    Args:
        name: what the data set is called.
        anchor_size: of the detector that is to be trained, see :func:`nas.datasets.facts.least_side`.

    Raises:
        FileError: a file cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FileError(f"folder {folder} cannot be made: {error.strerror}; give another out=.") from None
    if data.dropped is not None:
        data.dropped.write(folder)
    path = folder / PAGE
    with replacing(path) as temporary:
        text = render_data_page(data, find_facts(data), name, anchor_size)
        temporary.write_text(printable(text), encoding="utf-8")
    return path


def render_data_page(data: DetectionData, facts: Facts, name: str, anchor_size: float) -> str:
    """The page as HTML; everything that comes from the data set is escaped."""
    about = data.about if isinstance(data, SquareData) else NOTHING_SAID
    parts = [
        _heading(data, name),
        _numbers(facts, anchor_size, about.dropped),
        note([f"{remark}." for remark in about.remarks], "note warning") if about.remarks else "",
        section("Pictures", samples_html(data, choose_samples(facts))),
        _classes(facts, anchor_size),
        _sizes(facts),
        _too_small(facts, anchor_size),
        _per_image(facts),
        _dropped(about.dropped),
    ]
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(name)}: data set</title>\n"
        f"<style>{STYLE}{BARS_STYLE}{SAMPLES_STYLE}</style>\n</head>\n<body>\n"
        + "\n".join(part for part in parts if part)
        + f"\n<footer>Written {moment(time.time())}.</footer>\n</body>\n</html>\n"
    )


def _heading(data: DetectionData, name: str) -> str:
    return (
        f"<header>\n<h1>{escape(one_line(name))}</h1>\n"
        f'<p class="state">{escape(one_line(data.source))}</p>\n'
        f'<p class="quiet small">fingerprint {escape(data.fingerprint)} at {data.image_size} px</p>\n</header>'
    )


def _numbers(facts: Facts, anchor_size: float, dropped: Dropped | None) -> str:
    without = int((facts.per_image == 0).sum())
    numbers: dict[str, str] = {
        "pictures": f"{len(facts.sizes):,}",
        "objects": f"{len(facts.labels):,}",
        "classes": f"{len(facts.class_names):,}",
        "objects a picture": f"{len(facts.labels) / max(len(facts.sizes), 1):.1f}",
        "pictures without object": f"{without:,}",
        f"objects too small at {facts.image_size} px": f"{_percent(facts.too_small(anchor_size))}",
    }
    if dropped is not None:
        numbers |= {"pictures dropped": f"{dropped.pictures:,}", "boxes dropped": f"{dropped.boxes:,}"}
    rows = "".join(f"<div><dt>{escape(label)}</dt><dd>{escape(value)}</dd></div>" for label, value in numbers.items())
    return f'<dl class="numbers">{rows}</dl>'


def _classes(facts: Facts, anchor_size: float) -> str:
    counts, small = facts.per_class, facts.too_small(anchor_size)
    pictures = np.bincount(
        np.unique(np.stack([facts.labels, facts.owners]), axis=1)[0], minlength=len(facts.class_names) + 1
    )[1:]
    small_of = np.bincount(facts.labels[small], minlength=len(facts.class_names) + 1)[1:]
    order = np.argsort(-counts, kind="stable")[:MOST_CLASSES].tolist()
    rows = [(one_line(facts.class_names[at]), int(counts[at])) for at in order]
    notes = [
        f"in {plural(int(pictures[at]), 'picture')}, {small_of[at] / max(counts[at], 1):.0%} too small" for at in order
    ]
    more = len(facts.class_names) - len(order)
    text = f"<p>{plural(more, 'class').replace('classs', 'classes')} more have fewer objects.</p>" if more > 0 else ""
    return section("Classes", bars(rows, notes) + text)


def _sizes(facts: Facts) -> str:
    sides = bars(_histogram(facts.sides, _SIDES, "{:g}", " px"))
    shares = bars(_histogram(facts.shares * 100, [100 * one for one in _SHARES], "{:g}", " %"))
    height, width = (_range(facts.sizes[:, axis]) for axis in (0, 1))
    body = f"<p>The pictures are {width} pixels wide and {height} high. "
    body += "The side of an object is the root of its box's area.</p>"
    body += f"<h3>Side in pixels of the picture</h3>{sides}<h3>Share of the picture</h3>{shares}"
    return section("Sizes of objects", body)


def _too_small(facts: Facts, anchor_size: float) -> str:
    smallest, least = anchor_size * 2**FINEST_LEVEL, least_side(anchor_size)
    rule = (
        f"The smallest anchors have a side of {smallest:g} px (anchor_size {anchor_size:g} times 2^{FINEST_LEVEL}). "
        f"An anchor takes an object from an intersection over union of 0.5 on. A box that covers less than half of "
        f"that square, a side below {least:.1f} px of the image trained on, reaches it with no anchor: only the "
        f"nearest anchor learns it, and it is seldom found. A larger image_size or a smaller anchor_size helps."
    )
    header = row([("image_size", "right"), ("too small", "right"), ("of all objects", "right")], "th")
    lines = []
    for size in sorted({*SIZES, facts.image_size}):
        small = facts.too_small(anchor_size, size)
        mark = f"{size} (chosen)" if size == facts.image_size else str(size)
        lines.append(row([(mark, "right"), (f"{int(small.sum()):,}", "right"), (_percent(small), "right")], "td"))
    table = f'<div class="scroll"><table><thead>{header}</thead><tbody>{"".join(lines)}</tbody></table></div>'
    return section("Too small to be learnt", f"<p>{escape(rule)}</p>{table}")


def _per_image(facts: Facts) -> str:
    counts = facts.per_image
    rows = [("0", int((counts == 0).sum())), *_histogram(counts[counts > 0], _COUNTS, "{:g}", "", whole=True)]
    return section("Objects in a picture", bars(rows))


def _dropped(dropped: Dropped | None) -> str:
    if dropped is None:
        return ""
    header = row([("fault", ""), ("picture", ""), ("entry", ""), ("what is wrong", "")], "th")
    shown = dropped.entries[:MOST_DROPPED]
    lines = "".join(
        row([(one_line(text), "") for text in (one.kind, one.picture, one.entry, one.reason)], "td") for one in shown
    )
    rest = f"<p>All {len(dropped.entries):,} are in {NAME}.</p>"
    table = f'<div class="scroll"><table class="settings"><thead>{header}</thead><tbody>{lines}</tbody></table></div>'
    return details("What was dropped", f"<p>{escape(dropped.sentence())}.</p>{table}{rest}")


def _histogram(
    values: NDArray[np.float64] | NDArray[np.int64],
    edges: Sequence[float],
    form: str,
    unit: str,
    whole: bool = False,
) -> list[tuple[str, int]]:
    """(label, count) of each stretch between edges, from the first that has a value to the last."""
    bins = np.searchsorted(np.asarray(edges), values, side="right")
    counts = np.bincount(bins, minlength=len(edges) + 1).tolist()
    used = [at for at, count in enumerate(counts) if count]
    if not used:
        return []
    return [(_stretch(edges, at, form, unit, whole), counts[at]) for at in range(used[0], used[-1] + 1)]


def _stretch(edges: Sequence[float], at: int, form: str, unit: str, whole: bool) -> str:
    """What the stretch between two edges is called; ``whole`` numbers end below the next edge."""
    if at == 0:
        return f"below {form.format(edges[0])}{unit}"
    low = form.format(edges[at - 1])
    if at == len(edges):
        return f"{low}{unit} and more"
    high = edges[at] - 1 if whole else edges[at]
    return f"{low}{unit}" if whole and high == edges[at - 1] else f"{low} to {form.format(high)}{unit}"


def _percent(chosen: NDArray[np.bool_]) -> str:
    return f"{chosen.mean():.1%}" if len(chosen) else "0.0%"


def _range(values: NDArray[np.int64]) -> str:
    low, high = int(values.min()), int(values.max())
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"
