"""From a configuration to what a search alone has: its settings, references and reward, and what it recommends."""

from __future__ import annotations

from collections.abc import Iterable

import search_spaces
from nas.command_line.config import Config
from nas.engine.check import Reference
from nas.engine.settings import FinalistSettings, SearchSettings
from nas.reporting.recommendation import RecommendSettings
from proxies.base import Proxy
from proxies.reward import Reward, RewardSettings
from search_spaces.errors import ArchitectureError, ConfigError
from search_spaces.settings import SettingError, build_settings


def search_settings(config: Config) -> SearchSettings:
    """The settings of the search, which lie at the top of the configuration; ``retries`` is in the runner's part.

    Raises:
        ConfigError: a value has the wrong type or is out of range, or a reference is not known.
    """
    values = {key: config[key] for key in ("samples", "seed", "failed_reward", "max_duplicates", "keep")}
    values["prefilter"] = config["prefilter"] and config["prefilter"]["name"]
    finalists = build_settings(FinalistSettings, config["finalists"], "finalists")
    references = tuple(map(_reference, config["references"]))
    retries = config["runner"].get("retries", 0)
    try:
        return SearchSettings(**values, retries=retries, finalists=finalists, references=references)
    except SettingError as error:
        raise (error.under("runner") if error.name == "retries" else error) from None


def make_reward(config: Config) -> Reward:
    """What a controller is told, of a configuration with ``reward``.

    Raises:
        ConfigError: a value has the wrong type or is out of range.
    """
    return Reward(build_settings(RewardSettings, config["reward"], "reward"))


def recommend_settings(config: Config) -> RecommendSettings:
    """What a search recommends, of a configuration with ``recommend``.

    Raises:
        ConfigError: a value has the wrong type or is out of range.
    """
    return build_settings(RecommendSettings, config["recommend"], "recommend")


def check_references(references: Iterable[Reference], proxy: Proxy) -> None:
    """Check that the proxy can build every reference; nothing is trained.

    Raises:
        ConfigError: it cannot; the sentence names the reference.
    """
    for one in references:
        try:
            proxy.check(one.architecture)
        except ConfigError as error:
            raise ConfigError(
                f"references: {one.name} cannot be built with the settings of the proxy, so leave it out of "
                f"references or change them: {error}"
            ) from None


def _reference(name: str) -> Reference:
    try:
        return Reference(name, search_spaces.load(name))
    except ArchitectureError as error:
        raise ConfigError(f"references: {error}") from None
