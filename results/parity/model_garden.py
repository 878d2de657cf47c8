"""Detectors of the TensorFlow Model Garden with random weights: build, run, save with everything a reader needs."""

from __future__ import annotations

import json
import os
from pathlib import Path

os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
import tensorflow as tf
import tf_keras
from model_garden_outputs import run_classification, run_maskrcnn, run_retinanet
from official.modeling import optimization
from official.vision.configs import maskrcnn as maskrcnn_config
from official.vision.configs import retinanet as retinanet_config
from official.vision.modeling import classification_model, decoders, factory
from official.vision.modeling.backbones import resnet, spinenet, spinenet_mobile
from parity_case import Case, base_meta, make_input, random_value


def write_case(case: Case, out: Path) -> None:
    """Build ``case``, fill it with random numbers, run it and write it to ``out/<name>/``."""
    folder = out / case.name
    folder.mkdir(parents=True, exist_ok=True)
    tf_keras.backend.clear_session()
    model, backbone = build_model(case)
    images, image_shape = make_input(case)
    run = {"retinanet": run_retinanet, "maskrcnn": run_maskrcnn, "classification": run_classification}[case.task]
    _create_variables(case, model, images, image_shape)
    randomise(model, case)
    outputs = {"image": images, "image_shape": image_shape, **run(case, model, images, image_shape)}
    np.savez(folder / "io.npz", **outputs)
    checkpoints = [save_checkpoint(model, folder, layout) for layout in case.layouts]
    _write_variables(model, folder)
    _write_layers(backbone, folder / "backbone_layers.tsv")
    if case.decoder_width:
        _write_layers(model.decoder, folder / "decoder_layers.tsv")
    meta = base_meta(case, outputs, "tf-models-official 2.20.0")
    meta |= {"checkpoints": checkpoints, **_counts(model, backbone)}
    (folder / "meta.json").write_text(json.dumps(meta, indent=1) + "\n", encoding="utf-8")


def build_model(case: Case) -> tuple[tf_keras.Model, tf_keras.Model]:
    """The task's model and its backbone; a static input size is needed for SpineNet's merges."""
    input_specs = tf_keras.layers.InputSpec(shape=[None, *case.size, 3])
    backbone = _build_backbone(case, input_specs)
    if case.task == "classification":
        model = classification_model.ClassificationModel(
            backbone=backbone, num_classes=case.num_classes, input_specs=input_specs
        )
        return model, backbone
    settings = _maskrcnn_settings(case) if case.task == "maskrcnn" else _retinanet_settings(case)
    decoder = _build_decoder(case, backbone) if case.decoder_width else None
    build = factory.build_maskrcnn if case.task == "maskrcnn" else factory.build_retinanet
    return build(input_specs, settings, backbone=backbone, decoder=decoder), backbone


def _create_variables(case: Case, model: tf_keras.Model, images: np.ndarray, image_shape: np.ndarray) -> None:
    """One call: heads make their variables when first called."""
    if case.task == "maskrcnn":
        run_maskrcnn(case, model, images, image_shape)
    else:
        model(images, training=True)


def _build_backbone(case: Case, input_specs: tf_keras.layers.InputSpec) -> tf_keras.Model:
    norm = {"activation": case.activation, "norm_momentum": case.bn_momentum, "norm_epsilon": case.bn_epsilon}
    if case.backbone == "resnet":
        return resnet.ResNet(case.resnet_depth, input_specs, depth_multiplier=case.width, **norm)
    shared = {
        "input_specs": input_specs,
        "min_level": case.min_level,
        "max_level": case.max_level,
        "endpoints_num_filters": case.endpoints_width,
        "block_repeats": case.repeats,
        "filter_size_scale": case.width,
        **norm,
    }
    if case.backbone == "spinenet_mobile":
        specs = spinenet_mobile.build_block_specs(list(case.wiring))
        return spinenet_mobile.SpineNetMobile(block_specs=specs, **shared)
    specs = spinenet.build_block_specs(list(case.wiring))
    return spinenet.SpineNet(block_specs=specs, resample_alpha=case.alpha, **shared)


def _build_decoder(case: Case, backbone: tf_keras.Model) -> tf_keras.Model:
    return decoders.FPN(
        input_specs=backbone.output_specs,
        min_level=case.min_level,
        max_level=case.max_level,
        num_filters=case.decoder_width,
        activation=case.activation,
        norm_momentum=case.bn_momentum,
        norm_epsilon=case.bn_epsilon,
    )


