"""A network as a torch.export program: one file that runs without its Python source."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_flatten_with_path

from nas.detectors.detector import Network, in_evaluation
from nas.detectors.sizes import Size, check_image_size
from nas.disk import replacing


def export_program(network: Network, image_size: int | Size, path: str | Path) -> None:
    """Write the raw outputs (class, box, endpoints) for one image as a program for ``torch.export.load``.

    The program takes normalised images [1, 3, H, W], as ``forward`` does, and computes as in evaluation.

    Args:
        image_size: a side in pixels, or (height, width).
        path: path of the file, whose name usually ends in ``.pt2``.

    Raises:
        ConfigError: a side is not a multiple of what the network needs.
    """
    images = example_images(network, image_size)
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with in_evaluation(network):
        program = torch.export.export(network, (images,))
    with (
        replacing(path) as temporary,
        warnings.catch_warnings(),
    ):  # about weights that are stored channels-last, which are complete all the same
        warnings.filterwarnings("ignore", "No complete tensor found")
        torch.export.save(program, temporary)


def check_program(path: str | Path, network: Network, images: Tensor) -> float:
    """Largest difference between the raw outputs of a program and of the network for one image [1, 3, H, W]."""
    program = torch.export.load(path).module()
    with in_evaluation(network):
        return largest_difference(program(images), network(images))


def largest_difference(first: Any, second: Any) -> float:
    """Largest difference between the tensors of two raw outputs that hold the same maps.

    Raises:
        ValueError: they do not hold the same maps.
    """
    ours, theirs = tree_flatten_with_path(first)[0], tree_flatten_with_path(second)[0]
    if [key for key, _ in ours] != [key for key, _ in theirs]:
        raise ValueError("the raw outputs do not hold the same maps")
    pairs = [(a, b) for (_, a), (_, b) in zip(ours, theirs) if isinstance(a, Tensor)]
    return max(float((a.cpu() - b.cpu()).abs().max()) for a, b in pairs)


def example_images(network: Network, image_size: int | Size) -> Tensor:
    """An image [1, 3, H, W] of zeros on the device of the network's weights.

    Raises:
        ConfigError: a side is not a multiple of what the network needs.
    """
    size = image_size if isinstance(image_size, tuple) else (image_size, image_size)
    check_image_size(size, network.backbone.multiple)
    return torch.zeros(1, 3, *size, device=next(network.parameters()).device)
