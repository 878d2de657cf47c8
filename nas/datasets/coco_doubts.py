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
    """Boxes of numbers from 0 to 1 in a picture of more than one pixel, whichever four numbers they are meant as."""
    found = [row for row in annotations if _from_0_to_1(row["bbox"]) and _has_more(images[row["image_id"]])]
    if found:
        first = found[0]
        count = "all boxes" if len(found) == len(annotations) else f"{len(found):,} of {len(annotations):,} boxes"
        yield (
            f"{count} consist of numbers from 0 to 1, for example annotation {first['id']} with bbox "
            f"{shown_value(first['bbox'])}; if they are fractions of the picture's width and height, multiply them, "
            f"since COCO's boxes are x, y, width and height in pixels"
        )


def _from_0_to_1(bbox: Sequence[float]) -> bool:
    """Also where the last two numbers are another corner; an empty box is a placeholder and says nothing."""
    x, y, width, height = bbox
    return 0 <= x <= 1 and 0 <= y <= 1 and 0 < width <= 1 and 0 < height <= 1


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
            f"to 0 to 255 by the depth, or the range, of each file"
        )
