"""What a detector costs, read off its modules: nothing is run."""

from __future__ import annotations

from dataclasses import dataclass

from nas.detectors.blocks import ConvNorm
from nas.detectors.resample import Size, feature_size
from nas.detectors.retinanet import Detector
from search_spaces.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Cost:
    """What a detector costs.

    Attributes:
        params_trainable: weights, biases, scales and offsets.
        params_batch_norm_statistics: running means and variances.
        multiply_adds: of the convolutions, for one image, as each is defined: a 1x1 convolution that follows an
            up-sampling counts at the finer resolution (the "FLOPs" of the paper's Table 2).
    """

    params_trainable: int
    params_batch_norm_statistics: int
    multiply_adds: int


def cost(detector: Detector, image_size: int | Size) -> Cost:
    """The cost of a detector for images of ``image_size``: a side in pixels, or (height, width).

    Raises:
        ConfigError: a size that is not a positive integer.
    """
    size = image_size if isinstance(image_size, tuple) else (image_size, image_size)
    if len(size) != 2 or any(not isinstance(side, int) or side < 1 for side in size):
        raise ConfigError(f"image_size is {image_size!r}; it must be a positive integer, or (height, width) of them.")
    backbone = sum(
        module.weight.numel() * _positions(size, module.level)
        for module in detector.backbone.modules()
        if isinstance(module, ConvNorm)
    )
    kernels = sum(parameter.numel() for parameter in detector.head.parameters() if parameter.ndim == 4)
    head = kernels * sum(_positions(size, level) for level in detector.levels)
    return Cost(
        params_trainable=sum(parameter.numel() for parameter in detector.parameters()),
        params_batch_norm_statistics=sum(
            buffer.numel()
            for name, buffer in detector.named_buffers()
            if name.endswith(("running_mean", "running_var"))
        ),
        multiply_adds=backbone + head,
    )


def _positions(image_size: Size, level: int) -> int:
    height, width = feature_size(image_size, level)
    return height * width
