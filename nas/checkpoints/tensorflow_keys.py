"""What keys in checkpoints of TF Model Garden and of the TPU release have in common."""

from __future__ import annotations

import re
from typing import Any

from nas.checkpoints.read import Arrays

NORM_NAMES = {"gamma": "gamma", "beta": "beta", "mean": "moving_mean", "variance": "moving_variance"}


def structure_fields(
    arrays: Arrays, repeats: int, convolution: str, mask: str | None = None, rpn: str | None = None
) -> dict[str, Any]:
    """The fields of the scaling that follow from the keys.

    Args:
        convolution: a pattern that matches the beginning of the keys of the head's convolutions; its group tells the
            convolutions apart.
        mask, rpn: the same for Mask R-CNN's mask head and region proposal network; None: there are none.
    """
    fields: dict[str, Any] = {
        "repeats": repeats,
        "head_depth": count(arrays, convolution),
        "separable": count(arrays, f"{convolution}depthwise_kernel") > 0,
    }
    others = {"mask_depth": mask, "rpn_depth": rpn}
    return fields | {name: count(arrays, pattern) for name, pattern in others.items() if pattern is not None}


def count(arrays: Arrays, pattern: str) -> int:
    """The number of different values that the pattern's group takes at the beginning of the keys."""
    return len({found[1] for key in arrays if (found := re.match(pattern, key))})
