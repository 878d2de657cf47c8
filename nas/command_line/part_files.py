"""Files of the parts of a configuration: those of ``nas/conf``, and a user's own.

A part (space, controller, proxy, data, runner, prefilter) is a YAML file of settings. ``kind`` says what is built,
``name`` what it is called. A user's own file may leave settings out: they keep the values of the kind's defaults, which
are in the shipped file that :func:`defaults_of` gives. A shipped file may begin with another one of its part,
in Hydra's way: ``defaults: [zero_cost, _self_]``, and give what differs.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

import yaml
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import MarkedYAMLError, YAMLError

from nas.command_line.paths import check_path, path_values
from search_spaces.errors import ConfigError, first_line, suggestion
from search_spaces.kinds import find
from search_spaces.settings import as_yaml

FOLDER = Path(__file__).parents[1] / "conf"
ENDINGS = (".yaml", ".yml")
Settings = dict[str, Any]
BORROWED: Mapping[str, str] = {"prefilter": "proxy"}
"""Part that may be null -> the part whose files it takes."""


def commands() -> list[str]:
    """The commands that have settings."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


def parts() -> list[str]:
    """The parts that a configuration can have."""
    return sorted(path.name for path in FOLDER.iterdir() if any(path.glob("*.yaml")))


def part_names(part: str) -> list[str]:
    """The shipped choices of a part, for example the controllers."""
    return sorted(path.stem for path in (FOLDER / BORROWED.get(part, part)).glob("*.yaml"))


@cache
def kinds_of(part: str) -> list[str]:
    """The kinds of a part that the shipped files are of; each kind has at least one file."""
    return sorted({shipped(part, name)["kind"] for name in part_names(part)})


@cache
def default_choices(command: str) -> Mapping[str, str | None]:
    """Part -> the shipped choice that a command makes when it is given none (None for null), as its file has them."""
    entries = read_yaml(FOLDER / f"{command}.yaml", f"settings of {command}").get("defaults", [])
    pairs = (pair for entry in entries if isinstance(entry, dict) for pair in entry.items())
    return MappingProxyType({part.rpartition("@")[2]: name for part, name in pairs})


def defaults_of(part: str, kind: str) -> Settings:
    """The settings that a file of this kind starts from.

    They are in the shipped file that a command takes by default if it is of this kind, else in the one that bears the
    kind's name, else in the first one.
    """
    names = [name for name in part_names(part) if shipped(part, name)["kind"] == kind]
    chosen = {default_choices(command).get(BORROWED.get(part, part)) for command in commands()}
    first = min(names, key=lambda name: (name not in chosen, name != kind, name))
    return copy.deepcopy(shipped(part, first))


@cache
def examples_of(part: str, kind: str) -> Settings:
    """The defaults of a kind as examples of its settings' types; None where another shipped file has null.

    Not to be changed.
    """
    examples = defaults_of(part, kind)
    for name in part_names(part):
        if shipped(part, name)["kind"] == kind:
            _put_nulls(examples, shipped(part, name))
    return examples


def is_own_file(choice: object) -> bool:
    """Whether the choice of a part is the path of a user's own file, not a shipped name."""
    return isinstance(choice, str) and choice.endswith(ENDINGS)


def read_own_file(part: str, path: Path) -> Settings:
    """A user's own file, with the defaults of its kind for what it leaves out, and its name.

    The types of its values are for the caller to check, when interpolations have been resolved.

    Raises:
        ConfigError: there is no such file, it is no YAML file of settings, its kind is missing or unknown, or it has
            an unknown key. The sentence begins with the file.
    """
    check_path(f"{part} file", str(path))
    where = f"{part} file {path}"
    if not path.exists():
        raise ConfigError(f"{where}: there is no such file; without one there are: {', '.join(part_names(part))}.")
    settings = path_values(part, read_yaml(path, where), _as_written(path))
    kind = settings.get("kind")
    if kind is None:
        raise ConfigError(f"{where}: kind is missing; it says what is built: {', '.join(kinds_of(part))}.")
    try:
        find(f"{part} kind", dict.fromkeys(kinds_of(part)), kind)
    except ConfigError as error:
        raise ConfigError(f"{where}: {error}") from None
    defaults = defaults_of(part, kind)
    _check_keys(settings, defaults, where, "")
    name = settings.get("name", path.stem)
    if not isinstance(name, str) or not name:
        raise ConfigError(f"{where}: name is {as_yaml(name)}; it must be a text, or left out to be the file's name.")
    return {**_merged(defaults, settings), "name": name}


def read_yaml(path: Path, where: str) -> Settings:
    """A file of settings as YAML is read by Hydra; interpolations stay as they are.

    Raises:
        ConfigError: the file cannot be read, or holds no settings. The sentence begins with ``where``.
    """
    try:
        content = OmegaConf.to_container(OmegaConf.load(path), resolve=False)
    except MarkedYAMLError as error:
        line = f" in line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise ConfigError(f"{where}: it is not valid YAML{line} ({error.problem or error.context}).") from None
    except (OSError, UnicodeDecodeError, YAMLError, OmegaConfBaseException) as error:
        raise ConfigError(f"{where}: it cannot be read ({first_line(error, type(error).__name__)}).") from None
    if not isinstance(content, dict) or not content:
        raise ConfigError(f"{where}: it holds no settings; it must have lines of the form KEY: VALUE.")
    return {str(key): value for key, value in content.items()}


def _as_written(path: Path) -> Settings:
    """A file that :func:`read_yaml` has read, with every value as text."""
    written: Settings = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.BaseLoader)
    return written


@cache
def shipped(part: str, name: str) -> Settings:
    """A shipped file, with the settings of the file that it begins with; not to be changed."""
    settings = read_yaml(FOLDER / BORROWED.get(part, part) / f"{name}.yaml", f"{part} {name}")
    begun = [shipped(part, other) for other in settings.pop("defaults", []) if other != "_self_"]
    merged = OmegaConf.to_container(OmegaConf.merge(*begun, settings), resolve=False)
    assert isinstance(merged, dict)
    return {str(key): value for key, value in merged.items()}


def _check_keys(settings: Mapping[str, Any], defaults: Mapping[str, Any], where: str, prefix: str) -> None:
    for key, value in settings.items():
        path = f"{prefix}{key}"
        if key not in defaults:
            known = [f"{prefix}{name}" for name in defaults]
            raise ConfigError(
                f"{where}: unknown key {path!r}{suggestion(path, known)}; allowed: {', '.join(sorted(known))}."
            )
        if isinstance(defaults[key], dict):
            if not isinstance(value, dict):
                raise ConfigError(
                    f"{where}: {path} is {as_yaml(value)}; it must be a group of settings: {', '.join(defaults[key])}."
                )
            _check_keys(value, defaults[key], where, f"{path}.")


def _merged(defaults: Mapping[str, Any], settings: Mapping[str, Any]) -> Settings:
    """``defaults`` with the values of ``settings``, group by group."""
    return {
        key: _merged(value, settings.get(key, {})) if isinstance(value, dict) else settings.get(key, value)
        for key, value in defaults.items()
    }


def _put_nulls(examples: Settings, other: Mapping[str, Any]) -> None:
    for key, value in other.items():
        if isinstance(value, dict) and isinstance(examples.get(key), dict):
            _put_nulls(examples[key], value)
        elif value is None:
            examples[key] = None
