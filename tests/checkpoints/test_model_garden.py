"""Keys of TF Model Garden's checkpoints: by hand, and against checkpoints that it wrote."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest

import search_spaces
from nas.checkpoints.convert import SOURCES
from nas.checkpoints.model_garden import SUFFIX, is_training_state, keys, structure
from nas.detectors.parts import Role
from search_spaces.errors import ConfigError
from tests.checkpoints.parity_fixtures import (
    NAMES,
    every_role_has_a_key_of_its_own,
    load,
    structure_is_that_of_the_detector,
)

OWN = [name for name in NAMES if not name.startswith("tpu")]


@pytest.mark.parametrize("name", OWN)
def test_every_role_has_a_key_of_its_own_in_a_real_checkpoint(name: str) -> None:
    every_role_has_a_key_of_its_own(name, keys)


@pytest.mark.parametrize("name", OWN)
def test_structure_of_a_real_checkpoint(name: str) -> None:
    structure_is_that_of_the_detector(name, structure)


@pytest.mark.parametrize(
    ("role", "key"),
    [
        (Role("stem", part="kernel"), "backbone/layer_with_weights-0/kernel"),
        (Role("stem", part="mean"), "backbone/layer_with_weights-1/moving_mean"),
        (Role("block", "reduce", "kernel", node=0, index=0), "backbone/layer_with_weights-2/_conv1/kernel"),
        (Role("block", "expand", "gamma", node=1, index=0), "backbone/layer_with_weights-3/_norm3/gamma"),
        (Role("block", "projection", "kernel", node=0, index=0), "backbone/layer_with_weights-2/_shortcut/kernel"),
        (Role("class_tower", "conv", "kernel", index=1), "head/_cls_convs/1/kernel"),
        (Role("box_tower", "norm", "variance", index=0, level=5), "head/_box_norms/2/0/moving_variance"),
        (Role("class_predictor", part="bias"), "head/_classifier/bias"),
        (Role("box_predictor", part="kernel", factor="depthwise"), "head/_box_regressor/depthwise_kernel"),
    ],
)
def test_keys_by_hand(role: Role, key: str) -> None:
    for prefix, replaced in (("", ""), ("model/_", "model/_")):
        arrays = {f"{prefix}{part}/x": np.zeros(1) for part in ("backbone", "head")}
        found = keys(arrays, search_spaces.load("spinenet-49"), "retinanet", 1, [role])
        assert found == {role: replaced + key + SUFFIX}


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("global_step" + SUFFIX, True),
        ("optimizer/iter" + SUFFIX, True),
        (f"backbone/layer_with_weights-0/kernel/.OPTIMIZER_SLOT/optimizer/momentum{SUFFIX}", True),
        ("_CHECKPOINTABLE_OBJECT_GRAPH", True),
        ("backbone/layer_with_weights-0/kernel" + SUFFIX, False),
    ],
)
def test_training_state(key: str, expected: bool) -> None:
    assert is_training_state(key) == expected


def refused(arrays: Mapping[str, np.ndarray], name: str, head: str, sentence: str, repeats: int = 1) -> None:
    with pytest.raises(ConfigError, match=sentence):
        keys(arrays, search_spaces.load(name), head, repeats, [])


def test_a_missing_part_and_another_source_are_named() -> None:
    refused({"backbone/x": np.zeros(1)}, "spinenet-49", "retinanet", "it lacks the part 'head'")
    refused({"backbone/x": np.zeros(1)}, "r50-fpn", "mask_rcnn", "it lacks the part 'decoder'")
    refused(
        {"spinenet/x": np.zeros(1)}, "spinenet-49", "retinanet", "no key begins with 'backbone/' or 'model/_backbone"
    )


def test_what_the_model_garden_cannot_build() -> None:
    arrays = {"backbone/x": np.zeros(1), "head/x": np.zeros(1)}
    refused(
        arrays, "spinenet-mobile-49", "retinanet", "SpineNet-mobile with repeats computes another network", repeats=2
    )
    refused(
        arrays, "r23-sp30", "retinanet", r"TF Model Garden's stem has levels \(2, 2\); the architecture's has \(2, 2, 3"
    )


def test_a_number_of_blocks_that_is_not_the_architectures() -> None:
    fixture = load("retinanet")
    weights = {key: value for key, value in fixture.weights.items() if "layer_with_weights-2/" not in key}
    with pytest.raises(
        ConfigError, match="it has 16 blocks of the given architecture's kind, and the architecture has 17"
    ):
        structure(weights, fixture.architecture, fixture.head)


def test_the_source_names_these_functions() -> None:
    source = SOURCES["model_garden"]
    assert (source.keys, source.structure, source.is_training_state) == (keys, structure, is_training_state)
