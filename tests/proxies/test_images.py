"""The images that a proxy measures on are opened once in a process."""

from pathlib import Path

import pytest

from proxies.images import open_images
from search_spaces.errors import ConfigError, DataError


def test_equal_settings_share_a_data_set_and_others_do_not(tmp_path: Path) -> None:
    settings = {"kind": "synthetic", "images": 8}
    first = open_images(settings, 32, str(tmp_path), None, 0)
    assert open_images({"images": 8, "kind": "synthetic"}, 32, str(tmp_path), None, 0) is first
    assert open_images(settings, 40, str(tmp_path), None, 0)[0].image_size == 40
    assert open_images(settings, 32, str(tmp_path), None, 1)[1] != first[1]


def test_the_reserved_images_are_left_out_of_training(tmp_path: Path) -> None:
    data, split = open_images({"kind": "synthetic", "images": 8}, 32, str(tmp_path), 3, 0)
    assert sorted((*split.train, *split.reserved)) == list(range(len(data)))
    assert len(split.reserved) == 3


def test_what_cannot_be_opened_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="unknown data set 'shapes'"):
        open_images({"kind": "shapes"}, 32, str(tmp_path), None, 0)
    with pytest.raises(DataError, match="reserved_images is 8 and the training split has 8 images"):
        open_images({"kind": "synthetic", "images": 8}, 32, str(tmp_path), 8, 0)
