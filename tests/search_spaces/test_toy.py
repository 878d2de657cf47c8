"""The toy space is as small as it says."""

import search_spaces
from search_spaces.toy import TOY


def test_the_toy_space_can_be_enumerated():
    space = search_spaces.build("toy")
    assert space.size_factors() == {"orders": 2 * 2, "connections": 1 * 3 * 6 * 10, "levels": 2**2, "types": 2**4}
    assert space.size() == 46_080
    assert {name: getattr(space, name) for name in TOY} == dict(TOY)
