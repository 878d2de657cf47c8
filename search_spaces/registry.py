"""Search spaces by kind, and the ones that have a name of their own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from search_spaces.base import SearchSpace
from search_spaces.kinds import Kind, check_settings, find
from search_spaces.toy import TOY

SPACES: Mapping[str, Kind] = {"scale_permuted": Kind("search_spaces.scale_permuted:ScalePermutedSpace")}
"""Kind -> the dataclass of its settings, which is the space itself."""

NAMED: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "spinenet": ("scale_permuted", {}),
    "toy": ("scale_permuted", TOY),
}
"""Name -> kind, and the settings that differ from that kind's defaults."""


def build(kind: str, name: str | None = None, **settings: Any) -> SearchSpace:
    """A space of a kind of ``SPACES``, or a space of ``NAMED``, with ``settings`` over its defaults.

    Args:
        kind: for example ``"spinenet"``, or ``"scale_permuted"``, whose defaults are SpineNet's.
        name: what the space is called; by default ``kind``.
        settings: fields of the kind's dataclass, for example of :class:`ScalePermutedSpace`.

    Raises:
        ConfigError: an unknown kind or setting, or a value of the wrong type.
        SpaceError: a setting is out of range.
    """
    find("space", {**SPACES, **NAMED}, kind)
    base, own = NAMED.get(kind, (kind, {}))
    space: SearchSpace = check_settings("space", SPACES[base], {**own, **settings, "name": name or kind})
    return space
