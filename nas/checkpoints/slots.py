"""The weights of a detector by role, so that every source only has to say how it calls each role.

A role is a layer as the papers know it; a slot is one tensor of it, ``<role>.<part>``. Parts are ``kernel`` and
``bias`` of a convolution, ``gamma``, ``beta``, ``mean`` and ``variance`` of batch normalisation. Roles:

- ``stem``; ``node3.block0.reduce`` (a layer of the first block of node 3); ``endpoint3``;
- ``connection2-4.narrow``, ``.down`` (in the mobile family ``.down0``, ``.down1``, ...) and ``.widen``;
- ``pyramid.lateral3``, ``.smooth3``, ``.coarser6``, ``.norm3``;
- ``rpn_tower``, ``rpn_class_predictor``, ``rpn_box_predictor``; ``box_head.conv0``, ``.norm0``, ``.fc``, ``.fc_norm``,
  ``box_class_predictor``, ``box_box_predictor``; ``mask_head.conv0``, ``.norm0``, ``.deconv``, ``.deconv_norm``,
  ``mask_predictor``;
- ``class_tower.conv0``, ``class_tower.norm0.3`` (convolution 0, level 3), ``class_predictor``, likewise for the other
  towers; a separable convolution has the roles ``<role>.depthwise`` and ``<role>.pointwise``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from torch import nn

from nas.detectors.blocks import ConvNorm
from nas.detectors.classifier import Classifier
from nas.detectors.detector import Detector
from nas.detectors.head_layers import SeparableConv, Tower
from nas.detectors.mask_rcnn import MaskRCNN
from nas.detectors.resample import FanOut
from nas.detectors.retinanet import RetinaNet

NORM_PARTS = {"gamma": "weight", "beta": "bias", "mean": "running_mean", "variance": "running_var"}


@dataclass(frozen=True, slots=True)
class Slot:
    """Where one tensor of a role lies.

    Attributes:
        key: in the detector's state dictionary.
        kind: ``conv``, ``depthwise``, ``transposed``, ``dense``, ``roi_dense`` (a fully connected layer on crops
            [7, 7]) or ``vector``; it decides how a source's axes are permuted.
        first, last: range of the rows that belong to the role; None: all.
    """

    key: str
    kind: str
    first: int | None = None
    last: int | None = None


def slots(detector: Detector) -> dict[str, Slot]:
    """Every tensor of a detector by role and part; together they cover its state dictionary exactly."""
    found = dict(_backbone_slots(detector))
    if isinstance(detector, RetinaNet):
        for name in ("class", "box"):
            found.update(
                _tower(f"{name}_tower", f"head.{name}_tower", getattr(detector.head, f"{name}_tower"), detector)
            )
            predictor = getattr(detector.head, f"{name}_predictor")
            found.update(_convolution(f"{name}_predictor", f"head.{name}_predictor", predictor))
    elif isinstance(detector, Classifier):
        found.update(_convolution("predictor", "predictor", detector.predictor))
    elif isinstance(detector, MaskRCNN):
        found.update(_mask_rcnn_slots(detector))
    return found


def _mask_rcnn_slots(detector: MaskRCNN) -> Iterator[tuple[str, Slot]]:
    yield from _tower("rpn_tower", "rpn.tower", detector.rpn.tower, detector)
    yield from _convolution("rpn_class_predictor", "rpn.class_predictor", detector.rpn.class_predictor)
    yield from _convolution("rpn_box_predictor", "rpn.box_predictor", detector.rpn.box_predictor)
    for head in ("box_head", "mask_head"):
        tower = getattr(detector, head).tower
        for at, convolution in enumerate(tower.convolutions):
            yield from _convolution(f"{head}.conv{at}", f"{head}.tower.convolutions.{at}", convolution)
            yield from _norm(f"{head}.norm{at}", f"{head}.tower.norms.{at}")
    yield from _convolution("box_head.fc", "box_head.fc", detector.box_head.fc, "roi_dense")
    yield from _norm("box_head.fc_norm", "box_head.fc_norm")
    yield from _convolution("box_class_predictor", "box_head.class_predictor", detector.box_head.class_predictor)
    yield from _convolution("box_box_predictor", "box_head.box_predictor", detector.box_head.box_predictor)
    yield from _convolution("mask_head.deconv", "mask_head.upsample", detector.mask_head.upsample)
    yield from _norm("mask_head.deconv_norm", "mask_head.norm")
    yield from _convolution("mask_predictor", "mask_head.predictor", detector.mask_head.predictor)


def _backbone_slots(detector: Detector) -> Iterator[tuple[str, Slot]]:
    backbone = detector.backbone
    stem = "backbone.stem" if isinstance(backbone.stem, ConvNorm) else "backbone.stem.conv"
    yield from _conv_norm("stem", stem)
    for node, group in backbone.groups.items():
        for repeat, block in group.named_children():
            for name, layer in block.named_children():
                role, path = f"node{node}.block{repeat}.{name}", f"backbone.groups.{node}.{repeat}.{name}"
                if isinstance(layer, ConvNorm):
                    yield from _conv_norm(role, path, depthwise=layer.groups > 1)
                else:
                    for part, inner in layer.named_children():
                        yield from _convolution(f"{role}.{part}", f"{path}.{part}", inner)
    yield from _connection_slots(detector)
    for level in backbone.endpoints:
        yield from _conv_norm(f"endpoint{level}", f"backbone.endpoints.{level}")
    if backbone.pyramid is not None:
        for name in ("lateral", "smooth", "coarser"):
            for level, layer in getattr(backbone.pyramid, f"{name}s").items():
                yield from _convolution(f"pyramid.{name}{level}", f"backbone.pyramid.{name}s.{level}", layer)
        for level in backbone.pyramid.norms:
            yield from _norm(f"pyramid.norm{level}", f"backbone.pyramid.norms.{level}")


def _connection_slots(detector: Detector) -> Iterator[tuple[str, Slot]]:
    backbone = detector.backbone
    for node, fan_out in backbone.fan_outs.items():
        assert isinstance(fan_out, FanOut)
        width = fan_out.narrow.weight.shape[0] // len(fan_out.targets)
        for at, target in enumerate(fan_out.targets):
            role, path, rows = f"connection{node}-{target}", f"backbone.fan_outs.{node}", (at * width, (at + 1) * width)
            yield from _conv_norm(f"{role}.narrow", f"{path}.narrow", rows)
            if at < fan_out.lower:
                yield from _conv_norm(f"{role}.down", f"{path}.down", rows)
    for connection, downs in backbone.downs.items():
        for number, _ in downs.named_children():
            role, path = f"connection{connection}.down{number}", f"backbone.downs.{connection}.{number}"
            yield from _conv_norm(role, path, depthwise=True)
    for connection in backbone.widens:
        yield from _conv_norm(f"connection{connection}.widen", f"backbone.widens.{connection}")


def _tower(role: str, path: str, tower: Tower, detector: Detector) -> Iterator[tuple[str, Slot]]:
    for at, (convolution, norms) in enumerate(zip(tower.convolutions, tower.norms)):
        yield from _convolution(f"{role}.conv{at}", f"{path}.convolutions.{at}", convolution)
        for position, (level, _) in enumerate(zip(detector.levels, norms.children())):
            yield from _norm(f"{role}.norm{at}.{level}", f"{path}.norms.{at}.{position}")


def _conv_norm(
    role: str, path: str, rows: tuple[int, int] | tuple[None, None] = (None, None), depthwise: bool = False
) -> Iterator[tuple[str, Slot]]:
    yield f"{role}.kernel", Slot(f"{path}.weight", "depthwise" if depthwise else "conv", *rows)
    yield from _norm(role, f"{path}.norm", rows)


def _norm(role: str, path: str, rows: tuple[int, int] | tuple[None, None] = (None, None)) -> Iterator[tuple[str, Slot]]:
    for part, name in NORM_PARTS.items():
        yield f"{role}.{part}", Slot(f"{path}.{name}", "vector", *rows)


def _convolution(role: str, path: str, layer: nn.Module, kind: str = "") -> Iterator[tuple[str, Slot]]:
    """A layer with a bias: plain, separable, transposed, or fully connected."""
    if isinstance(layer, SeparableConv):
        yield f"{role}.depthwise.kernel", Slot(f"{path}.depthwise.weight", "depthwise")
        role, path = f"{role}.pointwise", f"{path}.pointwise"
    kinds = {nn.Linear: "dense", nn.ConvTranspose2d: "transposed"}
    yield f"{role}.kernel", Slot(f"{path}.weight", kind or kinds.get(type(layer), "conv"))
    yield f"{role}.bias", Slot(f"{path}.bias", "vector")
