"""The recurrent policy: an LSTM over the decision sequence with one masked softmax head per choice point.

Sources: Zoph and Le 2016 (section 3.1) for the controller, NASNet (appendix A.2) for one layer of 100 units, one
softmax per prediction and weights drawn from U(-0.1, 0.1).

Training runs in torch on batches of whole sequences. Sampling runs in numpy, where a step on one sequence takes a
third of the time that it takes in torch. A test checks that both are the same distribution.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor, nn

from search_spaces.base import SearchSpace
from search_spaces.decisions import Decisions

INITIAL_RANGE = 0.1
SINGLE_THREAD_ELEMENTS = 8192  # BLAS libraries multiply matrices up to about this size on the calling thread


@dataclass(frozen=True, slots=True)
class Sample:
    """A sequence of T steps with at most K choices each, and what training needs to compute its probability again.

    Attributes:
        decisions: the sequence.
        log_probs: float32 [T], log-probability of each choice under the policy that drew it.
        log_weights: float32 [T, K], what was added to the logits; -inf where a choice was forbidden.
    """

    decisions: Decisions
    log_probs: Tensor
    log_weights: Tensor


class Policy(nn.Module):
    """A distribution over the sequences of one space.

    The input of a step is the embedding of the choice before it. The embedding has a row for every choice of every
    choice point, so it also tells the position. The logits of step t are
    ``head[t] @ hidden[t] + head_bias[t] + log_weights[t]``. Forbidden choices have probability 0.

    Args:
        space: what is sampled.
        rng: draws the initial weights; torch's global generator is neither read nor moved.
        hidden_size: units of the LSTM.
        embedding_size: width of the input embedding.
        uniform_start: add the logarithm of ``Decision.completions`` to the logits and start the heads at zero, so that
            the untrained policy is exactly uniform over the space; otherwise only the mask is added and the heads
            start from U(-0.1, 0.1), as all other weights do.
    """

    def __init__(
        self, space: SearchSpace, rng: np.random.Generator, hidden_size: int, embedding_size: int, uniform_start: bool
    ) -> None:
        super().__init__()
        self.space = space
        self.uniform_start = uniform_start
        self.counts = [count for _, _, count in space.slots]
        self.first_row = [1 + sum(self.counts[:step]) for step in range(len(self.counts) + 1)]  # row 0 is the start
        # Built on "meta", since the constructors' own initialisation would move torch's global generator.
        self.embedding = nn.Embedding(self.first_row[-1], embedding_size, device="meta").to_empty(device="cpu")
        self.lstm = nn.LSTM(embedding_size, hidden_size, batch_first=True, device="meta").to_empty(device="cpu")
        self.head = nn.Parameter(torch.zeros(len(self.counts), max(self.counts), hidden_size))
        self.head_bias = nn.Parameter(torch.zeros(len(self.counts), max(self.counts)))
        for name, weights in self.named_parameters():
            if not (uniform_start and name.startswith("head")):
                drawn = rng.uniform(-INITIAL_RANGE, INITIAL_RANGE, tuple(weights.shape))
                weights.data.copy_(torch.from_numpy(drawn))

    def forward(self, decisions: Tensor, log_weights: Tensor) -> tuple[Tensor, Tensor]:
        """Log-probability and entropy of every step of B recorded sequences, in one teacher-forced pass.

        Args:
            decisions: int64 [B, T].
            log_weights: float32 [B, T, K], as recorded in :class:`Sample`.

        Returns:
            log-probabilities of the decisions, [B, T], and entropies of the masked distributions, [B, T], in nats.
        """
        first_row = torch.tensor(self.first_row[:-2])
        rows = torch.cat([torch.zeros_like(decisions[:, :1]), decisions[:, :-1] + first_row], dim=1)
        hidden, _ = self.lstm(self.embedding(rows))
        by_step = torch.baddbmm(self.head_bias[:, None], hidden.transpose(0, 1), self.head.transpose(1, 2))
        log_softmax = torch.log_softmax(by_step.transpose(0, 1) + log_weights, dim=-1)
        log_probs = log_softmax.gather(-1, decisions[..., None])[..., 0]
        finite = log_softmax.masked_fill(log_weights == -math.inf, 0.0)
        return log_probs, -(log_softmax.exp() * finite).sum(-1)


class Sampler:
    """Draws sequences from a policy as it stood when the sampler was made."""

    def __init__(self, policy: Policy) -> None:
        self.space = policy.space
        self.uniform_start = policy.uniform_start
        self.first_row = policy.first_row
        self.max_choices = max(policy.counts)
        input_weights, recurrent, input_bias, recurrent_bias = policy.lstm.all_weights[0]
        with torch.no_grad(), one_thread():
            # The input's part of the gates i, f, g, o, for every embedding row: [rows, 4 * hidden].
            self.gate_inputs = (policy.embedding.weight @ input_weights.T + input_bias + recurrent_bias).numpy()
        self.recurrent = _in_slices(recurrent.detach().numpy().copy())
        heads, biases = policy.head.detach().numpy().copy(), policy.head_bias.tolist()
        self.heads = [head[:count] for head, count in zip(heads, policy.counts)]
        self.biases = [bias[:count] for bias, count in zip(biases, policy.counts)]

    def sample(self, rng: np.random.Generator) -> Sample:
        """Draw one sequence; one uniform number per step is taken from ``rng``."""
        hidden = cell = np.zeros(self.heads[0].shape[1], dtype=np.float32)
        prefix: list[int] = []
        row, log_probs, log_weights = 0, [], []
        for step, uniform in enumerate(rng.random(len(self.heads)).tolist()):
            decision = self.space.next_decision(prefix)
            assert decision is not None, "a space has as many decisions as slots"
            weights = _log_weights(decision.completions, self.max_choices, self.uniform_start)
            hidden, cell = _lstm_step(self.gate_inputs[row] + (self.recurrent @ hidden).ravel(), cell)
            outputs = (self.heads[step] @ hidden).tolist()
            choice, log_prob = _draw(
                [output + bias + weight for output, bias, weight in zip(outputs, self.biases[step], weights)], uniform
            )
            row = self.first_row[step] + choice
            prefix.append(choice)
            log_probs.append(log_prob)
            log_weights.append(weights)
        return Sample(tuple(prefix), torch.tensor(log_probs), torch.from_numpy(np.array(log_weights, np.float32)))


@contextmanager
def one_thread() -> Iterator[None]:
    """Run torch on one thread and restore the number afterwards.

    The matrices are so small that threads gain little, and sums that are split over threads would differ between
    machines.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _in_slices(matrix: np.ndarray) -> np.ndarray:
    """[rows, columns] as the fewest equal slices of at most ``SINGLE_THREAD_ELEMENTS``: [slices, rows / slices, ...].

    Products with a vector then stay on one thread: no thread waits for another, and the result is the same on any
    number of cores.
    """
    rows, columns = matrix.shape
    slices = next(n for n in range(1, rows + 1) if rows % n == 0 and rows // n * columns <= SINGLE_THREAD_ELEMENTS)
    return matrix.reshape(slices, rows // slices, columns)


def _lstm_step(gates: np.ndarray, cell: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Hidden and cell state [hidden] after one step, from the summed gates [4 * hidden] in torch's order i, f, g, o."""
    size = len(cell)
    update = np.tanh(gates[2 * size : 3 * size])
    gates = 0.5 * np.tanh(0.5 * gates) + 0.5  # the logistic function, without overflow
    cell = gates[size : 2 * size] * cell + gates[:size] * update
    return gates[3 * size :] * np.tanh(cell), cell


def _draw(logits: list[float], uniform: float) -> tuple[int, float]:
    """The choice at ``uniform`` in [0, 1) of the softmax's cumulative sum, and its log-probability."""
    highest = max(logits)
    odds = [math.exp(logit - highest) for logit in logits]
    total = sum(odds)
    left = uniform * total
    choice = 0
    for index, odd in enumerate(odds):
        if odd > 0.0:
            choice = index
            left -= odd
            if left < 0.0:
                break
    return choice, logits[choice] - highest - math.log(total)


@lru_cache(maxsize=4096)
def _log_weights(completions: tuple[int, ...], length: int, uniform_start: bool) -> tuple[float, ...]:
    """What is added to the logits of one step, padded with -inf to ``length``."""
    allowed = [(math.log(count) if uniform_start else 0.0) if count > 0 else -math.inf for count in completions]
    return (*allowed, *([-math.inf] * (length - len(allowed))))
