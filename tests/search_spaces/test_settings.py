"""Settings: plain values become checked dataclasses, nested ones too, and every refusal names the path."""

import pickle
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import NoneType
from typing import Any

import pytest

from search_spaces.errors import ConfigError
from search_spaces.settings import (
    SettingError,
    as_yaml,
    at_least,
    boolean,
    build_settings,
    fits,
    integer,
    not_above,
    number,
    of_type,
    one_of,
    positive,
    within,
)


@dataclass(frozen=True, slots=True)
class Inner:
    size: int = 1
    share: float = 0.5

    def __post_init__(self) -> None:
        within("share", self.share, 0, 1)


@dataclass(frozen=True, slots=True)
class Middle:
    inner: Inner = field(default_factory=lambda: Inner(size=7))


@dataclass(frozen=True, slots=True)
class Outer:
    needed: str
    middle: Middle = Middle()
    inner: Inner = Inner(share=0.25)
    spare: Inner | None = None
    sizes: tuple[int, ...] = ()
    anything: Mapping[str, Any] = field(default_factory=dict)


def built(**values: Any) -> Outer:
    return build_settings(Outer, {"needed": "x", **values}, "outer")


def test_what_is_left_out_keeps_the_default_of_its_field() -> None:
    assert built() == Outer("x")
    assert built(inner={"size": 3}).inner == Inner(size=3, share=0.25)
    assert built(middle={"inner": {"share": 0.75}}).middle.inner == Inner(size=7, share=0.75)
    assert built(spare={"size": 2}).spare == Inner(size=2)
    assert built(inner=Inner(9)).inner == Inner(9)
    assert built(anything={"inner": {"size": 3}}).anything == {"inner": {"size": 3}}


