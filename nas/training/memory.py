"""How many images a step can hold in memory at once."""

from __future__ import annotations

import copy

import torch

from nas.datasets.picture_size import free_memory
from nas.detectors import Network, cost
from nas.training.accumulate import PRECISIONS, as_float

KEPT = 3.0
"""Times the activations that a training step needs: outputs, what is normalised of them, gradients."""
OF_FREE = 0.5
"""Share of the free memory of a CPU's machine that a part of a batch may take."""


def fitting_part(network: Network, image_size: int, most: int, precision: str, device: torch.device) -> int:
    """The most images, ``most`` at most, of which a step can be made at once.

    On a CPU this is reckoned from the activations and the free memory, on a GPU it is tried.
    """
    if device.type == "cuda":
        return _tried(network, image_size, most, precision, device)
    free = free_memory()
    if free is None:
        return most
    each = KEPT * cost(network, image_size).activation_bytes
    return max(1, min(most, int(OF_FREE * free / each)))


def _tried(network: Network, image_size: int, most: int, precision: str, device: torch.device) -> int:
    """Halve the number until a step of random images does not run out of memory."""
    part = most
    while part > 1:
        try:
            _try_step(network, image_size, part, precision, device)
            return part
        except torch.cuda.OutOfMemoryError:
            part //= 2
        finally:
            torch.cuda.empty_cache()
    return 1


def _try_step(network: Network, image_size: int, part: int, precision: str, device: torch.device) -> None:
    """Forward and backward with a copy of the network, which is thrown away."""
    trial = copy.deepcopy(network).train()
    images = torch.randn(part, 3, image_size, image_size, device=device)
    box = torch.tensor([[0.1, 0.1, 0.6, 0.6]], device=device) * image_size
    target = {"boxes": box.repeat(100, 1), "labels": torch.ones(100, dtype=torch.int64, device=device)}
    if trial.needs_masks:
        target["masks"] = torch.ones(100, image_size, image_size, dtype=torch.bool, device=device)
    with torch.autocast(device.type, PRECISIONS[precision], enabled=precision != "float32"):
        raw = trial(images)
    terms, _ = trial.loss_of_part(as_float(raw), [target] * part)
    torch.stack(list(terms.values())).sum().backward()
