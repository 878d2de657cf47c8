"""Zero-cost scores: what a network with initial weights says of its architecture, from one batch and no training.

Each is a function of a network and a batch, and may leave the network changed: weights, gradients, statistics, mode.
The higher a score, the better the architecture is held to be. The definitions were made for classifiers; of a detector
all class and box predictions, at every level and position, stand in the place of a classifier's outputs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from nas.detectors import Network, cost
from nas.detectors.layers import BatchNorm
from nas.training.step import Batch

JACOV_K = 1e-5  # what keeps logarithm and reciprocal of an eigenvalue finite (Mellor et al., version 1)


@dataclass(frozen=True, slots=True)
class ScoreMethod:
    """How a score is computed.

    Attributes:
        compute: from a network with initial weights and a batch.
        compares_images: it compares the images of the batch with each other, so there must be two of them.
        needs_relu: it looks at which ReLUs are active, so the network must have some.
        not_finite: why the score may be infinite or not a number, as the end of a sentence.
    """

    compute: Callable[[Network, Batch], float]
    compares_images: bool = False
    needs_relu: bool = False
    not_finite: str = "a value of the network overflowed"


class _ReluKernel(TorchFunctionMode):
    """While it is entered, adds up over all ReLUs on how many of their units two images agree, active or not.

    Attributes:
        kernel: [B, B] float64; 0 before the first ReLU.
        units: how many units there are for an image.
    """

    def __init__(self) -> None:
        super().__init__()
        self.kernel: Tensor | float = 0.0
        self.units = 0

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = function(*args, **(kwargs or {}))
        if function is Tensor.relu_:
            active = (result > 0).flatten(1).double()
            self.kernel = self.kernel + active @ active.T + (1 - active) @ (1 - active).T
            self.units += active.shape[1]
        return result


def nwot(network: Network, batch: Batch) -> float:
    """log |det K|, where K [B, B] counts the units on which the ReLU codes of two images agree.

    "Neural Architecture Search without Training" (Mellor et al. 2021, arXiv 2006.04647v3, section 3). Batch
    normalisation uses the batch's statistics, as there. The units are those of the backbone: a head is the same for
    all architectures. ReLUs that follow a max-pooling are counted behind it, where they are computed. Two images with
    the same code make K singular: minus infinity.
    """
    network.train()
    with torch.no_grad(), _ReluKernel() as codes:
        network.features(batch[0])
    kernel = torch.as_tensor(codes.kernel)
    sign, logarithm = torch.linalg.slogdet(kernel)
    alike = bool((kernel == codes.units).sum() > len(kernel))
    return -torch.inf if alike or sign <= 0 else float(logarithm)


def jacov(network: Network, batch: Batch) -> float:
    """-sum_i (log(v_i + k) + 1 / (v_i + k)) over the eigenvalues v of the correlation matrix of input Jacobians.

    Version 1 of "Neural Architecture Search without Training" (Mellor et al. 2020, arXiv 2006.04647v1); ``jacob_cov``
    of "Zero-Cost Proxies for Lightweight NAS" (Abdelfattah et al. 2021, arXiv 2101.08134, section 3). An image's
    Jacobian is the gradient of the sum of all predictions with respect to its pixels, and k is 1e-5. Batch
    normalisation uses the batch's statistics, as there.
    """
    network.train()
    images = batch[0].detach().requires_grad_()
    (jacobians,) = torch.autograd.grad(_predictions(network, images), images)
    correlations = torch.corrcoef(jacobians.flatten(1).double())
    if not correlations.isfinite().all():
        return torch.nan
    eigenvalues = torch.linalg.eigvalsh(correlations).clamp(min=0) + JACOV_K
    return float(-(eigenvalues.log() + 1 / eigenvalues).sum())


def synflow(network: Network, batch: Batch) -> float:
    """log of the sum of |theta * dR/dtheta| over all kernels theta, where R is the sum of the predictions.

    "Pruning neural networks without any data by iteratively conserving synaptic flow" (Tanaka et al. 2020, arXiv
    2006.05467, Algorithm 1), summed over the network as in "Zero-Cost Proxies for Lightweight NAS"
    (Abdelfattah et al. 2021, section 3). All weights are replaced by their magnitudes, and the image is all ones; of
    the batch only the size is used. Batch normalisation is left out (it is the identity), as in the code of the latter.
    The sum spans tens of orders of magnitude, so it is computed in float64, and its natural logarithm is given, which
    ranks alike.
    """
    network.double().eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.abs_()
        for module in network.modules():
            if isinstance(module, BatchNorm):
                _make_identity(module)
    _predictions(network, torch.ones_like(batch[0][:1], dtype=torch.float64)).backward()
    flows = [(kernel * kernel.grad).abs().sum() for kernel in _kernels(network) if kernel.grad is not None]
    return float(torch.stack(flows).sum().log().detach())


def grad_norm(network: Network, batch: Batch) -> float:
    """The sum over all kernels of the Euclidean norm of the gradient of the training loss.

    "Zero-Cost Proxies for Lightweight NAS" (Abdelfattah et al. 2021, section 3). The loss is that of the first batch
    of training; biases and batch normalisation are left out, as in the code of the paper.
    """
    network.train()
    images, targets = batch
    torch.stack(list(network.loss(network(images), targets).values())).sum().backward()
    norms = [kernel.grad.norm() for kernel in _kernels(network) if kernel.grad is not None]
    return float(torch.stack(norms).sum())


def params(network: Network, batch: Batch) -> float:
    """Trainable parameters, as :func:`nas.cost` counts them."""
    return float(cost(network, _side(batch)).params_trainable)


def multiply_adds(network: Network, batch: Batch) -> float:
    """Multiply-adds of one image, as :func:`nas.cost` counts them."""
    return float(cost(network, _side(batch)).multiply_adds)


SCORES: Mapping[str, ScoreMethod] = {
    "grad_norm": ScoreMethod(grad_norm),
    "jacov": ScoreMethod(
        jacov, compares_images=True, not_finite="the predictions do not depend on some image of the batch"
    ),
    "multiply_adds": ScoreMethod(multiply_adds),
    "nwot": ScoreMethod(
        nwot,
        compares_images=True,
        needs_relu=True,
        not_finite="some images of the batch make the same ReLUs active, so the determinant of their kernel is 0",
    ),
    "params": ScoreMethod(params),
    "synflow": ScoreMethod(synflow, not_finite="the flow through the network overflowed, or nothing came through"),
}
"""Name of a score -> how it is computed."""


def _predictions(network: Network, images: Tensor) -> Tensor:
    """The sum of all class and box predictions for images [B, 3, S, S], a scalar."""
    raw = network(images)
    return torch.stack([x.sum() for name in ("class", "box") for x in raw[name].values()]).sum()


def _kernels(network: Network) -> list[Tensor]:
    """The weights of convolutions and fully connected layers."""
    return [parameter for parameter in network.parameters() if parameter.ndim > 1]


def _make_identity(norm: BatchNorm) -> None:
    """Let a batch normalisation in evaluation mode return its input."""
    norm.weight.fill_(1.0)
    norm.bias.zero_()
    norm.running_mean.zero_()
    norm.running_var.fill_(1.0 - norm.epsilon)


def _side(batch: Batch) -> int:
    return batch[0].shape[2]
