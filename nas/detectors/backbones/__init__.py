"""Architectures as modules, from images to feature maps."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from nas.detectors.backbones.families import FAMILIES, Family
from nas.detectors.backbones.resnet_fpn import ResNetFPN
from nas.detectors.backbones.scale_permuted import ScalePermuted
from nas.detectors.detector import Backbone
from nas.detectors.scaling import Scaling
from search_spaces.architecture import Architecture
from search_spaces.vocabulary import MOBILE, RESNET_FPN, SPINENET

BACKBONES: Mapping[str, Callable[[Architecture, Scaling], Backbone]] = {
    SPINENET: ScalePermuted,
    MOBILE: ScalePermuted,
    RESNET_FPN: ResNetFPN,
}
"""Family -> class of its backbones."""


def build_backbone(architecture: Architecture, scaling: Scaling) -> Backbone:
    """The backbone of an architecture, randomly initialised.

    Raises:
        ConfigError: the scaling leaves a block without channels.
    """
    return BACKBONES[architecture.family](architecture, scaling)


__all__ = ["BACKBONES", "FAMILIES", "Family", "build_backbone"]
