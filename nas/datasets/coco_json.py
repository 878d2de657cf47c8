"""A COCO-format annotation file as text from outside: parsed, or refused in one sentence."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from nas.datasets.quoting import shown_name, shown_value
from search_spaces.errors import DataError

_LISTS = ("images", "annotations", "categories")
_READ = frozenset(
    (
        *_LISTS,
        *("id", "file_name", "width", "height", "name"),
        *("image_id", "category_id", "bbox", "area", "iscrowd", "segmentation", "size", "counts"),
    )
)
"""Keys that mean something here."""


class _TwoValues(ValueError):
    """A key has two values in one object."""


def parse_json(path: Path, content: bytes) -> dict[str, Any]:
    """The file's top-level object. UTF-8, UTF-16 and UTF-32 are read, with a byte order mark or without.

    Raises:
        DataError: not JSON, nested too deeply, a number that is too long, a key with two values, or not an object with
            the lists ``images``, ``annotations`` and ``categories``.
    """
    try:
        raw = json.loads(content, object_pairs_hook=_to_dict)
    except json.JSONDecodeError as error:
        raise _not_json(path, f"line {error.lineno}: {error.msg}") from None
    except UnicodeDecodeError as error:
        raise _not_json(
            path,
            f"it is not a text file in UTF-8: byte {error.start} is 0x{content[error.start]:02x}; save it as UTF-8",
        ) from None
    except RecursionError:
        raise _not_json(path, "its lists and objects are nested too deeply to be annotations") from None
    except _TwoValues as error:
        raise DataError(f"annotation file {shown_name(path)} {error}.") from None
    except ValueError:  # Python's limit of digits
        raise _not_json(path, "it holds a number of thousands of digits") from None
    for key in _LISTS:
        if not isinstance(raw, dict) or not isinstance(raw.get(key), list):
            raise DataError(
                f"annotation file {shown_name(path)} has the wrong structure: it must be an object with the lists "
                f"'images', 'annotations' and 'categories', and {key!r} is missing or is not a list."
            )
    return raw


def _not_json(path: Path, reason: str) -> DataError:
    return DataError(f"annotation file {shown_name(path)} is not JSON ({reason}).")


def _to_dict(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object; a key that comes twice must have the same value, or be none of those that are read.

    Raises:
        _TwoValues: two values of one key.
    """
    result = dict(pairs)
    if len(result) < len(pairs):
        for key, value in pairs:
            if key in _READ and value != result[key]:
                both = f"{shown_value(value)} and {shown_value(result[key])}"
                raise _TwoValues(f"gives the key {key!r} twice in one object, with the values {both}; one must go")
    return result
