"""Search spaces by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from search_spaces.base import SearchSpace
from search_spaces.errors import SpaceError, suggestion
from search_spaces.scale_permuted import ScalePermutedSpace
from search_spaces.toy import toy_space

SPACES: dict[str, Callable[..., SearchSpace]] = {"spinenet": ScalePermutedSpace, "toy": toy_space}


def build(name: str, **settings: Any) -> SearchSpace:
    """The space called ``name``, with ``settings`` (fields of :class:`ScalePermutedSpace`) over its defaults.

    Raises:
        SpaceError: an unknown name or setting, or a setting out of range.
    """
    if name not in SPACES:
        raise SpaceError(f"unknown space {name!r}{suggestion(name, SPACES)}; there are: {', '.join(sorted(SPACES))}.")
    try:
        return SPACES[name](name=name, **settings)
    except TypeError as error:
        raise SpaceError(f"space {name}: {error}.") from None
