"""Keys and types of a configuration."""

import pytest

from nas.command_line.checks import FORMATS, check_format, check_key, check_types
from search_spaces.errors import ConfigError

CONFIG = {"samples": 20, "proxy": {"kind": "detection", "steps": None, "optimiser": {"kind": "adamw"}}}


@pytest.mark.parametrize(
    ("path", "value"),
    [("samples", 3), ("proxy.steps", 5), ("proxy.optimiser.kind", "sgd"), ("proxy.optimiser", {"kind": "sgd"})],
)
def test_known_settings_can_be_given(path, value):
    check_key(path, value, CONFIG, {"proxy": "default"})


@pytest.mark.parametrize(
    ("path", "value", "sentence"),
    [
        ("sampels", 3, "unknown key 'sampels' (did you mean 'samples'?); allowed: proxy, samples."),
        ("proxy.stepz", 3, "unknown key 'proxy.stepz' (did you mean 'proxy.steps'?); allowed: proxy.kind, "),
        ("samples.many", 3, "unknown key 'samples.many'; samples has no keys of its own."),
        ("proxy.kind", "x", "proxy.kind cannot be set; choose with proxy=NAME or proxy=FILE.yaml."),
        ("proxy.optimiser", 3, "proxy.optimiser is a group of settings; set one of: kind."),
    ],
)
def test_other_settings_are_refused(path, value, sentence):
    with pytest.raises(ConfigError) as caught:
        check_key(path, value, CONFIG, {"proxy": "default"})
    assert str(caught.value).startswith(sentence)


@pytest.mark.parametrize(
    ("value", "example"),
    [
        (1, 2),
        (1, 2.5),
        (1.5, 2.5),
        (True, False),
        ("a", "b"),
        ([1], [2, 3]),
        ([], [2]),
        ({"a": {"b": 1}}, {"a": {"b": 2}}),
    ],
)
def test_values_of_the_example_s_type_pass(value, example):
    check_types(value, example, "key")


@pytest.mark.parametrize("value", [1, "a", [1], {"a": 1}, None])
def test_an_example_of_null_allows_everything(value):
    check_types({"key": value}, {"key": None})


def test_null_is_allowed_in_a_part_only():
    check_types({"part": {"key": None}}, {"part": {"key": 5}})
    with pytest.raises(ConfigError, match="key is null; it must be an integer, for example 5"):
        check_types({"key": None}, {"key": 5})


@pytest.mark.parametrize(
    ("value", "example", "words"),
    [
        (1.5, 2, "is 1.5; it must be an integer"),
        (True, 2, "is true; it must be an integer"),
        (1, True, "is 1; it must be true or false"),
        ("1", 2.5, "is '1'; it must be a finite number"),
        (float("nan"), 2.5, "is nan; it must be a finite number"),
        (float("inf"), None, "is inf; it must be a finite number"),
        (5, "a", "is 5; it must be a text"),
        (5, [1], "is 5; it must be a list"),
        ([1, "x"], [1], r"\[1\] is 'x'; it must be an integer"),
        (5, {"a": 1}, "is 5; it must be a group of settings"),
    ],
)
def test_other_types_are_refused_with_an_example(value, example, words):
    with pytest.raises(ConfigError, match=f"part.key ?{words}"):
        check_types({"part": {"key": value}}, {"part": {"key": example}})


def test_the_example_is_as_a_user_types_it():
    with pytest.raises(ConfigError, match=r"^key is \[1, null\]; it must be true or false, for example true\.$"):
        check_types({"key": [1, None]}, {"key": True})


def test_formats():
    for name in FORMATS:
        check_format({"format": name})
    with pytest.raises(
        ConfigError, match=r"^format is 'jsn' \(did you mean 'json'\?\); it must be one of: table, json"
    ):
        check_format({"format": "jsn"})
