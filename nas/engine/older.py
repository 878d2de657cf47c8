"""Records of earlier versions, in today's terms.

A part of a configuration (space, controller, proxy, data, runner) once had a ``name`` alone, which said what it was.
Today ``kind`` says that, and ``name`` is a label. A search once ended with its last trial, its reward was AP, and a
training had fewer settings.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, TypeGuard

from proxies.reward import RewardSettings

PARTS = ("space", "controller", "proxy", "data", "runner")
WITHOUT_CHECKS = {"references": [], "finalists": {"count": 0}, "recommend": {"measure": False}}
"""What an earlier version did beside the trials, in today's settings: nothing."""
ADDED_TO_TRAININGS = {"statistics_images": 0, "statistics_batch_size": 128, "compare_statistics": False}
ADDED_TO_SCALINGS = {"repeats": 1, "separable": False, "stochastic_depth": 0.0, "convention": "tpu"}
"""Settings that were added since -> what there was before them."""
TRAININGS = ("detection", "loss")
"""Kinds of proxies that train."""
_RENAMED = {("space", "spinenet"): "scale_permuted", ("space", "toy"): "scale_permuted"}


def is_older(config: Mapping[str, Any]) -> bool:
    """Whether a session's configuration was recorded by a version whose parts had no kind."""
    return any(_has_no_kind(config.get(part)) for part in PARTS)


def current_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """A recorded configuration in today's terms: every part has a kind, and all settings that such a part has."""
    with_kinds = {key: _with_kind(key, value) if _has_no_kind(value) else value for key, value in config.items()}
    return {key: _completed(value) for key, value in with_kinds.items()}


def current_identity(recorded: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any]:
    """A recorded identity in the terms of the one that it is compared with.

    Where the wanted one has a part's kind and the recorded one has none, the recorded part gets its kind and loses its
    name: an identity says what a search is made of, not what that is called. Settings that were added since get the
    value that they had before there were any.
    """
    result = {**({"reward": asdict(RewardSettings())} if "reward" in wanted else {}), **recorded}
    for part in PARTS:
        mine, yours = recorded.get(part), wanted.get(part)
        if _has_no_kind(mine) and isinstance(yours, Mapping) and "kind" in yours:
            result[part] = {key: value for key, value in _with_kind(part, mine).items() if key != "name"}
    return {part: _completed(settings) for part, settings in result.items()}


def _has_no_kind(part: Any) -> TypeGuard[Mapping[str, Any]]:
    return isinstance(part, Mapping) and "name" in part and "kind" not in part


def _completed(settings: Any) -> Any:
    """The settings of a part with those that were added to its kind since; what is no such part stays as it is."""
    if not isinstance(settings, Mapping) or settings.get("kind", settings.get("name")) not in TRAININGS:
        return settings
    result = {**settings, **{**ADDED_TO_TRAININGS, **settings}}
    if "scaling" in settings:
        result["scaling"] = {**settings["scaling"], **{**ADDED_TO_SCALINGS, **settings["scaling"]}}
    return result


def _with_kind(part: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    name = settings["name"]
    return {"kind": _RENAMED.get((part, name), name), **settings}
