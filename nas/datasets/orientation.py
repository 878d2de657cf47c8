"""Whether the entries of a data set describe its pictures as stored or as shown, where EXIF turns them.

A picture with an orientation tag is turned, as every viewer does, unless its entry describes it as stored:

- Where turning swaps width and height, the entry's size tells. An entry with the size as stored is kept to, unless its
  boxes reach out of the stored picture and fit the shown one: then only its size was written without the tag.
- Where the size does not tell, in square pictures and those that are mirrored or upside down, the data set's other
  pictures with a tag decide: if more of their entries describe them as stored, these are read as stored as well. If
  there are none, or as many of either kind, the picture is turned.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from nas.datasets.coco_entries import ImageEntry
from nas.datasets.coco_files import Header
from nas.datasets.masks import Size
from nas.datasets.pixels import UPRIGHT
from nas.words import plural

EDGE_TOLERANCE = 1.0
"""Pixels that a box may reach over an edge."""

BBox = Sequence[float]


def orient(
    images: Mapping[int, ImageEntry], headers: Mapping[int, Header], annotations: Iterable[Mapping[str, Any]]
) -> tuple[dict[int, ImageEntry], str | None]:
    """The entries, each with the decision, and a sentence that says how many pictures carry a tag; None for none."""
    tagged = {key: header for key, header in headers.items() if header.orientation != UPRIGHT}
    if not tagged:
        return dict(images), None
    boxes = _boxes_of(tagged, annotations)
    told = {key: _told(images[key], header, boxes[key]) for key, header in tagged.items()}
    votes = [upright for upright in told.values() if upright is not None]
    usual = votes.count(True) >= votes.count(False)
    decided = {key: usual if upright is None else upright for key, upright in told.items()}
    oriented = {
        key: _apply(image, headers[key], decided[key]) if key in decided else image for key, image in images.items()
    }
    return oriented, _sentence(list(decided.values()), len(told) - len(votes), bool(votes))


def _boxes_of(tagged: Mapping[int, Header], annotations: Iterable[Mapping[str, Any]]) -> Mapping[int, list[BBox]]:
    boxes: defaultdict[int, list[BBox]] = defaultdict(list)
    for row in annotations:
        if row["image_id"] in tagged:
            boxes[row["image_id"]].append(row["bbox"])
    return boxes


def _told(image: ImageEntry, header: Header, boxes: list[BBox]) -> bool | None:
    """Whether size and boxes mean the picture as shown (True) or as stored; None where they do not tell."""
    size = (image.height, image.width)
    if header.stored_size == header.shown_size or size not in (header.stored_size, header.shown_size):
        return None
    if size == header.shown_size:
        return True
    return _fit(boxes, header.shown_size) and not _fit(boxes, header.stored_size)


def _fit(boxes: list[BBox], size: Size) -> bool:
    right, bottom = size[1] + EDGE_TOLERANCE, size[0] + EDGE_TOLERANCE
    return all(x + width <= right and y + height <= bottom for x, y, width, height in boxes)


def _apply(image: ImageEntry, header: Header, upright: bool) -> ImageEntry:
    """The decision; a size that was written without the tag is put right, any other wrong size stays to be named."""
    if upright and (image.height, image.width) == header.stored_size:
        return replace(image, height=header.shown_size[0], width=header.shown_size[1])
    return replace(image, upright=upright)


def _sentence(decided: list[bool], untold: int, have_votes: bool) -> str:
    turned, kept = decided.count(True), decided.count(False)
    parts = []
    if turned:
        parts.append(f"{turned:,} turned as viewers show them")
    if kept:
        parts.append(f"{kept:,} left as stored, as their entries describe them")
    if untold:
        reason = "the other entries decided" if have_votes else "nothing spoke against turning"
        parts.append(f"where the size does not tell which is meant ({plural(untold, 'picture')}), {reason}")
    verb = "carries" if len(decided) == 1 else "carry"
    return f"{plural(len(decided), 'picture')} {verb} an EXIF orientation: {'; '.join(parts)}"
