"""What a training is made of: the val split or a reserve, the scaling of protocol and name, the choice of decoding."""

import json
import shutil

import pytest
import torch

from nas.command_line import train_parts
from nas.command_line.config import load_config
from nas.command_line.train_parts import (
    choose_compile,
    choose_precision,
    make_network,
    make_protocol,
    make_shares,
    training_data,
)
from nas.training.ranks import Ranks
from search_spaces.errors import ConfigError, DataError
from tests.datasets.coco_support import content, write
from tests.training.training_support import tiny_detector

CPU = torch.device("cpu")


@pytest.fixture
def root(tmp_path):
    write(tmp_path / "set", content())
    return tmp_path / "set"


def opened(root, *arguments):
    config = load_config("train", ["data=coco", f"data.root={root}", f"data.cache_dir={root}/c", *arguments])
    return training_data(config, make_protocol(config))


def add_val(root, categories):
    shutil.copytree(root / "train2017", root / "val2017")
    text = json.dumps({**content(), "categories": categories})
    (root / "annotations" / "instances_val2017.json").write_text(text)


def test_without_a_val_split_pictures_are_reserved(root):
    data = opened(root, "reserve=2")
    assert (len(data.indices), len(data.val_indices)) == (2, 2)
    assert not set(data.indices) & set(data.val_indices)
    assert data.measured_on.startswith("2 pictures reserved from the training split")


def test_a_val_split_is_measured_on_and_all_the_rest_is_learnt_from(root):
    add_val(root, content()["categories"])
    data = opened(root)
    assert (len(data.indices), len(data.val_indices), data.val.source) == (4, 4, data.val.source)
    assert "of the val split" in data.measured_on
    with pytest.raises(ConfigError, match="reserve is 2 and there is a val split"):
        opened(root, "reserve=2")


def test_the_splits_must_have_the_same_classes(root):
    add_val(root, [{"id": 7, "name": "tram"}, {"id": 90, "name": "toothbrush"}])
    with pytest.raises(DataError, match="tram, toothbrush there and train, toothbrush here"):
        opened(root)


def test_how_pictures_are_decoded(root, monkeypatch):
    still = ["protocol.augment.scale_min=1.0", "protocol.augment.scale_max=1.0"]
    assert opened(root).train.has_views
    assert not opened(root, *still).train.has_views
    assert not opened(root, "decode=cache").train.has_views
    assert opened(root, *still, "decode=live").train.has_views
    monkeypatch.setattr(train_parts, "LARGEST_CACHE", 100)
    large = opened(root, *still)
    assert large.train.has_views
    assert "a cache would take" in large.decoded


def scaling(*arguments):
    config = load_config("train", list(arguments))
    return make_network(config, make_protocol(config), ("a", "b"))[0].scaling


def test_the_scaling_is_that_of_the_name_the_protocol_and_the_user_in_this_order():
    assert scaling().width == 0.25
    assert scaling("width=0.125").width == 0.125
    full = scaling("protocol=C", "width=0.125", "alpha=0.25", "endpoints=8", "head_channels=8")
    assert (full.activation, full.stochastic_depth, full.repeats, full.head_depth) == ("swish", 0.2, 1, 4)


def test_what_is_left_to_the_device():
    config = load_config("train", [])
    assert (choose_precision(config, CPU), choose_compile(config, CPU)) == ("float32", False)
    given = load_config("train", ["precision=bfloat16", "compile=true"])
    assert (choose_precision(given, CPU), choose_compile(given, CPU)) == ("bfloat16", True)


def test_the_images_at_once():
    def part(*arguments, ranks=None):
        config = load_config("train", ["protocol.image_size=32", *arguments])
        return make_shares(config, make_protocol(config), tiny_detector(), "float32", CPU, ranks or Ranks())

    assert part("batch=3").part == 3
    assert part("batch=99").part == 16
    assert part("batch=auto").part == part().part == 16
    with pytest.raises(ConfigError, match="it must be a multiple of their number"):
        part(ranks=Ranks(0, 3))
