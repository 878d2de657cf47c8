"""What detectors cost, in a record: the latest of one architecture and size stays."""

from dataclasses import replace

import pytest

from nas.engine.costs import Costed
from nas.engine.record import read_run
from search_spaces.errors import ConfigError
from tests.engine.engine_support import end, start

COUNTED = Costed("0123", 640, 28_000_000, 85_000_000_000)
TIMED = replace(COUNTED, milliseconds=312.5, device="one processor")


def test_a_later_cost_takes_the_place_of_an_earlier_one(tmp_path):
    search = start(tmp_path)
    search.add_costs([COUNTED, replace(COUNTED, image_size=512)])
    search.add_costs([TIMED])
    end(search)
    assert read_run(tmp_path).costs == (TIMED, replace(COUNTED, image_size=512))
    assert start(tmp_path).history.costs["0123", 640] == TIMED


@pytest.mark.parametrize("name", ["image_size", "params", "multiply_adds", "milliseconds"])
def test_values_of_the_wrong_type_are_named(name):
    with pytest.raises(ConfigError, match=f"^{name} is 'x'; it must be"):
        replace(COUNTED, **{name: "x"})
