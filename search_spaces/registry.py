"""Search spaces by name."""

from __future__ import annotations

from collections.abc import Callable
from difflib import get_close_matches
from typing import Any

from search_spaces.base import SearchSpace
from search_spaces.errors import SpaceError
from search_spaces.scale_permuted import ScalePermutedSpace
from search_spaces.toy import toy_space

SPACES: dict[str, Callable[..., SearchSpace]] = {"spinenet": ScalePermutedSpace, "toy": toy_space}


def build(name: str, **settings: Any) -> SearchSpace:
    """The space called ``name``, with ``settings`` (fields of :class:`ScalePermutedSpace`) over its defaults.

    Raises:
        SpaceError: an unknown name or setting, or a setting out of range.
    """
    if name not in SPACES:
        raise SpaceError(f"unknown space {name!r}{_suggest(name)}; there are: {', '.join(sorted(SPACES))}.")
    try:
        return SPACES[name](name=name, **settings)
    except TypeError as error:
        raise SpaceError(f"space {name}: {error}.") from None


def _suggest(name: str) -> str:
    close = get_close_matches(name, SPACES, n=1)
    return f" (did you mean {close[0]!r}?)" if close else ""
