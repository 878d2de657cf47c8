"""Whether a value may stand where it stands in a configuration; every refusal is one sentence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from search_spaces.errors import ConfigError, suggestion
from search_spaces.settings import number, of_type, one_of

FORMATS = ("table", "json")


def check_key(path: str, value: Any, config: Mapping[str, Any], parts: Mapping[str, Any]) -> None:
    """Check that a setting exists and can be given this value as far as groups go.

    Args:
        path: the setting, for example ``"proxy.optimiser.clip_norm"``.
        config: the configuration before the value is set.
        parts: the parts of the configuration by name.

    Raises:
        ConfigError: the key is unknown, is a part's kind, or is a group of settings.
    """
    keys = path.split(".")
    if len(keys) == 2 and keys[0] in parts and keys[1] == "kind":
        raise ConfigError(f"{path} cannot be set; choose with {keys[0]}=NAME or {keys[0]}=FILE.yaml.")
    node: Any = config
    for depth, key in enumerate(keys):
        if not isinstance(node, Mapping) or key not in node:
            above = ".".join(keys[:depth])
            known = [f"{above}.{name}" if above else str(name) for name in node] if isinstance(node, Mapping) else []
            wanted = ".".join(keys[: depth + 1])
            allowed = f"allowed: {', '.join(sorted(known))}" if known else f"{above} has no keys of its own"
            raise ConfigError(f"unknown key {wanted!r}{suggestion(wanted, known)}; {allowed}.")
        node = node[key]
    if isinstance(node, Mapping) and not isinstance(value, Mapping):
        raise ConfigError(f"{path} is a group of settings; set one of: {', '.join(node)}.")


def check_types(value: Any, example: Any, path: str = "") -> None:
    """Check that a value has the type of an example, and numbers are finite.

    An example of None allows every plain value, and null is allowed in a part: what is built from a part knows more of
    its settings, and checks further.

    Raises:
        ConfigError: it has another type.
    """
    if isinstance(example, Mapping) and isinstance(value, Mapping):
        for key, inner in value.items():
            check_types(inner, example.get(key), f"{path}.{key}" if path else str(key))
        return
    if isinstance(value, float):
        number(path, value)
    if example is None or (value is None and "." in path):
        return
    of_type(path, value, type(example), example=example)
    if isinstance(example, list) and isinstance(value, list) and example:
        for position, inner in enumerate(value):
            check_types(inner, example[0], f"{path}[{position}]")


def check_format(config: Mapping[str, Any]) -> None:
    """Check the ``format`` that a command prints in: one of ``FORMATS``.

    Raises:
        ConfigError: it is another one.
    """
    one_of("format", config["format"], FORMATS)
