"""Proxies by kind."""

import pytest

import proxies
from search_spaces.errors import ConfigError


@pytest.mark.parametrize("kind", proxies.PROXIES)
def test_every_kind_is_built_from_its_defaults(kind):
    assert isinstance(proxies.build(kind), proxies.Proxy)


@pytest.mark.parametrize(
    ("kind", "settings", "sentence"),
    [
        ("detektion", {}, r"unknown proxy 'detektion' \(did you mean 'detection'\?\); there are: detection, loss, "),
        ("synthetic", {"nois": 1}, r"unknown proxy setting 'nois' \(did you mean 'noise'\?\); there are: .*fail_rate"),
        ("synthetic", {"noise": "x"}, "proxy.noise is 'x'; it must be a finite number"),
        ("detection", {"step": 1}, r"unknown proxy setting 'step' \(did you mean 'steps'\?\)"),
    ],
)
def test_what_is_unknown_or_of_the_wrong_type_is_refused(kind, settings, sentence):
    with pytest.raises(ConfigError, match=sentence):
        proxies.build(kind, **settings)
