"""Tiny cases packed into one file each, for tests that have no TensorFlow."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from parity_case import Case
from wirings import RANDOM, SPINENET_MOBILE

KEPT = ("endpoint", "cls", "class_outputs", "box", "rpn_scores", "rpn_boxes", "rois", "detection", "given")
LARGE = ("given_box_features", "given_mask_features")
FIRST = {"given_mask_logits": slice(6), "detection_masks": slice(4)}  # regions kept
SECOND_ROWS = slice(1, None, 2)  # of the largest maps, those of level 3, only every second row is kept
TRAINING_STATE = re.compile(r"^(global_step|save_counter)$|OPTIMIZER_SLOT|/Momentum$|^optimizer/")
SMALL: dict[str, Any] = {"width": 0.05, "alpha": 0.5, "endpoints_width": 8, "num_classes": 2, "coarse": True}
HEAD = {"head_convs": 2, "head_width": 8}
REGIONS = {
    "task": "maskrcnn",
    "anchor_scales": 1,
    "num_classes": 3,
    "rpn_width": 8,
    "box_width": 8,
    "mask_width": 8,
    "box_convs": 2,
    "mask_convs": 2,
    "box_fc": 12,
    "num_proposals": 30,
    "max_detections": 10,
}
MOBILE = {"backbone": "spinenet_mobile", "wiring": SPINENET_MOBILE, "activation": "swish", "separable": True}
R50 = {"backbone": "resnet", "decoder_width": 8, "anchor_size": 4.0}

TINY = (
    Case("tiny_retinanet", layouts=("trainer",), seed=51, **{**SMALL, **HEAD}),
    Case("tiny_random", wiring=RANDOM, repeats=2, activation="swish", seed=52, **{**SMALL, **HEAD, "head_convs": 1}),
    Case("tiny_mobile", seed=53, **{**SMALL, **HEAD, **MOBILE, "width": 0.15}),
    Case("tiny_maskrcnn", layouts=("items",), seed=54, **{**SMALL, **REGIONS}),
    Case("tiny_r50", seed=55, **{**SMALL, **HEAD, **R50, "head_convs": 1}),
)
TPU = {"aspect_ratios": (1.0, 2.0, 0.5)}
TPU_RETINANET = {**TPU, "bn_epsilon": 1e-4, "bn_momentum": 0.997}
TPU_TINY = (
    Case("tiny_tpu_retinanet", layouts=("trainer",), seed=61, **{**SMALL, **HEAD, **TPU_RETINANET}),
    Case("tiny_tpu_mobile", seed=62, **{**SMALL, **HEAD, **MOBILE, **TPU_RETINANET, "width": 0.15}),
    Case("tiny_tpu_maskrcnn", seed=63, **{**SMALL, **REGIONS, **TPU}),
)


def pack(folder: Path, file: Path) -> None:
    """A case's folder as one compressed file: checkpoint, second image (it fills its canvas), what it gives, settings.

    ``weights`` holds all arrays of the checkpoint one behind the other (float16, which coarse cases' weights are), and
    ``shapes``, JSON, their keys and shapes in that order. Of the training state, which a reader must leave out, three
    arrays are kept.
    """
    meta = json.loads((folder / "meta.json").read_text(encoding="utf-8"))
    reader = tf.train.load_checkpoint(str(folder / meta["checkpoints"][0]))
    names = [name for name in sorted(reader.get_variable_to_shape_map()) if not name.startswith("_CHECKPOINTABLE")]
    state = [name for name in names if TRAINING_STATE.search(name)]
    kept = set(names) - set(state[3:])
    weights = {name: np.asarray(reader.get_tensor(name)) for name in names if name in kept}
    arrays = {}
    with np.load(folder / "io.npz") as outputs:
        for name in outputs.files:
            if name.startswith(KEPT) and name not in LARGE:
                rows = SECOND_ROWS if name.endswith("_3") else FIRST.get(name, slice(None))
                arrays[name] = outputs[name][1:, rows] if outputs[name].ndim > 1 else outputs[name][1:]
        image = outputs["image"][1:].astype(np.int8)
    np.savez_compressed(
        file,
        settings=np.array(json.dumps({key: value for key, value in meta.items() if key != "stats"})),
        shapes=np.frombuffer(json.dumps([(name, value.shape) for name, value in weights.items()]).encode(), np.uint8),
        weights=np.concatenate([value.ravel() for value in weights.values()]).astype(np.float16),
        image=image,
        **arrays,
    )
