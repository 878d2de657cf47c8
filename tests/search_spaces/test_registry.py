"""Spaces by kind and by name."""

import pytest

import search_spaces
from search_spaces.errors import ConfigError, SpaceError
from search_spaces.scale_permuted import ScalePermutedSpace
from search_spaces.toy import TOY


@pytest.mark.parametrize("name", search_spaces.NAMED)
def test_a_named_space_bears_its_name(name):
    space = search_spaces.build(name)
    assert space.name == name
    assert search_spaces.NAMED[name][0] in search_spaces.SPACES


def test_every_kind_is_built_from_its_defaults():
    for kind, row in search_spaces.SPACES.items():
        space = search_spaces.build(kind)
        assert type(space) is row.settings_type
        assert space.name == kind


def test_a_kind_with_settings_is_the_named_space():
    assert search_spaces.build("scale_permuted", name="spinenet") == search_spaces.build("spinenet")
    assert search_spaces.build("scale_permuted", name="toy", **TOY) == search_spaces.build("toy")
    assert search_spaces.build("toy", name="mine", outputs=[3]) == ScalePermutedSpace(
        **{**TOY, "name": "mine", "outputs": (3,)}
    )


@pytest.mark.parametrize(
    ("kind", "settings", "sentence"),
    [
        (
            "spinnet",
            {},
            r"unknown space 'spinnet' \(did you mean 'spinenet'\?\); there are: scale_permuted, spinenet, t",
        ),
        ("toy", {"windows": 5}, r"unknown space setting 'windows'.*there are: .*intermediate_window"),
        ("toy", {"level_offset": [0]}, r"'level_offset' \(did you mean 'level_offsets'\?\)"),
        ("toy", {"stem": 2}, "space.stem is 2; it must be a list"),
        ("toy", {"parents_per_block": None}, "space.parents_per_block is null; it must be an integer"),
        ("toy", {"stem": ["x"]}, r"^space\.stem\[0\] is 'x'; it must be an integer\.$"),
    ],
)
def test_what_is_unknown_or_of_the_wrong_type_is_refused(kind, settings, sentence):
    with pytest.raises(ConfigError, match=sentence):
        search_spaces.build(kind, **settings)


def test_what_is_out_of_range_names_the_space():
    with pytest.raises(SpaceError, match=r"space mine: .*parents_per_block is 2"):
        search_spaces.build("toy", name="mine", stem=[2])
