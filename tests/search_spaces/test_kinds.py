"""One form of registry: a row is imported when it is asked for, and what is unknown is refused with what there is."""

import subprocess
import sys
from dataclasses import dataclass
from typing import ClassVar

import pytest

from search_spaces.errors import ConfigError
from search_spaces.kinds import Kind, check_settings, find


@dataclass(frozen=True)
class Settings:
    steps: int = 5
    rate: float | None = None


@dataclass(frozen=True)
class Nothing:
    name: ClassVar[str] = "nothing"


ROWS = {
    "trained": Kind("search_spaces.decisions:Decision", "search_spaces.graph:to_graph"),
    "bare": Kind("search_spaces.scale_permuted:ScalePermutedSpace"),
}


@dataclass(frozen=True, slots=True)
class Row(Kind):
    """A row whose settings are those of this test."""

    here: type = Settings

    @property
    def settings_type(self):
        return self.here


def test_a_row_resolves_to_its_settings_and_its_maker():
    from search_spaces.decisions import Decision
    from search_spaces.graph import to_graph

    assert ROWS["trained"].settings_type is Decision
    assert ROWS["trained"].maker is to_graph
    assert ROWS["trained"].setting_names == ("name", "kind", "choices", "completions")
    settings = object()
    assert ROWS["bare"].maker(settings) is settings


def test_a_row_imports_nothing_before_it_is_asked_for():
    code = (
        "import sys; from search_spaces.kinds import Kind\n"
        "row = Kind('wave:Error'); assert 'wave' not in sys.modules; row.settings_type; assert 'wave' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    ("kind", "sentence"),
    [
        ("traind", "unknown thing 'traind' (did you mean 'trained'?); there are: bare, trained."),
        ("xyz", "unknown thing 'xyz'; there are: bare, trained."),
        (None, "unknown thing None; there are: bare, trained."),
        (["bare"], "unknown thing ['bare'] (did you mean 'bare'?); there are: bare, trained."),
    ],
)
def test_an_unknown_kind_is_refused_with_the_known_ones(kind, sentence):
    with pytest.raises(ConfigError) as caught:
        find("thing", ROWS, kind)
    assert str(caught.value) == sentence


def test_any_mapping_can_be_searched():
    assert find("thing", ROWS, "bare") is ROWS["bare"]
    assert find("head", {"retinanet": 7}, "retinanet") == 7


def test_settings_that_are_left_out_keep_their_defaults():
    assert check_settings("thing", Row("", here=Settings), {"rate": 0.5}) == Settings(5, 0.5)
    assert check_settings("thing", Row("", here=Nothing), {}) == Nothing()


@pytest.mark.parametrize(
    ("settings", "values", "sentence"),
    [
        (Settings, {"stepps": 3}, "unknown thing setting 'stepps' (did you mean 'steps'?); there are: steps, rate."),
        (Settings, {"steps": "many"}, "thing.steps is 'many'; it must be an integer."),
        (Nothing, {"steps": 3}, "unknown thing setting 'steps'; it has no settings."),
    ],
)
def test_a_bad_setting_is_one_sentence(settings, values, sentence):
    with pytest.raises(ConfigError) as caught:
        check_settings("thing", Row("", here=settings), values)
    assert str(caught.value) == sentence
