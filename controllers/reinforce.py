"""REINFORCE (Williams 1992) with a moving-average baseline, as in Zoph and Le 2016."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from controllers.policy_gradient import Method


@dataclass(frozen=True, slots=True)
class Reinforce(Method):
    """Settings and objective of REINFORCE: one gradient step per batch.

    Zoph and Le (section 4.1) use a learning rate of 0.0006 and batches of 8 from each of 100 replicas, for 12,800
    samples; the defaults here are meant for hundreds to thousands of samples. A reward that comes after an update
    counts as if the present policy had drawn its proposal. With many workers PPO is the better choice, since it knows
    the ratio of the two.
    """

    kind: ClassVar[str] = "reinforce"

    learning_rate: float = 0.002
    entropy_weight: float = 0.05
    baseline_decay: float = 0.95
    batch_size: int = 5

    @property
    def gradient_steps(self) -> int:
        """One: the gradient is that of the policy which drew the batch."""
        return 1

    def objective(self, log_probs: Tensor, sampled_log_probs: Tensor, advantages: Tensor) -> Tensor:
        """Mean over decisions of log-probability times advantage."""
        return (log_probs * advantages[:, None]).mean()
