"""Data sets by kind."""

import pytest

from nas.datasets.registry import DATASETS, open_data
from search_spaces.errors import ConfigError, DataError


def test_every_kind_has_settings_and_opens():
    for row in DATASETS.values():
        assert row.setting_names
        assert callable(row.maker)


def test_the_settings_reach_the_data_set(tmp_path):
    assert len(open_data({"kind": "synthetic", "images": 6}, 32, tmp_path)) == 6
    with pytest.raises(DataError, match=r"data root .*nowhere is not a folder"):
        open_data({"kind": "coco", "root": str(tmp_path / "nowhere")}, 32, tmp_path)


@pytest.mark.parametrize(
    ("settings", "image_size", "cache_dir", "sentence"),
    [
        (
            {"kind": "cocoa"},
            32,
            None,
            r"unknown data set 'cocoa' \(did you mean 'coco'\?\); there are: coco, folder, synthetic",
        ),
        ({}, 32, None, r"data\.kind is missing; it must be one of: coco, folder, synthetic\."),
        ({"kind": "synthetic", "image": 5}, 32, None, r"unknown data setting 'image' \(did you mean 'images'\?\)"),
        ({"kind": "synthetic", "images": "x"}, 32, None, "data.images is 'x'; it must be an integer"),
        ({"kind": "coco"}, 32, None, "data.root is not set; it is the folder that holds the data set"),
        ({"kind": "coco", "root": 5}, 32, None, "data.root is 5; it must be a text"),
        ({"kind": "synthetic"}, 8, None, "image_size is 8; it must be at least 16 and at most 4096"),
        ({"kind": "synthetic"}, 32, 5, "data.cache_dir is 5; it must be the path of a folder or null"),
    ],
)
def test_what_is_unknown_or_out_of_range_is_refused(settings, image_size, cache_dir, sentence):
    with pytest.raises(ConfigError, match=sentence):
        open_data(settings, image_size, cache_dir)
