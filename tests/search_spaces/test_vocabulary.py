"""The table of block types."""

import pytest

from search_spaces.vocabulary import BLOCK_TYPES, SCALE_PERMUTED_TYPES, family_of


def test_every_row_is_filed_under_its_name():
    assert all(name == row.name for name, row in BLOCK_TYPES.items())
    assert {row.symbol for row in BLOCK_TYPES.values()} == {"rectangle", "diamond"}


def test_the_papers_search_has_two_types():
    assert SCALE_PERMUTED_TYPES == ("bottleneck", "residual")
    assert [BLOCK_TYPES[name].expansion for name in SCALE_PERMUTED_TYPES] == [4, 1]


@pytest.mark.parametrize(
    ("types", "family"),
    [
        ({"bottleneck"}, "spinenet"),
        ({"bottleneck", "residual"}, "spinenet"),
        ({"mbconv"}, "mobile"),
        ({"bottleneck", "fpn"}, "resnet-fpn"),
    ],
)
def test_the_family_is_that_of_the_type_that_is_not_spinenets(types, family):
    assert family_of(types) == family


def test_the_table_cannot_be_changed():
    with pytest.raises(TypeError):
        BLOCK_TYPES["dense"] = BLOCK_TYPES["residual"]
