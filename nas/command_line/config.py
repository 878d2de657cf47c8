"""From the command line to a checked, plain configuration, which Hydra composes.

Hydra's own errors speak of Hydra's inside, so overrides are checked here first, against the composed defaults, and
every refusal is one sentence. A part that is a user's own file, or that comes from an earlier record, is put into
Hydra's store and composed like a shipped one, so that overrides go on top of it in the same way.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from hydra import compose, initialize_config_module
from hydra.core.config_store import ConfigStore
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from nas.command_line.checks import check_key, check_types
from nas.command_line.part_files import (
    BORROWED,
    FOLDER,
    default_choices,
    examples_of,
    is_own_file,
    kinds_of,
    part_names,
    parts,
    read_own_file,
)
from nas.command_line.paths import PATHS, TEXTS, check_paths, literal, path_argument, text_argument
from search_spaces.errors import ConfigError, first_line, suggestion

Config = dict[str, Any]


def load_config(command: str, arguments: Sequence[str], earlier: Mapping[str, Any] | None = None) -> Config:
    """The configuration of a command: its YAML file, the chosen parts, the overrides.

    It is self-contained: a part that is a user's own file is in it in full.

    Args:
        command: a file of ``nas/conf`` without its ending, for example ``"search"``.
        arguments: overrides, ``"key=value"``, ``"part=name"`` or ``"part=file.yaml"``.
        earlier: a configuration to go on with; only what ``arguments`` name differs from it.

    Raises:
        ConfigError: an override is malformed, names an unknown key or part, or has the wrong type; or a user's own
            file cannot be used.
    """
    overrides = [_parse(argument) for argument in arguments]
    defaults, earlier = default_choices(command), earlier or {}
    chosen = {one.key_or_group: one for one in overrides if one.key_or_group in defaults}
    settings = [override for override in overrides if override.key_or_group not in defaults]
    picks = [pick for part in defaults if (pick := _pick(part, chosen.get(part), earlier.get(part)))]
    before = _compose(command, picks)
    examples = {key: _examples(key, value) if key in defaults else value for key, value in before.items()}
    _check_own_files(chosen, before, examples)
    for override in settings:
        check_key(override.key_or_group, override.value(), before, defaults)
    config = _compose(command, [*picks, *(str(override.input_line) for override in settings)])
    check_types(config, examples)
    check_paths(config)
    named = {override.key_or_group for override in overrides}
    kept = {key: value for key, value in earlier.items() if key not in defaults}
    return _gone_on_with(config, kept, named)


def to_yaml(config: Mapping[str, Any]) -> str:
    """The configuration as YAML, keys in order."""
    return yaml.safe_dump(dict(config), sort_keys=False, default_flow_style=None, width=110)


def help_text(command: str) -> str:
    """The command's YAML file, the choices of its parts, and the settings of each part's default."""
    sections = [(FOLDER / f"{command}.yaml").read_text(encoding="utf-8").rstrip()]
    for part, default in default_choices(command).items():
        choices = " | ".join([*part_names(part), "FILE.yaml"])
        if default is None:
            sections.append(f"{part}=null | {choices}   (settings as those of {BORROWED[part]}, as {part}.KEY=VALUE)")
            continue
        text = (FOLDER / part / f"{default}.yaml").read_text(encoding="utf-8").rstrip()
        indented = "\n".join(f"  {line}" for line in text.splitlines())
        sections.append(f"{part}={choices}   (settings of {default}, as {part}.KEY=VALUE)\n{indented}")
    if len(sections) > 1:
        sections.append(
            "FILE.yaml is a file of your own, with kind and the settings that differ from that kind's defaults."
        )
    return "\n\n".join(sections)


def _parse(argument: str) -> Override:
    if "=" not in argument or argument.startswith("-"):
        raise ConfigError(f"argument {argument!r} is not understood; give key=value, or --help for the keys.")
    key, _, value = argument.partition("=")
    try:
        override = OverridesParser.create().parse_override(
            path_argument(argument)
            if key in PATHS or _names_own_file(key, value)
            else text_argument(argument)
            if key in TEXTS
            else argument
        )
    except HydraException:
        raise ConfigError(
            f"argument {argument!r} cannot be parsed; quote a value with special characters: '{key}=\"...\"'."
        ) from None
    if override.is_add() or override.is_delete() or override.is_sweep_override():
        raise ConfigError(
            f"argument {argument!r}: adding, deleting and sweeping keys are not supported; give key=value."
        )
    return override


def _gone_on_with(config: Mapping[str, Any], earlier: Mapping[str, Any], named: set[str], above: str = "") -> Config:
    """The settings with the earlier ones in their place, but for those that are named (``finalists.count``)."""
    result = {**earlier, **config}
    for key in earlier.keys() - {name.removeprefix(above) for name in named}:
        here, there = config.get(key), earlier[key]
        if isinstance(here, Mapping) and isinstance(there, Mapping):
            there = _gone_on_with(here, there, named, f"{above}{key}.")
        result[key] = there
    return result


def _names_own_file(key: str, value: str) -> bool:
    return key in (*parts(), *BORROWED) and is_own_file(value.strip("'\" "))


def _pick(part: str, override: Override | None, earlier: Mapping[str, Any] | None) -> str | None:
    """What tells Hydra which settings the part has; None leaves the command's default."""
    if override is None:
        return None if earlier is None else _store(part, literal(earlier))
    choice, names = override.value(), part_names(part)
    if choice is None and part in BORROWED:
        return None
    if is_own_file(choice):
        return _store(part, read_own_file(part, Path(str(choice)).expanduser()))
    if choice not in names:
        raise ConfigError(
            f"unknown {part} {choice!r}{suggestion(choice, names)}; there are: {', '.join(names)}, "
            f"or give a file of your own: {part}=FILE.yaml."
        )
    return f"{_group(part)}={choice}"


def _store(part: str, settings: Mapping[str, Any]) -> str:
    name = f"given_as_{part}"
    ConfigStore.instance().store(group=BORROWED.get(part, part), name=name, node=OmegaConf.create(dict(settings)))
    return f"{_group(part)}={name}"


def _group(part: str) -> str:
    """What Hydra calls the choice of a part."""
    return f"{BORROWED[part]}@{part}" if part in BORROWED else part


def _compose(command: str, overrides: list[str]) -> Config:
    try:
        with initialize_config_module("nas.conf", version_base="1.3"):
            config = OmegaConf.to_container(compose(command, overrides), resolve=True)
    except (HydraException, OmegaConfBaseException) as error:
        key = getattr(error, "full_key", None)
        at = f" at {key}" if key else ""
        raise ConfigError(f"the configuration cannot be composed{at}: {first_line(error)}") from None
    assert isinstance(config, dict)
    return {str(key): value for key, value in config.items()}


def _examples(part: str, settings: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """Examples of the types of a part's settings; None for a part that is null."""
    if settings is None:
        return None
    kind = settings.get("kind")
    return examples_of(part, kind) if kind in kinds_of(part) else settings


def _check_own_files(chosen: Mapping[str, Override], config: Config, examples: Config) -> None:
    for part, override in chosen.items():
        if is_own_file(override.value()):
            try:
                check_types(config[part], examples[part], part)
            except ConfigError as error:
                raise ConfigError(f"{part} file {override.value()}: {error}") from None
