"""What may be meant otherwise in a COCO-format data set, though it can be read: said in a warning."""

from __future__ import annotations

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from nas.datasets.coco_entries import ImageEntry
from nas.datasets.coco_files import Header
from nas.datasets.quoting import shown_value
from nas.words import plural

_LISTED = 5


def doubts(
    categories: Sequence[Mapping[str, Any]],
    annotations: Sequence[Mapping[str, Any]],
    images: Mapping[int, ImageEntry],
    headers: Iterable[Header],
) -> Iterator[str]:
    """Sentences without their full stop."""
    yield from _names_alike(categories)
    yield from _fractions(annotations, images)
    yield from _deep(headers)


def _names_alike(categories: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Categories whose names differ in nothing, or in upper case, white space and Unicode's notations alone."""
    groups: defaultdict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for row in categories:
        groups[" ".join(unicodedata.normalize("NFKC", row["name"]).casefold().split())].append(row)
    alike = [rows for rows in groups.values() if len(rows) > 1]
    for rows in alike[:_LISTED]:
        names = " and ".join(dict.fromkeys(shown_value(row["name"]) for row in rows))
        ids = ", ".join(str(row["id"]) for row in rows[:_LISTED]) + (", ..." if len(rows) > _LISTED else "")
        yield f"{len(rows)} categories are called {names} (ids {ids}); each is a class of its own"
    if len(alike) > _LISTED:
        yield f"{len(alike) - _LISTED} more names are shared by several categories"


def _fractions(annotations: Sequence[Mapping[str, Any]], images: Mapping[int, ImageEntry]) -> Iterator[str]:
    """Boxes that end within the first pixel of a picture that has more than one."""
    found = [row for row in annotations if _within_a_pixel(row["bbox"]) and _has_more(images[row["image_id"]])]
    if found:
        first = found[0]
        count = "all boxes" if len(found) == len(annotations) else f"{len(found):,} of {len(annotations):,} boxes"
        yield (
            f"{count} lie within the first pixel of their picture, for example annotation {first['id']} with bbox "
            f"{shown_value(first['bbox'])}; if they are fractions of its width and height, multiply them, since COCO's "
            f"boxes are in pixels"
        )


def _within_a_pixel(bbox: Sequence[float]) -> bool:
    x, y, width, height = bbox
    return x >= 0 and y >= 0 and x + width <= 1 and y + height <= 1


def _has_more(image: ImageEntry) -> bool:
    return image.width > 1 and image.height > 1


def _deep(headers: Iterable[Header]) -> Iterator[str]:
    """Pictures of more than 8 bits, which are brought to 8."""
    modes = Counter(header.deep_mode for header in headers if header.deep_mode)
    if modes:
        count = plural(modes.total(), "picture")
        verb = "has" if modes.total() == 1 else "have"
        yield (
            f"{count} {verb} more than 8 bits a channel (mode {', '.join(sorted(modes))}); their values were brought "
            f"to 0 to 255 by the range of each file"
        )