def _shared_settings(case: Case) -> dict[str, object]:
    settings: dict[str, object] = {
        "num_classes": case.num_classes,
        "min_level": case.min_level,
        "max_level": case.max_level,
        "anchor": {
            "num_scales": case.anchor_scales,
            "aspect_ratios": list(case.aspect_ratios),
            "anchor_size": case.anchor_size,
        },
        "norm_activation": {
            "activation": case.activation,
            "norm_momentum": case.bn_momentum,
            "norm_epsilon": case.bn_epsilon,
            "use_sync_bn": False,
        },
    }
    if not case.decoder_width:
        settings["decoder"] = {"type": "identity", "identity": {}}
    return settings


def _retinanet_settings(case: Case) -> retinanet_config.RetinaNet:
    return retinanet_config.RetinaNet(
        head={"num_convs": case.head_convs, "num_filters": case.head_width, "use_separable_conv": case.separable},
        detection_generator={"max_num_detections": case.max_detections},
        **_shared_settings(case),
    )


def _maskrcnn_settings(case: Case) -> maskrcnn_config.MaskRCNN:
    return maskrcnn_config.MaskRCNN(
        rpn_head={"num_convs": 1, "num_filters": case.rpn_width, "use_separable_conv": case.separable},
        detection_head={
            "num_convs": case.box_convs,
            "num_filters": case.box_width,
            "num_fcs": 1,
            "fc_dims": case.box_fc,
            "use_separable_conv": case.separable,
        },
        mask_head={
            "num_convs": case.mask_convs,
            "num_filters": case.mask_width,
            "use_separable_conv": case.separable,
        },
        roi_generator={"test_num_proposals": case.num_proposals},
        detection_generator={"max_num_detections": case.max_detections},
        **_shared_settings(case),
    )


def randomise(model: tf_keras.Model, case: Case) -> None:
    """Every variable a random number drawn in the order of ``model.variables``: no two weights can be confused."""
    rng = np.random.default_rng(case.seed)
    for variable in model.variables:
        name, shape = variable.name.split(":")[0], variable.shape.as_list()
        variable.assign(random_value(rng, name, shape, variable.numpy(), case))


def save_checkpoint(model: tf_keras.Model, folder: Path, layout: str) -> str:
    """One checkpoint ``ckpt_<layout>`` as the model alone, as its parts or as the trainer of Model Garden saves it."""
    if layout == "model":
        checkpoint = tf.train.Checkpoint(model=model)
    elif layout == "items":
        checkpoint = tf.train.Checkpoint(**model.checkpoint_items)
    else:
        optimizer = _optimizer()
        optimizer.apply_gradients((tf.zeros_like(variable), variable) for variable in model.trainable_variables)
        checkpoint = tf.train.Checkpoint(
            global_step=optimizer.iterations, model=model, optimizer=optimizer, **model.checkpoint_items
        )
    path = checkpoint.write(str(folder / f"ckpt_{layout}"))
    names = [f"{name}\t{shape}" for name, shape in tf.train.list_variables(path)]
    (folder / f"ckpt_{layout}.vars.txt").write_text("\n".join(names) + "\n", encoding="utf-8")
    return f"ckpt_{layout}"


def _optimizer() -> tf_keras.optimizers.Optimizer:
    settings = optimization.OptimizationConfig(
        {
            "optimizer": {"type": "sgd", "sgd": {"momentum": 0.9}},
            "learning_rate": {"type": "constant", "constant": {"learning_rate": 0.1}},
        }
    )
    maker = optimization.OptimizerFactory(settings)
    return maker.build_optimizer(maker.build_learning_rate())


def _write_variables(model: tf_keras.Model, folder: Path) -> None:
    lines = [
        f"{i}\t{v.name}\t{v.shape.as_list()}\ttrainable={v.trainable}\tsum={float(np.sum(v.numpy())):.9g}"
        f"\tfirst={v.numpy().flat[0]:.9g}"
        for i, v in enumerate(model.variables)
    ]
    (folder / "variables.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _write_layers(network: tf_keras.Model, path: Path) -> None:
    """The weighted layers in the order of the checkpoint: key, name of the layer, its weights with shapes."""
    weighted = [layer for layer in network.layers if layer.weights]
    lines = [
        f"layer_with_weights-{i}\t{layer.name}\t{[(w.name, w.shape.as_list()) for w in layer.weights]}"
        for i, layer in enumerate(weighted)
    ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _counts(model: tf_keras.Model, backbone: tf_keras.Model) -> dict[str, int]:
    return {
        "trainable": _count(model.trainable_variables),
        "non_trainable": _count(model.non_trainable_variables),
        "backbone_trainable": _count(backbone.trainable_variables),
    }


def _count(variables: list[tf.Variable]) -> int:
    return int(sum(np.prod(variable.shape) for variable in variables))
