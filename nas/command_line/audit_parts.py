"""What an audit is made of, from its configuration."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nas.command_line.config import Config, load_config
from nas.command_line.parts import make_space, on_device_of, proxy_factory, without_name
from nas.studies.audit import REFERENCE, AuditSettings, Candidate, Fidelity
from nas.studies.candidates import candidates
from search_spaces.errors import ConfigError
from search_spaces.settings import integer, of_type


def audit_settings(config: Config) -> AuditSettings:
    """How often everything is measured.

    Raises:
        ConfigError: too few seeds, or a value that is no integer.
    """
    names = ("seeds", "published_seeds", "reference_seeds", "reference_again")
    for name in names:
        integer(name, config[name])
    return AuditSettings(**{name: config[name] for name in names})


def make_candidates(config: Config) -> list[Candidate]:
    """The architectures of the audit.

    Raises:
        ConfigError: too few, or an unknown name.
    """
    integer("architectures", config["architectures"])
    return candidates(make_space(config), config["published"], config["architectures"])


def make_fidelities(config: Config, measured: Sequence[Candidate]) -> list[Fidelity]:
    """The reference, the proxy, and the further proxies, each ready to be sent to a worker.

    Raises:
        ConfigError: a proxy that does not exist, has a bad setting, or cannot build one of the architectures.
        DataError: the data set cannot be read.
    """
    further = [_choice("fidelities", name, config) for name in config["fidelities"]]
    reference = {**_choice("reference", config["reference"], config), "name": REFERENCE}
    found = [_fidelity(proxy, config, measured) for proxy in (reference, config["proxy"], *further)]
    unknown = set(config["only"]) - {fidelity.name for fidelity in found}
    if unknown:
        raise ConfigError(
            f"only has {sorted(unknown)[0]!r}; the proxies of this audit are: {', '.join(one.name for one in found)}."
        )
    return found


def _choice(key: str, name: Any, config: Config) -> Config:
    """The settings of a shipped proxy or of a file, on the device that the audit was given.

    Raises:
        ConfigError: there is none of that name; the sentence begins with the ``key`` that gives it.
    """
    of_type(key, name, str)
    try:
        proxy: Config = load_config("audit", [f"proxy={name}"])["proxy"]
    except ConfigError as error:
        raise ConfigError(f"{key}: {error}") from None
    return on_device_of(config["proxy"], proxy)


def _fidelity(proxy: Config, config: Config, measured: Sequence[Candidate]) -> Fidelity:
    make = proxy_factory({**config, "proxy": proxy})
    made = make()
    for one in measured:
        try:
            made.check(one.architecture)
        except ConfigError as error:
            raise ConfigError(f"proxy {proxy['name']} cannot build architecture {one.name}: {error}") from None
    made.prepare()
    settings = {**without_name(proxy), **made.resolved(), "data": made.fingerprint()}
    return Fidelity(proxy["name"], make, settings)
