"""What every parity case is made of, whoever's code builds it: settings, input batch, random weights, description."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from wirings import SPINENET_49, Wiring, as_nodes

SCORE_LAYERS = re.compile(r"classifier|scores|class-predict|rpn-class|logits")
STEMS = {
    "spinenet": [
        {"level": 2, "block_type": "bottleneck", "parents": [], "is_output": False},
        {"level": 2, "block_type": "bottleneck", "parents": [0], "is_output": False},
    ],
    "spinenet_mobile": [
        {"level": 1, "block_type": "mbconv", "parents": [], "is_output": False},
        {"level": 2, "block_type": "mbconv", "parents": [0], "is_output": False},
    ],
}


@dataclass(frozen=True, slots=True)
class Case:
    """One detector or classifier; ``width`` is the filter scale (SpineNet) or depth multiplier (ResNet)."""

    name: str
    task: str = "retinanet"
    backbone: str = "spinenet"
    wiring: Wiring = SPINENET_49
    size: tuple[int, int] = (128, 128)
    width: float = 0.25
    alpha: float = 0.25
    repeats: int = 1
    endpoints_width: int = 64
    resnet_depth: int = 50
    decoder_width: int = 0
    min_level: int = 3
    max_level: int = 7
    activation: str = "relu"
    bn_epsilon: float = 1e-3
    bn_momentum: float = 0.99
    num_classes: int = 7
    head_convs: int = 4
    head_width: int = 64
    separable: bool = False
    anchor_size: float = 3.0
    anchor_scales: int = 3
    aspect_ratios: tuple[float, ...] = (0.5, 1.0, 2.0)
    rpn_width: int = 32
    box_convs: int = 4
    box_width: int = 32
    box_fc: int = 64
    mask_convs: int = 4
    mask_width: int = 32
    num_proposals: int = 50
    max_detections: int = 20
    layouts: tuple[str, ...] = ("model",)
    score_gain: float = (
        4.0  # of score layers' kernels: scores far apart, so that rounding does not change what is found
    )
    coarse: bool = False  # weights and images of few digits, so that they take little space
    seed: int = 0
    note: str = ""


def make_input(case: Case) -> tuple[np.ndarray, np.ndarray]:
    """Two normalised images (2, H, W, 3), the first zero below its shape, and their (height, width) (2, 2)."""
    height, width = case.size
    rng = np.random.default_rng(case.seed + 1000)
    images = rng.standard_normal((2, height, width, 3)).astype(np.float32)
    image_shape = np.array([[height * 27 // 32, width], [height, width]], np.float32)
    images[0, int(image_shape[0, 0]) :] = 0.0
    return (np.round(images) if case.coarse else images), image_shape


def given_rois(case: Case) -> np.ndarray:
    """Regions (2, 24, 4) as (y1, x1, y2, x2) in pixels: one empty, one the whole image, others of every size."""
    height, width = case.size
    rng = np.random.default_rng(case.seed + 2000)
    corners = rng.uniform(0.0, 0.95, (2, 24, 2)) * (height, width)
    sides = np.exp(rng.uniform(np.log(2.0), np.log(1.2 * max(height, width)), (2, 24, 2)))
    rois = np.concatenate([corners, corners + sides], axis=-1).astype(np.float32)
    rois[:, 0] = 0.0
    rois[:, 1] = (0.0, 0.0, height, width)
    return rois


def random_value(rng: np.random.Generator, name: str, shape: list[int], initial: np.ndarray, case: Case) -> np.ndarray:
    """Gamma and variance about 1, beta and mean about 0, bias about its first value, kernels scaled by their inputs."""
    value = _draw(rng, name, shape, initial, case.score_gain)
    return _coarse(value) if case.coarse else value


def _coarse(value: np.ndarray) -> np.ndarray:
    """Rounded down to float16 with three binary places."""
    return (value.astype(np.float16).view(np.uint16) & 0xFF80).view(np.float16).astype(np.float32)


def _draw(rng: np.random.Generator, name: str, shape: list[int], initial: np.ndarray, score_gain: float) -> np.ndarray:
    kind = name.rsplit("/", 1)[-1]
    if kind in ("gamma", "moving_variance"):
        return rng.uniform(0.5, 1.5, shape).astype(np.float32)
    if kind in ("beta", "moving_mean"):
        return rng.normal(0.0, 0.2, shape).astype(np.float32)
    if kind == "bias":
        return (initial + rng.normal(0.0, 0.1, shape)).astype(np.float32)
    depthwise = kind == "depthwise_kernel"
    fan_in = np.prod(shape[:2]) if depthwise else np.prod(shape[:-1])
    gain = score_gain if SCORE_LAYERS.search(name) and not depthwise else 1.0
    return rng.normal(0.0, gain * np.sqrt(1.0 / fan_in), shape).astype(np.float32)


def base_meta(case: Case, outputs: Mapping[str, np.ndarray], source: str) -> dict[str, object]:
    """What is needed to build the case again, and (mean, standard deviation, largest magnitude) of every array."""
    settings = dataclasses.asdict(case)
    for unused in ("name", "wiring", "layouts"):
        settings.pop(unused)
    if case.backbone != "resnet":
        settings |= {"stem": STEMS[case.backbone], "blocks": as_nodes(case.wiring)}
    stats = {key: [float(v.mean()), float(v.std()), float(np.abs(v).max())] for key, v in outputs.items()}
    return {"case": case.name, "source": source, **settings, "stats": stats}
