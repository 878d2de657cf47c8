"""From the command line to a checked, plain configuration: all that knows Hydra and OmegaConf.

Hydra composes the YAML files of ``nas/conf``. Its own errors speak of Hydra's inside, so overrides are checked here
first, against the composed defaults, and every refusal is one sentence.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import yaml
from hydra import compose, initialize_config_module
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

import proxies
from proxies.base import Proxy
from search_spaces.errors import ConfigError, suggestion

FOLDER = Path(__file__).parent / "conf"
Config = dict[str, Any]


def load_config(command: str, arguments: Sequence[str], earlier: Mapping[str, Any] | None = None) -> Config:
    """The configuration of a command: its YAML file, the chosen parts, the overrides.

    Args:
        command: a file of ``nas/conf`` without its ending, for example ``"search"``.
        arguments: overrides, ``"key=value"`` or ``"part=name"``.
        earlier: a configuration to go on with; only what ``arguments`` name differs from it.

    Raises:
        ConfigError: an override is malformed, names an unknown key or part, or has the wrong type.
    """
    overrides = [_parse(argument) for argument in arguments]
    parts = {path.name for path in FOLDER.iterdir() if path.is_dir() and path.name != "__pycache__"}
    used = parts & set(_defaults(command))
    chosen = [override for override in overrides if override.key_or_group in used]
    for override in chosen:
        _check_part(override)
    defaults = _compose(command, [str(override.input_line) for override in chosen])
    for override in overrides:
        if override not in chosen:
            _check_key(override, defaults)
    config = _compose(command, [str(override.input_line) for override in overrides])
    _check_types(config, defaults, prefix="")
    return config if earlier is None else _overlay(earlier, config, [one.key_or_group for one in overrides])


def _overlay(earlier: Mapping[str, Any], config: Config, paths: Sequence[str]) -> Config:
    """``earlier`` with the values at ``paths`` (``"samples"``, ``"space.stem"``) taken from ``config``."""
    result = copy.deepcopy(dict(earlier))
    for path in paths:
        *parents, last = path.split(".")
        source, target = config, result
        for parent in parents:
            source, target = source[parent], target.setdefault(parent, {})
        target[last] = source[last]
    return result


def part_names(part: str) -> list[str]:
    """The choices of a part, for example the controllers."""
    return sorted(path.stem for path in (FOLDER / part).glob("*.yaml"))


def help_text(command: str) -> str:
    """The command's YAML file, the choices of its parts, and the settings of each part's default."""
    sections = [(FOLDER / f"{command}.yaml").read_text(encoding="utf-8").rstrip()]
    for part, default in _defaults(command).items():
        text = (FOLDER / part / f"{default}.yaml").read_text(encoding="utf-8").rstrip()
        indented = "\n".join(f"  {line}" for line in text.splitlines())
        sections.append(
            f"{part}={' | '.join(part_names(part))}   (settings of {default}, as {part}.KEY=VALUE)\n{indented}"
        )
    return "\n\n".join(sections)


def proxy_factory(config: Config) -> Callable[[], Proxy]:
    """What builds the proxy of a search's configuration, in this process or, pickled, in a worker."""
    settings = dict(config["proxy"])
    if settings["name"] == "synthetic":
        return partial(proxies.build, **settings, space=config["space"])
    data = dict(config["data"])
    return partial(proxies.build, **settings, cache_dir=data.pop("cache_dir"), data=data)


def to_yaml(config: Mapping[str, Any]) -> str:
    """The configuration as YAML, keys in order."""
    return yaml.safe_dump(dict(config), sort_keys=False, default_flow_style=None, width=110)


def _defaults(command: str) -> dict[str, str]:
    """Part -> default choice, from the command's defaults list."""
    entries = yaml.safe_load((FOLDER / f"{command}.yaml").read_text(encoding="utf-8")).get("defaults", [])
    return {part: name for entry in entries if isinstance(entry, dict) for part, name in entry.items()}


def _parse(argument: str) -> Override:
    if "=" not in argument or argument.startswith("-"):
        raise ConfigError(f"argument {argument!r} is not understood; give key=value, or --help for the keys.")
    try:
        override = OverridesParser.create().parse_override(argument)
    except HydraException:
        key = argument.partition("=")[0]
        raise ConfigError(
            f"argument {argument!r} cannot be parsed; quote a value with special characters: '{key}=\"...\"'."
        ) from None
    if override.is_add() or override.is_delete() or override.is_sweep_override():
        raise ConfigError(
            f"argument {argument!r}: adding, deleting and sweeping keys are not supported; give key=value."
        )
    return override


def _check_part(override: Override) -> None:
    part, name = override.key_or_group, str(override.value())
    names = part_names(part)
    if name not in names:
        raise ConfigError(f"unknown {part} {name!r}{suggestion(name, names)}; there are: {', '.join(names)}.")


def _check_key(override: Override, defaults: Config) -> None:
    path = override.key_or_group.split(".")
    if path[-1] == "name" and len(path) == 2:
        raise ConfigError(f"{override.key_or_group} cannot be set; choose with {path[0]}=NAME.")
    node: Any = defaults
    for depth, key in enumerate(path):
        if not isinstance(node, dict) or key not in node:
            above = ".".join(path[:depth])
            known = [f"{above}.{name}" if above else str(name) for name in node] if isinstance(node, dict) else []
            wanted = ".".join(path[: depth + 1])
            allowed = f"allowed: {', '.join(sorted(known))}" if known else f"{above} has no keys of its own"
            raise ConfigError(f"unknown key {wanted!r}{suggestion(wanted, known)}; {allowed}.")
        node = node[key]
    if isinstance(node, dict) and not isinstance(override.value(), dict):
        raise ConfigError(f"{override.key_or_group} is a group of settings; set one of: {', '.join(node)}.")


def _compose(command: str, overrides: list[str]) -> Config:
    try:
        with initialize_config_module("nas.conf", version_base="1.3"):
            config = OmegaConf.to_container(compose(command, overrides), resolve=True)
    except (HydraException, OmegaConfBaseException) as error:
        raise ConfigError(f"the configuration cannot be composed: {str(error).splitlines()[0]}") from None
    assert isinstance(config, dict)
    return {str(key): value for key, value in config.items()}


def _check_types(value: Any, default: Any, prefix: str) -> None:
    """A value must have its default's type; a null default takes any plain value, and what it builds checks further."""
    if isinstance(default, dict) and isinstance(value, dict):
        for key, inner in value.items():
            _check_types(inner, default.get(key), f"{prefix}.{key}" if prefix else str(key))
        return
    if isinstance(value, float) and not math.isfinite(value):
        raise ConfigError(f"{prefix} is {value}; it must be finite.")
    if default is None:
        return
    kinds: dict[type, tuple[str, tuple[type, ...]]] = {
        bool: ("true or false", (bool,)),
        int: ("an integer", (int,)),
        float: ("a number", (int, float)),
        str: ("a text", (str,)),
        list: ("a list", (list,)),
        dict: ("a group of settings", (dict,)),
    }
    name, allowed = kinds[type(default)]
    if not isinstance(value, allowed) or (isinstance(value, bool) and not isinstance(default, bool)):
        found = "null" if value is None else repr(value)
        raise ConfigError(f"{prefix} is {found}; it must be {name}, for example {default!r}.")
    if isinstance(default, list) and isinstance(value, list) and default:
        for position, inner in enumerate(value):
            _check_types(inner, default[0], f"{prefix}[{position}]")
