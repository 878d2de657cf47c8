"""Pictures divided into train and val: by seed, by groups that stay together, each class in both as far as possible."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

import numpy as np

from search_spaces.errors import ConfigError, DataError

_NO_CLASS = -1


def divide(
    names: Sequence[str], classes: Sequence[Sequence[int]], share: float, seed: int, groups: Sequence[str] | None = None
) -> tuple[bool, ...]:
    """Whether each picture belongs to val.

    Groups are sorted by the rarest class that they show, shuffled among those of the same one, and taken in turn so
    that of every stretch of them the wanted share goes to val. The result depends on names, classes and seed alone, not
    on the order in which the pictures are given.

    Args:
        names: of the pictures, each another one.
        classes: what each picture shows, a class for each object.
        share: of the pictures, for val; above 0 and below 1.
        seed: which ones.
        groups: what group each picture belongs to; None: each to its own.

    Raises:
        DataError: there are fewer than two groups.
    """
    members: defaultdict[str, list[int]] = defaultdict(list)
    for position, group in enumerate(names if groups is None else groups):
        members[group].append(position)
    if len(members) < 2:
        raise DataError(
            f"all {len(names)} pictures are of one group, so nothing can be divided; there must be two groups at least."
        )
    counts = Counter(one for shown in classes for one in shown)
    strata: defaultdict[int, list[str]] = defaultdict(list)
    for group in sorted(members):
        shown = {one for position in members[group] for one in classes[position]}
        strata[min(shown, key=lambda one: (counts[one], one), default=_NO_CLASS)].append(group)
    order = _shuffled(strata, counts, seed)
    chosen = _take(order, {group: len(positions) for group, positions in members.items()}, share)
    return tuple(group in chosen for group in (names if groups is None else groups))


def groups_of(names: Sequence[str], pattern: str) -> tuple[str, ...]:
    """The group of each file name: what the first group of a regular expression finds; a name without it is its own.

    Raises:
        ConfigError: the pattern is no regular expression with a group, or fits no name.
    """
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise ConfigError(f"group is {pattern!r}, which is no regular expression ({error}).") from None
    if not compiled.groups:
        raise ConfigError(
            f"group is {pattern!r}; it must have a group in brackets that names what stays together, "
            f"for example '(.*)_[0-9]+'."
        )
    found = [compiled.search(name) for name in names]
    if not any(found):
        raise ConfigError(
            f"group is {pattern!r}, which fits none of {len(names)} file names, for example {names[0]!r}."
        )
    return tuple(
        f"group {match[1]}" if match and match[1] is not None else f"picture {name}"
        for match, name in zip(found, names)
    )


def _shuffled(strata: Mapping[int, Sequence[str]], counts: Mapping[int, int], seed: int) -> list[str]:
    """The groups, those with the rarest classes first."""
    rng = np.random.default_rng(seed)
    rarest_first = sorted(strata, key=lambda one: (one == _NO_CLASS, counts.get(one, 0), one))
    return [strata[one][at] for one in rarest_first for at in rng.permutation(len(strata[one]))]


def _take(order: Sequence[str], sizes: Mapping[str, int], share: float) -> set[str]:
    """The groups for val: one is taken where that brings the number of pictures so far nearer to the share of them."""
    chosen, taken, wanted = set[str](), 0, 0.0
    for group in order:
        wanted += share * sizes[group]
        if taken + sizes[group] / 2 <= wanted:
            chosen.add(group)
            taken += sizes[group]
    smallest = min(order, key=lambda group: sizes[group])
    if not chosen:
        return {smallest}
    return chosen - {smallest} if len(chosen) == len(order) else chosen
