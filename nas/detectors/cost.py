"""What a detector costs, read off its modules: nothing is run."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from torch import nn

from nas.detectors.backbone import Backbone, Step
from nas.detectors.blocks import BatchNorm, ConvNorm, SqueezeExcite
from nas.detectors.classifier import Classifier
from nas.detectors.detector import Detector
from nas.detectors.head_layers import Tower
from nas.detectors.mask_rcnn import MaskRCNN
from nas.detectors.postprocess import DetectionSettings
from nas.detectors.resample import FanOut, Size, check_image_size, feature_size
from nas.detectors.retinanet import RetinaNet
from nas.detectors.roi import BOX_SIZE, MASK_SIZE
from nas.detectors.rpn import INFERENCE
from search_spaces.errors import ConfigError

BYTES = 4  # of a float32


@dataclass(frozen=True, slots=True)
class BlockCost:
    """The cost of one part of a detector; the fields are those of :class:`Cost`.

    Attributes:
        name: the part, for example ``block 3`` or ``connections to 3``.
        level: its feature level, or None where it works on several.
    """

    name: str
    level: int | None
    params_trainable: int
    params_batch_norm_statistics: int
    multiply_adds: int
    activation_bytes: int


@dataclass(frozen=True, slots=True)
class Cost:
    """What a detector costs.

    Attributes:
        params_trainable: weights, biases, scales and offsets.
        params_batch_norm_statistics: running means and variances.
        multiply_adds: of the convolutions and fully connected layers, and one for each value that batch normalisation
            or squeeze-and-excite scales, for one image, as each layer is defined: a 1x1 convolution that follows an
            up-sampling counts at the finer resolution (the "FLOPs" of the paper's Table 2).
        activation_bytes: of the outputs of all convolutions and fully connected layers for one image, in float32,
            each counted once: about what training keeps for the backward pass, and far more than inference holds.
        blocks: the same for each part, in order; they add up to the whole.
    """

    params_trainable: int
    params_batch_norm_statistics: int
    multiply_adds: int
    activation_bytes: int
    blocks: tuple[BlockCost, ...]

    def __str__(self) -> str:
        """The totals in one line."""
        return (
            f"{self.params_trainable:,} parameters, {self.params_batch_norm_statistics:,} batch norm statistics, "
            f"{self.multiply_adds / 1e9:.3f} G multiply-adds, {self.activation_bytes / 1e6:.1f} MB of activations"
        )


def cost(detector: Detector, image_size: int | Size) -> Cost:
    """The cost of a detector for images of ``image_size``: a side in pixels, or (height, width).

    Raises:
        ConfigError: a size that is not a positive integer, or that the detector cannot take.
    """
    size = image_size if isinstance(image_size, tuple) else (image_size, image_size)
    if len(size) != 2 or any(not isinstance(side, int) or side < 1 for side in size):
        raise ConfigError(f"image_size is {image_size!r}; it must be a positive integer, or (height, width) of them.")
    check_image_size(size, detector.backbone.multiple)
    blocks = (*_backbone_rows(detector, size), *_head_rows(detector, size))
    total = _sum("all", None, blocks)
    return Cost(
        total.params_trainable,
        total.params_batch_norm_statistics,
        total.multiply_adds,
        total.activation_bytes,
        blocks,
    )


def _backbone_rows(detector: Detector, size: Size) -> Iterable[BlockCost]:
    backbone = detector.backbone
    yield _row("stem convolution", 1, [backbone.stem], size)
    for step in backbone.steps:
        if step.parents:
            yield _connections(backbone, step, size)
        yield _row(f"block {step.name}", step.level, [backbone.groups[step.name]], size)
    for name, endpoint in backbone.endpoints.items():
        yield _row(f"endpoint {name}", int(name), [endpoint], size)
    if backbone.pyramid is not None:
        for level in detector.levels:
            parts = (backbone.pyramid.laterals, backbone.pyramid.smooths, backbone.pyramid.coarsers)
            modules = [part[str(level)] for part in (*parts, backbone.pyramid.norms) if str(level) in part]
            yield _row(f"pyramid {level}", level, modules, size, _positions(size, [level]))


def _connections(backbone: Backbone, step: Step, size: Size) -> BlockCost:
    """The connections that lead to a block; of a :class:`FanOut` each of its connections has an equal share."""
    own = [part[key] for _, _, key in step.parents for part in (backbone.widens, backbone.downs) if key in part]
    rows = [_row("", None, own, size)]
    for parent, _, _ in step.parents:
        if parent in backbone.fan_outs:
            rows.append(_share(backbone.fan_outs[parent], int(step.name), size))
    return _sum(f"connections to {step.name}", step.level, rows)


def _share(fan_out: nn.Module, target: int, size: Size) -> BlockCost:
    assert isinstance(fan_out, FanOut)
    parts = [(_row("", None, [fan_out.narrow], size), len(fan_out.targets))]
    if fan_out.down is not None and fan_out.targets.index(target) < fan_out.lower:
        parts.append((_row("", None, [fan_out.down], size), fan_out.lower))
    shares = [
        BlockCost(
            "",
            None,
            row.params_trainable // count,
            row.params_batch_norm_statistics // count,
            row.multiply_adds // count,
            row.activation_bytes // count,
        )
        for row, count in parts
    ]
    return _sum("", None, shares)


def _head_rows(detector: Detector, size: Size) -> Iterable[BlockCost]:
    if isinstance(detector, Classifier):
        yield _row("classifier", None, [detector.predictor], size)
    everywhere = _positions(size, detector.levels)
    if isinstance(detector, RetinaNet):
        head = detector.head
        for name in ("class", "box"):
            yield _tower(f"{name} tower", getattr(head, f"{name}_tower"), detector, size)
            yield _row(f"{name} predictor", None, [getattr(head, f"{name}_predictor")], size, everywhere)
    if isinstance(detector, MaskRCNN):
        yield from _mask_rcnn_rows(detector, size, everywhere)


def _mask_rcnn_rows(detector: MaskRCNN, size: Size, everywhere: int) -> Iterable[BlockCost]:
    """Region proposals at every position; the box head for all proposals, the mask head for all detections."""
    rpn, box, mask = detector.rpn, detector.box_head, detector.mask_head
    yield _tower("region proposal tower", rpn.tower, detector, size)
    yield _row("region proposal predictors", None, [rpn.class_predictor, rpn.box_predictor], size, everywhere)
    regions = INFERENCE.limit
    yield _row("box head convolutions", None, [box.tower], size, regions * BOX_SIZE**2)
    dense = [box.fc, box.fc_norm, box.class_predictor, box.box_predictor]
    yield _row("box head dense layers", None, dense, size, regions)
    positions = DetectionSettings().detections * MASK_SIZE**2
    yield _row("mask head convolutions", None, [mask.tower, mask.upsample], size, positions)
    yield _row("mask head predictor", None, [mask.norm, mask.predictor], size, positions * 4)


def _tower(name: str, tower: Tower, detector: Detector, size: Size) -> BlockCost:
    """Convolutions shared by all levels, batch normalisation for each level alone."""
    rows = [_row("", None, [tower.convolutions], size, _positions(size, detector.levels))]
    for norms in tower.norms:
        for norm, level in zip(norms.children(), detector.levels):
            rows.append(_row("", None, [norm], size, _positions(size, [level])))
    return _sum(name, None, rows)


def _sum(name: str, level: int | None, rows: Sequence[BlockCost]) -> BlockCost:
    return BlockCost(
        name=name,
        level=level,
        params_trainable=sum(row.params_trainable for row in rows),
        params_batch_norm_statistics=sum(row.params_batch_norm_statistics for row in rows),
        multiply_adds=sum(row.multiply_adds for row in rows),
        activation_bytes=sum(row.activation_bytes for row in rows),
    )


def _row(name: str, level: int | None, modules: list[nn.Module], size: Size, positions: int = 1) -> BlockCost:
    """One part; a :class:`ConvNorm` knows its own level, any other layer works at ``positions`` positions."""
    params = statistics = multiply_adds = outputs = scaled = 0
    for module in (inner for outer in modules for inner in outer.modules()):
        params += sum(parameter.numel() for parameter in module.parameters(recurse=False))
        if isinstance(module, ConvNorm):
            here = _positions(size, [module.level])
            multiply_adds += len(module.norm.running_mean) * (here - positions)  # the norm itself is met on its own
            scaled = len(module.weight) * here
        elif isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            here = positions
        elif isinstance(module, SqueezeExcite):
            multiply_adds += scaled  # the values it weighs are the outputs of the convolution before it
            continue
        elif isinstance(module, BatchNorm):
            statistics += module.running_mean.numel() + module.running_var.numel()
            multiply_adds += len(module.running_mean) * positions
            continue
        else:
            continue
        multiply_adds += module.weight.numel() * here
        upsampled = module.stride[0] * module.stride[1] if isinstance(module, nn.ConvTranspose2d) else 1
        channels = module.weight.shape[1 if isinstance(module, nn.ConvTranspose2d) else 0]
        outputs += channels * here * upsampled
    return BlockCost(name, level, params, statistics, multiply_adds, outputs * BYTES)


def _positions(image_size: Size, levels: Iterable[int]) -> int:
    total = 0
    for level in levels:
        height, width = feature_size(image_size, level)
        total += height * width
    return total
