"""Whether a detector and a data set speak of the same classes, and which label of the one is which of the other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nas.datasets.quoting import shown_name
from nas.words import plural
from search_spaces.errors import ConfigError

SHOWN = 5
"""Names that a sentence lists."""


@dataclass(frozen=True, slots=True, eq=False)
class ClassMap:
    """The detector's labels as the data set has them.

    Attributes:
        labels: [detector's classes with the background]; ``labels[i]`` is the data set's label of the detector's i, 0
            where the data set has no such class.
        remark: a sentence without its full stop about what was made of the classes; empty where they are the same.
    """

    labels: NDArray[np.int64]
    remark: str = ""

    def relabel(self, found: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Detections with the data set's labels; those of classes that it does not have are left out."""
        return [self._relabelled(one) for one in found]

    def _relabelled(self, found: Mapping[str, Any]) -> dict[str, Any]:
        labels = self.labels[np.asarray(found["labels"])]
        kept = np.flatnonzero(labels)
        rest = {key: value for key, value in found.items() if key != "labels"}
        return {"labels": labels[kept], **{key: _rows(value, kept) for key, value in rest.items()}}


def same_names(own: Sequence[str], others: Sequence[str], weights: str, data: str) -> ClassMap:
    """Map the classes of a detector to those of a data set by their names.

    Args:
        own: the detector's names, the first is label 1's.
        others: the data set's.
        weights, data: what the two are called in a sentence.

    Raises:
        ConfigError: the names are not the same; the sentence lists what differs.
    """
    if list(own) == list(others):
        return ClassMap(np.arange(len(own) + 1))
    if Counter(own) != Counter(others):
        raise ConfigError(f"{weights} and {data} have different classes: {_differences(own, others)}.")
    if len(set(own)) < len(own):
        twice = _quoted(Counter(own).most_common(1)[0][0])
        raise ConfigError(
            f"{weights} and {data} have the same classes in another order, and more than one is called {twice}, so "
            f"that nothing tells which is which."
        )
    places = {name: label for label, name in enumerate(others, start=1)}
    remark = f"{weights} and {data} have the same classes in another order; they were matched by name"
    return ClassMap(np.asarray([0, *(places[name] for name in own)]), remark)


def unnamed(count: int, category_ids: Sequence[int], weights: str, data: str) -> ClassMap:
    """Map the classes of a detector without class names: label i to the data set's i, or to its category i.

    Args:
        count: the detector's classes without the background.
        category_ids: of the data set, in the order of its labels.
        weights, data: what the two are called in a sentence.

    Raises:
        ConfigError: the numbers of classes do not allow either.
    """
    said = f"{weights}: the file does not name its classes ({count:,})"
    if count == len(category_ids):
        return ClassMap(np.arange(count + 1), f"{said}, which are taken to be those of {data} in their order")
    if count < max(category_ids) or min(category_ids) < 1:
        raise ConfigError(
            f"{said}, and {data} has {len(category_ids):,} with ids from {min(category_ids)} to {max(category_ids)}; "
            f"they must be as many, or be numbered by these ids."
        )
    labels = np.zeros(count + 1, dtype=np.int64)
    labels[list(category_ids)] = np.arange(1, len(category_ids) + 1)
    return ClassMap(labels, f"{said}, which are taken to be numbered by the category ids of {data}")


def _differences(own: Sequence[str], others: Sequence[str]) -> str:
    """What each side alone has; names that are spelt nearly alike are put together."""
    only_own, only_others = list((Counter(own) - Counter(others)).elements()), []
    alike = []
    for name in (Counter(others) - Counter(own)).elements():
        near = get_close_matches(name.casefold(), [one.casefold() for one in only_own], n=1, cutoff=0.75)
        match = next((one for one in only_own if near and one.casefold() == near[0]), None)
        if match is None:
            only_others.append(name)
        else:
            only_own.remove(match)
            alike.append(f"{_quoted(match)} and {_quoted(name)}")
    parts = [f"{len(own):,} and {len(others):,} of them"] if len(own) != len(others) else []
    parts += [f"spelt differently are {_some(alike)}"] if alike else []
    parts += [f"only the weights have {_some(list(map(_quoted, only_own)))}"] if only_own else []
    parts += [f"only the data set has {_some(list(map(_quoted, only_others)))}"] if only_others else []
    return "; ".join(parts)


def _some(texts: Sequence[str]) -> str:
    more = len(texts) - SHOWN
    return ", ".join(texts[:SHOWN]) + (f" and {plural(more, 'other')}" if more > 0 else "")


def _quoted(name: str) -> str:
    return f"'{shown_name(name)}'"


def _rows(value: Any, kept: NDArray[np.int64]) -> Any:
    return [value[row] for row in kept] if isinstance(value, list) else value[kept]
