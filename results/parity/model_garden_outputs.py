"""What a model of the Model Garden gives in inference mode, as named arrays."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import tensorflow as tf
import tf_keras
from official.vision.ops import anchor
from parity_case import Case, given_rois


def run_retinanet(
    case: Case, model: tf_keras.Model, images: np.ndarray, image_shape: np.ndarray
) -> Mapping[str, np.ndarray]:
    """Feature maps, raw outputs, anchors and detections, in inference mode."""
    outputs = model(images, image_shape=image_shape, output_intermediate_features=True, training=False)
    arrays: dict[str, np.ndarray] = {}
    for level in range(case.min_level, case.max_level + 1):
        arrays.update(_features(case, level, lambda prefix, key: outputs.get(f"{prefix}_{key}")))
        arrays[f"cls_{level}"] = outputs["cls_outputs"][str(level)].numpy()
        arrays[f"box_{level}"] = outputs["box_outputs"][str(level)].numpy()
    return arrays | _anchors(case) | _detections(outputs)


def run_maskrcnn(
    case: Case, model: tf_keras.Model, images: np.ndarray, image_shape: np.ndarray
) -> Mapping[str, np.ndarray]:
    """As RetinaNet, and what the second stage makes of its own and of given regions, in inference mode."""
    outputs = model(images, image_shape=image_shape, training=False)
    maps = {"backbone": outputs["backbone_features"], "decoder": outputs["decoder_features"]}
    arrays: dict[str, np.ndarray] = {}
    for level in range(case.min_level, case.max_level + 1):
        arrays.update(_features(case, level, lambda prefix, key: maps[prefix].get(key)))
        arrays[f"rpn_scores_{level}"] = outputs["rpn_scores"][str(level)].numpy()
        arrays[f"rpn_boxes_{level}"] = outputs["rpn_boxes"][str(level)].numpy()
    anchors = {key.removeprefix("anchor_"): tf.stack([value, value]) for key, value in _anchors(case).items()}
    rois, roi_scores = model.roi_generator(outputs["rpn_boxes"], outputs["rpn_scores"], anchors, image_shape, False)
    arrays |= {"rois": rois.numpy(), "roi_scores": roi_scores.numpy()}
    arrays |= {"class_outputs": outputs["class_outputs"].numpy(), "box_outputs": outputs["box_outputs"].numpy()}
    arrays |= _anchors(case) | _detections(outputs)
    return arrays | _given_regions(case, model, outputs["decoder_features"])


def _given_regions(case: Case, model: tf_keras.Model, features: Mapping[str, tf.Tensor]) -> Mapping[str, np.ndarray]:
    """The heads on given regions."""
    rois = given_rois(case)
    rng = np.random.default_rng(case.seed + 3000)
    classes = rng.integers(1, case.num_classes, (2, 24)).astype(np.int32)
    box_features = model.roi_aligner(features, tf.constant(rois))
    class_outputs, box_outputs = model.detection_head[0](box_features)
    mask_features = model.mask_roi_aligner(features, tf.constant(rois))
    tensors = {
        "given_box_features": box_features,
        "given_class_outputs": class_outputs,
        "given_box_outputs": box_outputs,
        "given_mask_features": mask_features,
        "given_mask_logits": model.mask_head([mask_features, tf.constant(classes)]),
    }
    arrays = {name: tensor.numpy() for name, tensor in tensors.items()}
    return {"given_rois": rois, "given_classes": classes, **arrays}


def run_classification(
    case: Case, model: tf_keras.Model, images: np.ndarray, image_shape: np.ndarray
) -> Mapping[str, np.ndarray]:
    """Logits (2, classes) and the backbone's feature maps, in inference mode."""
    features = model.backbone(images, training=False)
    arrays = {f"endpoint_{level}": feature.numpy() for level, feature in features.items()}
    return {**arrays, "logits": model(images, training=False).numpy()}


def _features(case: Case, level: int, find: Callable[[str, str], tf.Tensor | None]) -> dict[str, np.ndarray]:
    names = {"backbone": "backbone", "decoder": "endpoint"} if case.decoder_width else {"backbone": "endpoint"}
    tensors = {name: find(prefix, str(level)) for prefix, name in names.items()}
    return {f"{name}_{level}": tensor.numpy() for name, tensor in tensors.items() if tensor is not None}


def _anchors(case: Case) -> dict[str, np.ndarray]:
    boxes = anchor.Anchor(
        case.min_level, case.max_level, case.anchor_scales, list(case.aspect_ratios), case.anchor_size, case.size
    ).multilevel_boxes
    return {f"anchor_{level}": value.numpy() for level, value in boxes.items()}


def _detections(outputs: Mapping[str, tf.Tensor]) -> dict[str, np.ndarray]:
    return {key: value.numpy() for key, value in outputs.items() if key.startswith(("detection_", "num_detections"))}
