"""The architectures of an audit: published ones, and random ones of the space."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from nas.studies.audit import LEAST_ARCHITECTURES, Candidate
from search_spaces.base import SearchSpace
from search_spaces.errors import ConfigError
from search_spaces.published import load

PAPER_AP: Mapping[str, float] = {"spinenet-49": 40.8, "r0-sp53": 40.7, "r23-sp30": 39.6, "r50-fpn": 37.8}
"""COCO AP in percent that the SpineNet paper gives for architectures trained alike (Du et al. 2020, Figure 4)."""


def candidates(space: SearchSpace, published: Sequence[str], count: int) -> list[Candidate]:
    """The published architectures, then ``random-0``, ``random-1``, ... until there are ``count``.

    ``random-n`` is the first uniform sample of a generator seeded with n.

    Raises:
        ConfigError: there are fewer than four, or a published one has no AP that compares with the others'.
        ArchitectureError: there is no published architecture of that name.
    """
    unknown = next((name for name in published if name not in PAPER_AP), None)
    if unknown is not None:
        raise ConfigError(f"published has {unknown!r}; allowed: {', '.join(PAPER_AP)}.")
    if count < max(LEAST_ARCHITECTURES, len(published)):
        raise ConfigError(
            f"architectures is {count}; an audit needs at least {LEAST_ARCHITECTURES} to rank them, and no fewer than "
            f"the {len(published)} published ones."
        )
    known = [Candidate(name, load(name), PAPER_AP[name]) for name in published]
    return [
        *known,
        *(
            Candidate(f"random-{number}", space.sample(np.random.default_rng(number)))
            for number in range(count - len(known))
        ),
    ]
