"""Controllers by name."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import fields
from typing import Any

from controllers.base import Controller
from controllers.policy_gradient import PolicyGradient
from controllers.ppo import Ppo
from controllers.random_search import RandomSearch, RandomSettings
from controllers.reinforce import Reinforce
from search_spaces.base import SearchSpace
from search_spaces.errors import ControllerError, suggestion

CONTROLLERS: dict[str, tuple[type, Callable[[SearchSpace, int, Any], Controller]]] = {
    "ppo": (Ppo, PolicyGradient),
    "random": (RandomSettings, RandomSearch),
    "reinforce": (Reinforce, PolicyGradient),
}
"""Name -> its settings dataclass, and what makes a controller from space, seed and settings."""


def build(name: str, space: SearchSpace, seed: int = 0, **settings: Any) -> Controller:
    """The controller called ``name``, with ``settings`` (fields of its settings dataclass) over the defaults.

    Raises:
        ControllerError: an unknown name or setting, a setting out of range, or a seed that is not 0, 1, 2, ...
    """
    if name not in CONTROLLERS:
        raise ControllerError(f"unknown controller {name!r}{_suggest(name, CONTROLLERS)}")
    settings_type, make = CONTROLLERS[name]
    allowed = [field.name for field in fields(settings_type)]
    for key in settings:
        if key not in allowed:
            raise ControllerError(f"controller {name}: unknown setting {key!r}{_suggest(key, allowed)}")
    if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
        raise ControllerError(f"controller {name}: seed is {seed!r}; it must be a whole number, 0 or more.")
    return make(space, seed, settings_type(**settings))


def _suggest(key: str, allowed: Iterable[str]) -> str:
    names = sorted(allowed)
    return f"{suggestion(key, names)}; there are: {', '.join(names)}." if names else "; it has no settings."