def test_a_base_stands_in_for_the_defaults() -> None:
    base = Outer("base", inner=Inner(5, 0.1))
    changed = build_settings(Outer, {"inner": {"size": 6}}, "outer", base)
    assert changed == Outer("base", inner=Inner(6, 0.1))


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"innner": {}}, r"^unknown outer setting 'innner' \(did you mean 'inner'\?\); there are: needed, middle, "),
        (
            {"middle": {"inner": {"siez": 1}}},
            r"^unknown outer\.middle\.inner setting 'siez' \(did you mean 'size'\?\); there are: size, share\.$",
        ),
        ({"middle": {"inner": {"size": "big"}}}, r"^outer\.middle\.inner\.size is 'big'; it must be an integer\.$"),
        ({"middle": {"inner": {"share": 2}}}, r"^outer\.middle\.inner\.share is 2; it must be at least 0 and at most"),
        ({"inner": {"share": 2}}, r"^outer\.inner\.share is 2;"),
        ({"inner": 5}, r"^outer\.inner is 5; it must be a group of settings\.$"),
        ({"spare": 5}, r"^outer\.spare is 5; it must be a group of settings or null\.$"),
        ({"sizes": 5}, r"^outer\.sizes is 5; it must be a list\.$"),
        ({"inner": {"size": True}}, r"size is true; it must be an integer"),
        ({"inner": {"share": float("nan")}}, r"share is nan; it must be a finite number"),
        ({"anything": 1}, r"anything is 1; it must be a group of settings"),
        ({"inner": {"size": None}}, r"^outer\.inner\.size is null; it must be an integer\.$"),
        ({"inner": {"share": 10**400}}, r"share is 1000+; it must be a finite number"),
        ({"sizes": [1, "x"]}, r"^outer\.sizes\[1\] is 'x'; it must be an integer\.$"),
        ({"needed": [True, None]}, r"^outer\.needed is \[true, null\]; it must be a text\.$"),
    ],
)
def test_a_refusal_names_the_path(values: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        built(**values)


def test_a_class_without_settings() -> None:
    assert isinstance(build_settings(object, {}, "nothing"), object)
    with pytest.raises(ConfigError, match=r"unknown nothing setting 'size'"):
        build_settings(object, {"size": 1}, "nothing")


def test_a_missing_value_is_named() -> None:
    with pytest.raises(ConfigError, match=r"^outer\.needed is missing; it has no default\.$"):
        build_settings(Outer, {}, "outer")


@pytest.mark.parametrize(
    ("check", "good", "bad", "problem"),
    [
        (lambda value: boolean("n", value), [True, False], [0, 1, None, "true"], "true or false"),
        (lambda value: of_type("n", value, str, NoneType), ["x", None], [1, ["x"]], "a text or null"),
        (lambda value: of_type("n", value, int, example=3), [1], [1.5], "an integer, for example 3"),
        (lambda value: integer("n", value), [0, -3, 10**400], [1.5, True, "1"], "an integer"),
        (lambda value: integer("n", value, 2), [2, 10**400], [1, -1], "at least 2"),
        (lambda value: integer("n", value, 2), [], [2.5, None], "an integer"),
        (lambda value: number("n", value), [0, 1.5], [float("inf"), True, "1", None, 10**400], "a finite number"),
        (lambda value: at_least("n", value, 2), [2, 10**400], ["x", None, [3], True, float("nan")], "a finite number"),
        (lambda value: positive("n", value), [1], ["x", None], "a finite number"),
        (lambda value: within("n", value, 0, 1), [1], ["x", None], "a finite number"),
        (lambda value: at_least("n", value, 2), [2, 2.5], [1, 1.99], "at least 2"),
        (lambda value: positive("n", value), [1e-9, 3], [0, -1], "above 0"),
        (lambda value: within("n", value, 0, 1), [0, 1], [-0.1, 1.1], "at least 0 and at most 1"),
        (lambda value: within("n", value, 0, 1, "[)"), [0, 0.9], [1], "at least 0 and below 1"),
        (lambda value: within("n", value, 0, 1, "(]"), [0.1, 1], [0], "above 0 and at most 1"),
        (lambda value: within("n", value, 0, 1, "()"), [0.5], [0, 1], "above 0 and below 1"),
        (lambda value: one_of("n", value, ("sgd", "adamw")), ["sgd"], ["adam"], "one of: sgd, adamw"),
    ],
)
def test_checks(check: Callable[[Any], None], good: list[Any], bad: list[Any], problem: str) -> None:
    for value in good:
        check(value)
    for value in bad:
        with pytest.raises(ConfigError) as caught:
            check(value)
        assert str(caught.value).startswith(f"n is {as_yaml(value)}")
        assert str(caught.value).endswith(f"; it must be {problem}.")


def test_one_setting_above_another() -> None:
    not_above("low", 1, "high", 1)
    with pytest.raises(ConfigError, match=r"^low is 2 and high is 1; low must not be above high\.$"):
        not_above("low", 2, "high", 1)
    with pytest.raises(ConfigError, match=r"^low is 'x'; it must be a finite number\.$"):
        not_above("low", "x", "high", 1)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=r"^high is null; it must be a finite number\.$"):
        not_above("low", 2, "high", None)  # type: ignore[arg-type]


def test_the_nearest_allowed_value_is_suggested() -> None:
    with pytest.raises(ConfigError, match=r"kind is 'adamv' \(did you mean 'adamw'\?\); it must be one of"):
        one_of("kind", "adamv", ("sgd", "adamw"))


def test_an_error_survives_the_way_to_another_process() -> None:
    error = SettingError("size", "is 0; it must be at least 1.").under("outer")
    assert str(pickle.loads(pickle.dumps(error))) == "outer.size is 0; it must be at least 1."
    assert error.name == "outer.size"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        (True, "true"),
        (False, "false"),
        (1, "1"),
        (0, "0"),
        (0.5, "0.5"),
        ("x", "'x'"),
        ([1, None, (True, "a")], "[1, null, [true, 'a']]"),
        ({"a": None, "b": {"c": False}}, "{a: null, b: {c: false}}"),
    ],
)
def test_a_value_is_shown_as_a_user_types_it(value: object, text: str) -> None:
    assert as_yaml(value) == text


def test_no_kind_of_number_is_true_or_false() -> None:
    assert fits(True, bool)
    assert not fits(True, int)
    assert not fits(False, float)
    assert fits(3, float)
    assert not fits(3.0, int)
    assert fits([1], tuple)
