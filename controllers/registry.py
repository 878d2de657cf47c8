"""Controllers by kind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from controllers.base import Controller
from search_spaces.base import SearchSpace
from search_spaces.kinds import Kind, check_settings, find
from search_spaces.settings import integer

CONTROLLERS: Mapping[str, Kind] = {
    "ppo": Kind("controllers.ppo:Ppo", "controllers.policy_gradient:PolicyGradient"),
    "random": Kind("controllers.random_search:RandomSettings", "controllers.random_search:RandomSearch"),
    "reinforce": Kind("controllers.reinforce:Reinforce", "controllers.policy_gradient:PolicyGradient"),
}
"""Kind -> its settings, and what makes a controller from space, seed and settings."""


def build(kind: str, space: SearchSpace, seed: int = 0, **settings: Any) -> Controller:
    """A controller of a kind of ``CONTROLLERS``, with ``settings`` (fields of its dataclass) over the defaults.

    Raises:
        ConfigError: an unknown kind or setting, a value of the wrong type or out of range, or a seed that is not 0, 1,
            2, ...
    """
    row = find("controller", CONTROLLERS, kind)
    integer("seed", seed, 0)
    controller: Controller = row.maker(space, seed, check_settings("controller", row, settings))
    return controller
