"""The statistics of batch normalisation, estimated anew when training is over.

Running statistics follow the training, batch by small batch. At 96 px level 7 is a single position, so a batch of 8
gives a channel 8 values there: what such statistics are worth is a matter of luck, and architectures that route through
coarse levels pay for it (Wu and Johnson, "Rethinking 'Batch' in BatchNorm", 2021, section 3).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import torch
from torch import Tensor, nn

from nas.datasets.augment import read_images
from nas.datasets.dataset import DetectionData
from nas.detectors.layers import BatchNorm
from nas.training.order import permutation


def estimate_statistics(network: nn.Module, batches: Iterable[Tensor]) -> None:
    """Set the running mean and variance of every batch normalisation to their means over some batches.

    The weights stay as they are. Every batch counts alike, and is normalised by its own statistics on its way through
    the network, as in training.

    Args:
        network: in training mode.
        batches: images [B, 3, S, S]. Without any, nothing changes.
    """
    layers = [module for module in network.modules() if isinstance(module, BatchNorm)]
    momenta = [layer.momentum for layer in layers]
    try:
        with torch.no_grad():
            for number, images in enumerate(batches, start=1):
                for layer in layers:
                    layer.momentum = 1 / number
                network(images)
    finally:
        for layer, momentum in zip(layers, momenta):
            layer.momentum = momentum


def image_batches(
    data: DetectionData, indices: Sequence[int], images: int, batch_size: int, seed: int, device: torch.device | str
) -> Iterator[Tensor]:
    """Images [B, 3, S, S] as they are evaluated, without variation: the first of an order drawn from the seed.

    The last batch is left out where it would be smaller than half of the others, since every batch counts alike.

    Args:
        indices: the images to draw from.
        images: how many; all, where there are fewer.
        batch_size: images in a batch, at most.
    """
    chosen = [indices[place] for place in permutation(seed, 0, len(indices))[:images]]
    for first in range(0, len(chosen), batch_size):
        batch = chosen[first : first + batch_size]
        if not first or 2 * len(batch) >= batch_size:
            yield read_images(data, batch, device)
