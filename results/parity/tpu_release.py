"""Detectors of the TPU release (TensorFlow 1 graphs) with random weights: build, run, save as its Estimator does.

The release's own model code runs unchanged from a checkout of github.com/tensorflow/tpu; only modules which its imports
name but these models never call are replaced by empty ones.
"""

from __future__ import annotations

import functools
import importlib
import json
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from parity_case import Case, base_meta, given_rois, make_input, random_value

tf1 = tf.compat.v1
UNUSED_MODULES = ("projects", "projects.vild", "projects.vild.modeling", "projects.vild.modeling.vild_head")
UNUSED_NAMES = (("modeling.architecture", "efficientnet"), ("projects.vild.modeling", "vild_head"))


def use_checkout(checkout: Path) -> None:
    """Make the release's modules importable."""
    sys.path[:0] = [str(checkout / "models/official/detection"), str(checkout / "models")]
    for name in (*UNUSED_MODULES, "modeling.architecture.efficientnet"):
        sys.modules[name] = types.ModuleType(name)
    for package, name in UNUSED_NAMES:
        setattr(importlib.import_module(package), name, sys.modules[f"{package}.{name}"])
    tf1.estimator = sys.modules["tensorflow.compat.v1.estimator"] = types.ModuleType("estimator")


def write_tpu_case(case: Case, out: Path) -> None:
    """Build ``case``, fill it with random numbers, run it and write it to ``out/<name>/``."""
    folder = out / case.name
    folder.mkdir(parents=True, exist_ok=True)
    images, image_shape = make_input(case)
    with tf1.Graph().as_default(), tf1.Session() as session:
        tensors = _build(case, images, image_shape)
        variables = tf1.global_variables()
        trainable = {variable.name for variable in tf1.trainable_variables()}
        session.run(tf1.global_variables_initializer())
        _randomise(session, variables, case)
        outputs = {"image": images, "image_shape": image_shape, **session.run(tensors)}
        saved = variables + (_estimator_variables(session, variables, trainable) if "trainer" in case.layouts else [])
        tf1.train.Saver(saved).save(session, str(folder / "model.ckpt"), global_step=0, write_meta_graph=False)
    np.savez(folder / "io.npz", **outputs)
    names = [f"{name}\t{shape}" for name, shape in tf.train.list_variables(str(folder / "model.ckpt-0"))]
    (folder / "variables.txt").write_text("\n".join(names) + "\n", encoding="utf-8")
    order = [f"{v.op.name}\t{v.shape.as_list()}\ttrainable={v.name in trainable}" for v in variables]
    (folder / "creation_order.txt").write_text("\n".join(order) + "\n", encoding="utf-8")
    count = sum(int(np.prod(v.shape)) for v in variables if v.name in trainable)
    meta = base_meta(case, outputs, "github.com/tensorflow/tpu models/official/detection")
    meta |= {"checkpoints": ["model.ckpt-0"], "trainable": count}
    (folder / "meta.json").write_text(json.dumps(meta, indent=1) + "\n", encoding="utf-8")


def _build(case: Case, images: np.ndarray, image_shape: np.ndarray) -> dict[str, tf.Tensor]:
    """The release's model in prediction mode and every tensor worth comparing."""
    _set_wiring(case)
    name = {"retinanet": "RetinanetModel", "maskrcnn": "MaskrcnnModel"}[case.task]
    model = getattr(importlib.import_module(f"modeling.{case.task}_model"), name)(_settings(case))
    seen: dict[str, Any] = {}
    for attribute in ("_backbone_fn", "_fpn_fn", "_generate_rois_fn"):
        if hasattr(model, attribute):
            setattr(model, attribute, _record(getattr(model, attribute), attribute, seen))
    image_info = np.stack([image_shape, image_shape, np.ones_like(image_shape), np.zeros_like(image_shape)], axis=1)
    inputs = tf.constant(images)
    outputs = model.build_outputs(inputs, {"image_info": tf.constant(image_info)}, "predict")
    tensors: dict[str, tf.Tensor] = {}
    names = {
        "cls_outputs": "cls",
        "box_outputs": "box",
        "rpn_score_outputs": "rpn_scores",
        "rpn_box_outputs": "rpn_boxes",
    }
    for key, value in outputs.items():
        if isinstance(value, dict):
            tensors |= {f"{names[key]}_{level}": tensor for level, tensor in value.items()}
        else:
            tensors[key] = value
    tensors |= {f"endpoint_{level}": tensor for level, tensor in seen["_fpn_fn"].items()}
    if case.backbone == "resnet":
        tensors |= {f"backbone_{level}": tensor for level, tensor in seen["_backbone_fn"].items()}
    if case.task == "maskrcnn":
        tensors |= dict(zip(("rois", "roi_scores"), seen["_generate_rois_fn"], strict=True))
        tensors |= _given_regions(case, seen["_fpn_fn"])
    return tensors | _anchors(case)


