"""Proximal policy optimisation (Schulman et al. 2017) on architectures, as NASNet and NAS-FPN train theirs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from controllers.policy_gradient import Method
from search_spaces.settings import integer, positive


@dataclass(frozen=True, slots=True)
class Ppo(Method):
    """Settings and clipped objective of PPO; every decision of a sequence carries the sequence's advantage.

    NASNet (appendix A.2) gives learning rate 0.00035, entropy weight 0.00001, baseline decay 0.95 and batches of 20,
    for 20,000 samples; it names neither the number of epochs nor the clip (a public port has 10 and 0.2). The defaults
    here are meant for hundreds to thousands of samples. Smaller batches, a higher learning rate and few epochs learn
    from the first dozens of rewards. The entropy weight belongs to advantages of unit size; it keeps the policy from
    settling within the first thousand samples, after which it would propose only what is known. The paper's values,
    with the port's epochs, are ``learning_rate=0.00035 entropy_weight=0.00001 batch_size=20 epochs=10``.

    Attributes:
        epochs: gradient steps on each batch, 1 or more.
        clip: how far the probability ratio of a decision may leave 1 before its gradient stops, above 0.
    """

    kind: ClassVar[str] = "ppo"

    learning_rate: float = 0.001
    entropy_weight: float = 0.05
    baseline_decay: float = 0.95
    batch_size: int = 10
    epochs: int = 2
    clip: float = 0.2

    def __post_init__(self) -> None:
        Method.__post_init__(self)
        integer("epochs", self.epochs, 1)
        positive("clip", self.clip)

    @property
    def gradient_steps(self) -> int:
        """The epochs: each takes the whole batch at once."""
        return self.epochs

    def objective(self, log_probs: Tensor, sampled_log_probs: Tensor, advantages: Tensor) -> Tensor:
        """The smaller of ratio and clipped ratio, each times the advantage; the mean over decisions (equation 7)."""
        ratio = (log_probs - sampled_log_probs).exp()
        clipped = ratio.clamp(1.0 - self.clip, 1.0 + self.clip)
        return torch.minimum(ratio * advantages[:, None], clipped * advantages[:, None]).mean()

    def metrics(self, log_ratios: Tensor) -> dict[str, float]:
        """Those of every method, and ``clip_fraction``: the share of decisions whose ratio lies beyond the clip.

        Args:
            log_ratios: [B, T], as in :meth:`Method.metrics`.
        """
        beyond = (log_ratios.exp() - 1.0).abs() > self.clip
        return {**Method.metrics(self, log_ratios), "clip_fraction": float(beyond.float().mean())}
