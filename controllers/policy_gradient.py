"""The recurrent controller: a policy, an optimiser, and a method (PPO or REINFORCE) that says what to climb."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor

from controllers.base import Controller, Memory, Proposal, Settings
from controllers.policy import Policy, Sample, Sampler, one_thread
from search_spaces.base import SearchSpace
from search_spaces.decisions import Decisions
from search_spaces.settings import at_least, boolean, integer, positive, within

SMALLEST_SPREAD = 1e-8  # advantages whose root mean square is below this are not scaled


@dataclass(frozen=True, slots=True)
class Method(Settings, ABC):
    """Settings of a recurrent controller and the objective they belong to.

    Attributes:
        learning_rate: of Adam, above 0.
        entropy_weight: weight of the mean entropy of a decision (nats) in the objective, 0 or more.
        baseline_decay: how much of the moving average that is subtracted from the rewards is kept at each reward; at
            least 0 and below 1.
        batch_size: how many rewards are told before each update, 1 or more.
        normalise_advantages: divide the advantages of a batch by their root mean square, so that neither the scale
            of the reward nor its narrowing as the search converges changes the length of a step.
        hidden_size, embedding_size: units of the LSTM and width of its input embedding, 1 or more each.
        uniform_start: whether the untrained policy is uniform over the space; see :class:`controllers.policy.Policy`.

    Raises:
        ConfigError: a setting has the wrong type or is out of range.
    """

    learning_rate: float
    entropy_weight: float
    baseline_decay: float
    batch_size: int
    normalise_advantages: bool = True
    hidden_size: int = 100
    embedding_size: int = 32
    uniform_start: bool = True

    def __post_init__(self) -> None:
        positive("learning_rate", self.learning_rate)
        at_least("entropy_weight", self.entropy_weight, 0)
        within("baseline_decay", self.baseline_decay, 0, 1, "[)")
        for name in ("batch_size", "hidden_size", "embedding_size"):
            integer(name, getattr(self, name), 1)
        for name in ("normalise_advantages", "uniform_start"):
            boolean(name, getattr(self, name))

    @property
    @abstractmethod
    def gradient_steps(self) -> int:
        """Gradient steps per batch."""

    @abstractmethod
    def objective(self, log_probs: Tensor, sampled_log_probs: Tensor, advantages: Tensor) -> Tensor:
        """What to climb, without the entropy bonus.

        Args:
            log_probs: [B, T], log-probabilities of the decisions under the present policy.
            sampled_log_probs: [B, T], the same under the policy that drew them.
            advantages: [B].

        Returns:
            a scalar.
        """

    def metrics(self, log_ratios: Tensor) -> dict[str, float]:
        """How far an update has moved the policy.

        ``approx_kl`` is the mean over decisions of r - 1 - log r, where r is the probability of a decision after the
        update divided by that under the policy which drew it. It estimates the Kullback-Leibler divergence, in nats,
        of the new policy from the old one (Schulman 2020, "Approximating KL Divergence", estimator k3).

        Args:
            log_ratios: [B, T], the logarithms of r.
        """
        return {"approx_kl": float((log_ratios.expm1() - log_ratios).mean())}


class PolicyGradient(Controller):
    """Samples from the policy and, whenever ``batch_size`` rewards were told, climbs the method's objective.

    The rewards of a batch are taken in the order in which they were told, whatever the order of asking; a proposal
    drawn before an update may be told after it. A failed evaluation (None) teaches nothing and takes no place in a
    batch. A sequence may be proposed more than once.

    Attributes:
        method: the settings and the objective they belong to.
        updates: how many batches it has learnt from.
    """

    def __init__(self, space: SearchSpace, seed: int, method: Method) -> None:
        super().__init__(space, seed, method)
        self.method = method
        self.updates = 0
        self._policy = Policy(space, self._rng, method.hidden_size, method.embedding_size, method.uniform_start)
        self._sampler = Sampler(self._policy)
        self._optimiser = torch.optim.Adam(self._policy.parameters(), lr=method.learning_rate, fused=True)
        self._baseline = 0.0
        self._batch: list[tuple[Sample, float]] = []
        self._metrics: dict[str, float] = {}

    def metrics(self) -> dict[str, float]:
        """What the last update did; empty before the first.

        ``updates`` is the number of updates; ``entropy`` is the mean entropy of a decision of the batch under the
        updated policy, in nats; ``baseline`` is the moving average of the rewards. The rest is added by
        :meth:`Method.metrics`.
        """
        return dict(self._metrics)

    def _propose(self) -> tuple[Decisions, Memory]:
        """A sequence drawn from the present policy; the space is never exhausted."""
        sample = self._sampler.sample(self._rng)
        return sample.decisions, {"log_probs": sample.log_probs, "log_weights": sample.log_weights}

    def _learn(self, proposal: Proposal, memory: Memory, reward: float | None) -> None:
        """Add the reward to the batch (a failed evaluation is left out), and update when the batch is full."""
        if reward is not None:
            self._batch.append((Sample(proposal.decisions, **memory), reward))
        if len(self._batch) == self.method.batch_size:
            self._update()
            self._batch = []

    def _state(self) -> dict[str, Any]:
        """Weights, optimiser, baseline and the batch that was begun."""
        return {
            "updates": self.updates,
            "baseline": self._baseline,
            "metrics": self._metrics,
            "policy": dict(self._policy.state_dict()),
            "optimiser": self._optimiser.state_dict()["state"],
            "batch": [{"sample": _sample_state(sample), "reward": reward} for sample, reward in self._batch],
        }

    def _restore(self, learnt: dict[str, Any]) -> None:
        self.updates = learnt["updates"]
        self._baseline = learnt["baseline"]
        self._metrics = learnt["metrics"]
        self._policy.load_state_dict(learnt["policy"])
        groups = self._optimiser.state_dict()["param_groups"]
        self._optimiser.load_state_dict({"state": learnt["optimiser"], "param_groups": groups})
        self._batch = [(_sample_from(saved["sample"]), saved["reward"]) for saved in learnt["batch"]]
        self._sampler = Sampler(self._policy)

    @one_thread()
    def _update(self) -> None:
        samples = [sample for sample, _ in self._batch]
        decisions = torch.tensor([sample.decisions for sample in samples])
        log_weights = torch.stack([sample.log_weights for sample in samples])
        sampled_log_probs = torch.stack([sample.log_probs for sample in samples])
        advantages = self._advantages([reward for _, reward in self._batch])
        for _ in range(self.method.gradient_steps):
            log_probs, entropy = self._policy(decisions, log_weights)
            gain = self.method.objective(log_probs, sampled_log_probs, advantages)
            loss = -gain - self.method.entropy_weight * entropy.mean()
            self._optimiser.zero_grad()
            loss.backward()
            self._optimiser.step()
        self._sampler = Sampler(self._policy)
        self.updates += 1
        with torch.no_grad():
            log_probs, entropy = self._policy(decisions, log_weights)
        self._metrics = {
            "updates": float(self.updates),
            "entropy": float(entropy.mean()),
            "baseline": self._baseline,
            **self.method.metrics(log_probs - sampled_log_probs),
        }

    def _advantages(self, rewards: list[float]) -> Tensor:
        """Rewards minus the moving average before each, which starts at the mean of the first batch: [B]."""
        if self.updates == 0:
            self._baseline = sum(rewards) / len(rewards)
        advantages = []
        for reward in rewards:
            advantages.append(reward - self._baseline)
            self._baseline += (1.0 - self.method.baseline_decay) * advantages[-1]
        result = torch.tensor(advantages)
        spread = float(result.square().mean().sqrt())
        return result / spread if self.method.normalise_advantages and spread > SMALLEST_SPREAD else result


def _sample_state(sample: Sample) -> dict[str, Any]:
    return {**asdict(sample), "decisions": list(sample.decisions)}


def _sample_from(saved: dict[str, Any]) -> Sample:
    return Sample(**{**saved, "decisions": tuple(saved["decisions"])})
