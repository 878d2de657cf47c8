"""What a network costs: the sum over the parts that it declares. Nothing is run."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby

from nas.detectors.detector import Network
from nas.detectors.parts import Part
from nas.detectors.sizes import Size, check_image_size, read_size

BYTES = 4  # of a float32


@dataclass(frozen=True, slots=True)
class BlockCost:
    """The cost of one part of a network; the counts are those of :class:`Cost`.

    Attributes:
        name: of the part, for example ``block 3`` or ``connections to 3``.
        level: its feature level, or None if it works on several.
    """

    name: str
    level: int | None
    params_trainable: int
    params_batch_norm_statistics: int
    multiply_adds: int
    activation_bytes: int


@dataclass(frozen=True, slots=True)
class Cost:
    """What a network costs.

    Attributes:
        params_trainable: weights, biases, scales and offsets.
        params_batch_norm_statistics: running means and variances.
        multiply_adds: those of the convolutions and fully connected layers for one image, and one for each value that
            batch normalisation or squeeze-and-excite scales. They are counted as each layer is defined: a 1x1
            convolution that follows an up-sampling counts at the finer resolution (the "FLOPs" of the paper's Table 2).
        activation_bytes: size of the outputs of all convolutions and fully connected layers for one image in float32,
            each counted once. Training keeps about this much for the backward pass; inference needs far less.
        blocks: the same for each part, in order. They add up to the whole.
    """

    params_trainable: int
    params_batch_norm_statistics: int
    multiply_adds: int
    activation_bytes: int
    blocks: tuple[BlockCost, ...]

    def __str__(self) -> str:
        """The totals, in one line."""
        return (
            f"{self.params_trainable:,} parameters, {self.params_batch_norm_statistics:,} batch norm statistics, "
            f"{self.multiply_adds / 1e9:.3f} G multiply-adds, {self.activation_bytes / 1e6:.1f} MB of activations"
        )


def cost(network: Network, image_size: int | Size) -> Cost:
    """The cost of a network for images of ``image_size``: a side in pixels, or (height, width).

    Raises:
        ConfigError: the size is not a positive integer, or the network cannot take it.
    """
    size = read_size(image_size)
    check_image_size(size, network.backbone.multiple)
    blocks = tuple(_row(name, parts) for name, parts in groupby(network.parts(size), key=lambda part: part.name))
    return Cost(
        params_trainable=sum(block.params_trainable for block in blocks),
        params_batch_norm_statistics=sum(block.params_batch_norm_statistics for block in blocks),
        multiply_adds=sum(block.multiply_adds for block in blocks),
        activation_bytes=sum(block.activation_bytes for block in blocks),
        blocks=blocks,
    )


def _row(name: str, parts: Iterable[Part]) -> BlockCost:
    """The cost of the parts that share a name."""
    parts = list(parts)
    counted = [count_part(part) for part in parts]
    params, statistics, multiply_adds, outputs = (sum(column) for column in zip(*counted))
    return BlockCost(name, parts[0].level, params, statistics, multiply_adds, outputs * BYTES)


def count_part(part: Part) -> tuple[int, int, int, int]:
    """Trainable parameters, statistics of batch normalisation, multiply-adds, and values that kernels write.

    A tensor with two or more axes is a kernel, and its first axis runs over the output channels. Every channel of a
    batch normalisation has two statistics and one multiply-add at each position.
    """
    tensors = [parameter for module in part.modules for parameter in module.parameters()]
    kernels = [tensor for tensor in tensors if tensor.ndim > 1]
    statistics = sum(buffer.numel() for module in part.modules for buffer in module.buffers())
    multiply_adds = part.positions * (sum(kernel.numel() for kernel in kernels) + statistics // 2) + part.products
    outputs = part.positions * sum(len(kernel) for kernel in kernels) if part.outputs is None else part.outputs
    counted = (sum(tensor.numel() for tensor in tensors), statistics, multiply_adds, outputs)
    params, statistics, multiply_adds, outputs = (value // part.share for value in counted)
    return params, statistics, multiply_adds, outputs
