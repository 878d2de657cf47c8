"""Names in the TPU release's checkpoints: by hand, and against checkpoints that it wrote."""

from __future__ import annotations

import numpy as np
import pytest

import search_spaces
from nas.checkpoints.convert import SOURCES
from nas.checkpoints.tpu import is_training_state, keys, structure
from nas.detectors.parts import Role
from search_spaces.errors import ConfigError
from tests.checkpoints.parity_fixtures import (
    NAMES,
    every_role_has_a_key_of_its_own,
    load,
    structure_is_that_of_the_detector,
)

OWN = [name for name in NAMES if name.startswith("tpu")]
BLOCK = "spinenet/sub_policy0/scale_permuted_block_2"
CONNECTION = "spinenet/sub_policy0/resample_with_alpha_resample_0_1"


@pytest.mark.parametrize("name", OWN)
def test_every_role_has_a_name_of_its_own_in_a_real_checkpoint(name: str) -> None:
    every_role_has_a_key_of_its_own(name, keys)


@pytest.mark.parametrize("name", OWN)
def test_structure_of_a_real_checkpoint(name: str) -> None:
    structure_is_that_of_the_detector(name, structure)


STEM = [Role("stem", part="kernel"), Role("stem", part="gamma")]
FIRST_BLOCK = [Role("block", layer, "kernel", node=0, index=0) for layer in ("projection", "reduce", "conv", "expand")]
NARROW, WIDEN = (Role("connection", layer, "kernel", node=2, parent=1) for layer in ("narrow", "widen"))


@pytest.mark.parametrize(
    ("role", "name"),
    [
        (STEM[0], "spinenet/conv2d/kernel"),
        (STEM[1], "spinenet/batch_normalization/gamma"),
        (FIRST_BLOCK[0], "spinenet/conv2d_1/kernel"),
        (FIRST_BLOCK[3], "spinenet/conv2d_4/kernel"),
        (NARROW, f"{CONNECTION}/conv2d/kernel"),
        (WIDEN, f"{CONNECTION}/conv2d_1/kernel"),
        (Role("block", "reduce", "beta", node=2, index=0), f"{BLOCK}/batch_normalization/beta"),
        (
            Role("class_tower", "conv", "kernel", index=1, factor="pointwise"),
            "retinanet/class_net/class-1/pointwise_kernel",
        ),
        (Role("box_tower", "norm", "mean", index=2, level=4), "retinanet/box_net/box-2-4/moving_mean"),
        (Role("rpn_tower", "conv", "kernel", index=0), "rpn_head/rpn/kernel"),
        (Role("rpn_tower", "conv", "bias", index=1), "rpn_head/rpn-1/bias"),
        (Role("box_head", "fc_norm", "gamma"), "fast_rcnn_head/batch_normalization_1/gamma"),
    ],
)
def test_names_by_hand(role: Role, name: str) -> None:
    """Layers are numbered in the order in which they are made, so the others of a scope are there, too."""
    others = [*STEM, *FIRST_BLOCK, NARROW, WIDEN, Role("box_head", "norm", "gamma", index=0)]
    found = keys({"spinenet/x": np.zeros(1)}, search_spaces.load("spinenet-49"), "mask_rcnn", 1, [*others, role])
    assert found[role] == name


def test_a_block_without_projection_numbers_its_layers_without_it() -> None:
    roles = [Role("block", "reduce", "kernel", node=0, index=0)]
    found = keys({"spinenet/x": np.zeros(1)}, search_spaces.load("spinenet-49"), "retinanet", 1, roles)
    assert found[roles[0]] == "spinenet/conv2d_1/kernel"


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("global_step", True),
        ("spinenet/conv2d/kernel/Momentum", True),
        ("spinenet/conv2d/kernel/ExponentialMovingAverage", True),
        ("spinenet/conv2d/kernel", False),
    ],
)
def test_training_state(key: str, expected: bool) -> None:
    assert is_training_state(key) == expected


def test_other_scopes_and_heads_are_named() -> None:
    architecture = search_spaces.load("spinenet-49")
    with pytest.raises(ConfigError, match="no name lies in the scope of a spinenet backbone"):
        structure({"resnet50/conv2d/kernel": np.zeros(1)}, architecture, "retinanet")
    with pytest.raises(ConfigError, match="no name begins with 'fast_rcnn_head/'; it is not a mask_rcnn checkpoint"):
        structure({"spinenet/conv2d/kernel": np.zeros(1)}, architecture, "mask_rcnn")


def test_a_block_with_a_broken_number_of_layers() -> None:
    fixture = load("tpu_retinanet")
    last = fixture.architecture.live_nodes[-1]
    weights = {
        key: value
        for key, value in fixture.weights.items()
        if not (f"scale_permuted_block_{last}/" in key and "/batch_normalization_1/" in key)
    }
    with pytest.raises(ConfigError, match=rf"block {last} has 2 layers, and a bottleneck block has 3"):
        structure(weights, fixture.architecture, fixture.head)


def test_the_source_names_these_functions() -> None:
    source = SOURCES["tpu"]
    assert (source.keys, source.structure, source.is_training_state) == (keys, structure, is_training_state)


@pytest.mark.parametrize(
    ("layer", "level", "name"),
    [
        ("lateral", 4, "fpn/l4/kernel"),
        ("smooth", 3, "fpn/post_hoc_d3/kernel"),
        ("coarser", 6, "fpn/p6/kernel"),
        ("norm", 5, "fpn/p5-bn/gamma"),
    ],
)
def test_names_of_a_feature_pyramid(layer: str, level: int, name: str) -> None:
    role = Role("pyramid", layer, "gamma" if layer == "norm" else "kernel", level=level)
    found = keys({"resnet50/x": np.zeros(1)}, search_spaces.load("r50-fpn"), "retinanet", 1, [role])
    assert found == {role: name}
