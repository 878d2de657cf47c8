"""Counting in keys."""

from __future__ import annotations

import numpy as np

from nas.checkpoints.tensorflow_keys import NORM_NAMES, count, structure_fields

ZERO = np.zeros(1)
HEAD = {f"head/conv_{at}/{kind}": ZERO for at in (0, 1, 2) for kind in ("kernel", "bias")}


def test_different_values_are_counted_at_the_beginning_of_keys_only() -> None:
    arrays = HEAD | {"other/head/conv_7/kernel": ZERO}
    assert count(arrays, r"head/conv_(\d+)/") == 3
    assert count(arrays, r"conv_(\d+)/") == 0


def test_plain_convolutions_without_mask_rcnns_heads() -> None:
    assert structure_fields(HEAD, 2, r"head/conv_(\d+)/") == {"repeats": 2, "head_depth": 3, "separable": False}


def test_separable_convolutions_and_mask_rcnns_heads() -> None:
    arrays = {f"head/conv_{at}/{kind}_kernel": ZERO for at in (0, 1) for kind in ("depthwise", "pointwise")}
    arrays |= {"mask/conv_0/kernel": ZERO, "rpn/conv_0/kernel": ZERO, "rpn/conv_1/kernel": ZERO}
    found = structure_fields(arrays, 1, r"head/conv_(\d+)/", mask=r"mask/conv_(\d+)/", rpn=r"rpn/conv_(\d+)/")
    assert found == {"repeats": 1, "head_depth": 2, "separable": True, "mask_depth": 1, "rpn_depth": 2}


def test_tensorflows_names_of_the_four_tensors_of_batch_normalisation() -> None:
    assert list(NORM_NAMES.values()) == ["gamma", "beta", "moving_mean", "moving_variance"]