def _set_wiring(case: Case) -> None:
    """Give the case's wiring and widths to the release's builder, as its model id 49."""
    if case.backbone == "resnet":
        return
    module_name = {"spinenet": "spinenet", "spinenet_mobile": "spinenet_mbconv"}[case.backbone]
    module = importlib.import_module(f"modeling.architecture.{module_name}")
    specs = module.build_block_specs(list(case.wiring))
    builder = f"{module_name}_builder"
    setattr(module, builder, functools.partial(getattr(module, builder), block_specs=specs))
    module.SCALING_MAP["49"] = {
        "endpoints_num_filters": case.endpoints_width,
        "filter_size_scale": case.width,
        "block_repeats": case.repeats,
        **({"resample_alpha": case.alpha} if case.backbone == "spinenet" else {}),
    }


def _settings(case: Case) -> Any:
    module = importlib.import_module(f"configs.{case.task}_config")
    params_dict = importlib.import_module("hyperparameters.params_dict")
    settings = params_dict.ParamsDict(getattr(module, f"{case.task.upper()}_CFG"))
    settings.override(
        {
            "use_tpu": False,
            "architecture": {
                "backbone": "spinenet_mbconv" if case.backbone == "spinenet_mobile" else case.backbone,
                "multilevel_features": "fpn" if case.decoder_width else "identity",
                "min_level": case.min_level,
                "max_level": case.max_level,
                "num_classes": case.num_classes,
                "use_bfloat16": False,
            },
            "anchor": {
                "num_scales": case.anchor_scales,
                "aspect_ratios": list(case.aspect_ratios),
                "anchor_size": case.anchor_size,
            },
            "batch_norm_activation": {
                "batch_norm_momentum": case.bn_momentum,
                "batch_norm_epsilon": case.bn_epsilon,
                "activation": case.activation,
            },
            "resnet": {"resnet_depth": case.resnet_depth},
            "fpn": {"fpn_feat_dims": case.decoder_width},
            "postprocess": {"max_total_size": case.max_detections},
        },
        is_strict=False,
    )
    settings.override(_head_settings(case), is_strict=False)
    return settings


def _head_settings(case: Case) -> dict[str, Any]:
    if case.task == "retinanet":
        head = {"num_convs": case.head_convs, "num_filters": case.head_width, "use_separable_conv": case.separable}
        return {"retinanet_head": head}
    box_head = {"num_convs": case.box_convs, "num_filters": case.box_width, "num_fcs": 1, "fc_dims": case.box_fc}
    mask_head = {"num_convs": case.mask_convs, "num_filters": case.mask_width}
    return {
        "rpn_head": {"num_filters": case.rpn_width, "use_batch_norm": True},
        "frcnn_head": {**box_head, "use_batch_norm": True},
        "mrcnn_head": {**mask_head, "use_batch_norm": True},
        "roi_proposal": {"test_rpn_post_nms_top_k": case.num_proposals},
    }


def _record(function: Callable[..., Any], name: str, seen: dict[str, Any]) -> Callable[..., Any]:
    def recorded(*args: Any, **kwargs: Any) -> Any:
        seen[name] = function(*args, **kwargs)
        return seen[name]

    return recorded


def _given_regions(case: Case, features: dict[int, tf.Tensor]) -> dict[str, tf.Tensor]:
    """Crops for the given regions."""
    rois = tf.constant(given_rois(case))
    crop = importlib.import_module("ops.spatial_transform_ops").multilevel_crop_and_resize
    return {
        "given_rois": rois,
        "given_box_features": crop(features, rois, output_size=7),
        "given_mask_features": crop(features, rois, output_size=14),
    }


def _anchors(case: Case) -> dict[str, tf.Tensor]:
    anchor = importlib.import_module("dataloader.anchor")
    ratios = list(case.aspect_ratios)
    boxes = anchor.Anchor(
        case.min_level, case.max_level, case.anchor_scales, ratios, case.anchor_size, list(case.size)
    ).multilevel_boxes
    return {f"anchor_{level}": tensor for level, tensor in boxes.items()}


def _randomise(session: tf1.Session, variables: list[tf.Variable], case: Case) -> None:
    rng = np.random.default_rng(case.seed)
    values = {
        variable.initializer.inputs[1]: random_value(rng, variable.op.name, variable.shape.as_list(), initial, case)
        for variable, initial in zip(variables, session.run(variables), strict=True)
    }
    session.run([variable.initializer for variable in variables], values)


def _estimator_variables(session: tf1.Session, variables: list[tf.Variable], trainable: set[str]) -> list[tf.Variable]:
    """What the Estimator saves besides the model: the step and the optimiser's momentum of every weight."""
    step = tf1.train.get_or_create_global_step()
    slots = [
        tf1.get_variable(f"{v.op.name}/Momentum", v.shape, initializer=tf1.zeros_initializer())
        for v in variables
        if v.name in trainable
    ]
    session.run(tf1.variables_initializer([step, *slots]))
    return [step, *slots]
