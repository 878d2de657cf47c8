"""From a configuration to what a search alone has: its settings, references and reward, and what it recommends."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

import search_spaces
from nas.command_line.config import Config
from nas.engine.check import Reference
from nas.engine.settings import FinalistSettings, SearchSettings
from nas.reporting.recommendation import RecommendSettings
from proxies.base import Proxy
from proxies.reward import Reward, RewardSettings, count_full_size
from search_spaces.architecture import Architecture
from search_spaces.errors import ArchitectureError, ConfigError
from search_spaces.settings import SettingError, build_settings


def search_settings(config: Config, known: Mapping[str, Architecture] = MappingProxyType({})) -> SearchSettings:
    """The settings of the search, which lie at the top of the configuration; ``retries`` is in the runner's part.

    Args:
        config: of a search.
        known: references that the record holds, by name: their files are not read again.

    Raises:
        ConfigError: a value has the wrong type or is out of range, or a reference is not known.
    """
    values = {key: config[key] for key in ("samples", "seed", "failed_reward", "max_duplicates", "keep")}
    values["prefilter"] = config["prefilter"] and config["prefilter"]["name"]
    finalists = build_settings(FinalistSettings, config["finalists"], "finalists")
    references = tuple(_reference(name, known) for name in config["references"])
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


def check_parts(references: Sequence[Reference], proxy: Proxy, reward: Reward, recommend: RecommendSettings) -> None:
    """Check, before anything is trained, that the parts of a search go together.

    Raises:
        ConfigError: they do not.
    """
    check_references(references, proxy)
    check_measures(proxy, reward, recommend)
    if recommend.limits:
        for one in references:
            _check_size(one, recommend.image_size)


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


def check_measures(proxy: Proxy, reward: Reward, recommend: RecommendSettings) -> None:
    """Check, before anything is trained, that the proxy measures what reward and recommendation go by.

    Raises:
        ConfigError: it gives a score where AP is needed, or there is a limit and nothing that could be counted for it.
    """
    score = proxy.score_name()
    reward.check_score(score)
    for axis, bound in recommend.limits.items():
        key = f"recommend.max_{axis}"
        if score is not None:
            raise ConfigError(f"{key} is {bound:g}; it must be null where the proxy gives {score} and no AP.")
        if not proxy.has_detectors():
            raise ConfigError(f"{key} is {bound:g}; it must be null where the proxy builds no detectors.")


def _check_size(reference: Reference, image_size: int) -> None:
    try:
        count_full_size(reference.architecture, image_size)
    except ConfigError as error:
        raise ConfigError(
            f"recommend.image_size is {image_size}, and {reference.name} cannot be counted at it: {error}"
        ) from None


def _reference(name: str, known: Mapping[str, Architecture]) -> Reference:
    try:
        return Reference(name, known[name] if name in known else search_spaces.load(name))
    except ArchitectureError as error:
        raise ConfigError(f"references: {error}") from None
