"""The feature pyramid of the ResNet baselines (arXiv 1612.03144), its coarser levels as RetinaNet has them."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

from nas.detectors.blocks import BatchNorm, activate, initialise_kernel, pad_same
from nas.detectors.resample import resize_nearest
from nas.detectors.scaling import Scaling
from search_spaces.architecture import Architecture


class FeaturePyramid(nn.Module):
    """Lateral 1x1 convolutions, nearest-neighbour top-down sums, a 3x3 convolution for each level; a strided 3x3
    convolution for each level above the stem's; batch normalisation without activation at the end.

    Submodules by level: ``laterals``, ``smooths`` (the 3x3 convolutions of stride 1), ``coarsers`` (of stride 2),
    ``norms``.
    """

    def __init__(self, architecture: Architecture, scaling: Scaling) -> None:
        super().__init__()
        nodes, first = architecture.nodes, len(architecture.stem)
        self.activation = "relu" if scaling.rules.pyramid_relu else scaling.activation
        self.sources = {
            level: str(parent)
            for level, index in architecture.outputs.items()
            for parent in nodes[index].parents
            if parent < first
        }
        self.laterals, self.smooths = nn.ModuleDict(), nn.ModuleDict()
        self.coarsers, self.norms = nn.ModuleDict(), nn.ModuleDict()
        for level in architecture.outputs:
            if level in self.sources:
                channels = scaling.block_channels(level, nodes[int(self.sources[level])].block_type, "resnet-fpn")
                self.laterals[str(level)] = _convolution(channels, scaling.endpoints, 1)
                self.smooths[str(level)] = _convolution(scaling.endpoints, scaling.endpoints, 3)
            else:
                self.coarsers[str(level)] = _convolution(scaling.endpoints, scaling.endpoints, 3, stride=2)
            self.norms[str(level)] = BatchNorm(scaling.endpoints, scaling)

    def forward(self, features: Mapping[str, Tensor]) -> dict[int, Tensor]:
        """{node: [B, C, h, w]} of the stem -> {level: [B, endpoints, h, w]}."""
        merged: dict[int, Tensor] = {}
        for level in sorted(self.sources, reverse=True):
            lateral = self.laterals[str(level)](features[self.sources[level]])
            above = merged.get(level + 1)
            size = (lateral.shape[2], lateral.shape[3])
            merged[level] = lateral if above is None else lateral + resize_nearest(above, size)
        levels = {level: self.smooths[str(level)](merged[level]) for level in sorted(merged)}
        for name, coarser in self.coarsers.items():
            x = levels[int(name) - 1]
            if str(int(name) - 1) in self.coarsers:
                x = activate(x.clone(), self.activation)
            levels[int(name)] = coarser(pad_same(x, 3, 2))
        return {level: self.norms[str(level)](x) for level, x in levels.items()}


def _convolution(channels_in: int, channels_out: int, kernel: int, stride: int = 1) -> nn.Conv2d:
    """A convolution with bias; of stride 2 it leaves the padding to its caller."""
    convolution = nn.Conv2d(channels_in, channels_out, kernel, stride, padding=kernel // 2 if stride == 1 else 0)
    initialise_kernel(convolution.weight)
    assert convolution.bias is not None
    nn.init.zeros_(convolution.bias)
    return convolution
