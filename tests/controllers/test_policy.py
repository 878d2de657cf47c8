"""The policy: a distribution over the space, the same one in torch and in numpy."""

import math

import numpy as np
import pytest
import torch

import search_spaces
from controllers.policy import Policy, Sample, Sampler, _draw

TOY = search_spaces.build("toy", outputs=(3,), block_types=("bottleneck",))
SPINENET = search_spaces.build("spinenet")


def policy_on(space, uniform_start=True, disturbed=0.0, hidden_size=16) -> Policy:
    rng = np.random.default_rng(0)
    policy = Policy(space, rng, hidden_size=hidden_size, embedding_size=8, uniform_start=uniform_start)
    with torch.no_grad():
        for weights in policy.parameters():
            weights += torch.from_numpy(disturbed * rng.standard_normal(tuple(weights.shape)))
    return policy


def stacked(samples: list[Sample]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    decisions = torch.tensor([sample.decisions for sample in samples])
    log_weights = torch.stack([sample.log_weights for sample in samples])
    return decisions, log_weights, torch.stack([sample.log_probs for sample in samples])


def every_sequence(space, uniform_start: bool) -> tuple[torch.Tensor, torch.Tensor]:
    """All decisions [N, T] of a space with their log weights [N, T, K]."""
    sequences = list(space.enumerate_decisions())
    longest = max(count for _, _, count in space.slots)
    log_weights = torch.full((len(sequences), len(space.slots), longest), -math.inf)
    for row, sequence in enumerate(sequences):
        for step in range(len(sequence)):
            for index, count in enumerate(space.next_decision(sequence[:step]).completions):
                if count:
                    log_weights[row, step, index] = math.log(count) if uniform_start else 0.0
    return torch.tensor(sequences), log_weights


@pytest.mark.parametrize("uniform_start", [True, False])
@pytest.mark.parametrize("disturbed", [0.0, 0.5])
def test_probabilities_of_all_sequences_sum_to_one(uniform_start, disturbed):
    policy = policy_on(TOY, uniform_start, disturbed)
    with torch.no_grad():
        log_probs, _ = policy(*every_sequence(TOY, uniform_start))
    assert len(log_probs) == TOY.size()
    assert float(log_probs.sum(1).exp().sum()) == pytest.approx(1.0, abs=1e-5)


def test_the_untrained_policy_is_uniform():
    with torch.no_grad():
        log_probs, _ = policy_on(TOY)(*every_sequence(TOY, uniform_start=True))
    torch.testing.assert_close(log_probs.sum(1), torch.full((TOY.size(),), -math.log(TOY.size())))
    sample = Sampler(policy_on(SPINENET)).sample(np.random.default_rng(0))
    assert float(sample.log_probs.sum()) == pytest.approx(-math.log(SPINENET.size()), rel=1e-6)


def test_without_uniform_start_the_sizes_of_the_rest_do_not_count():
    with torch.no_grad():
        log_probs, _ = policy_on(TOY, uniform_start=False)(*every_sequence(TOY, uniform_start=False))
    assert float(log_probs.sum(1).std()) > 0.1


@pytest.mark.parametrize("space", [TOY, SPINENET], ids=lambda space: space.name)
@pytest.mark.parametrize("uniform_start", [True, False])
def test_the_distribution_sampled_from_is_the_one_trained(space, uniform_start):
    policy = policy_on(space, uniform_start, disturbed=0.15, hidden_size=100)
    rng, sampler = np.random.default_rng(1), Sampler(policy)
    decisions, log_weights, sampled = stacked([sampler.sample(rng) for _ in range(20)])
    with torch.no_grad():
        log_probs, _ = policy(decisions, log_weights)
    assert float(sampled.std()) > 0.3
    torch.testing.assert_close(log_probs, sampled, atol=1e-5, rtol=0.0)


def test_samples_are_as_frequent_as_their_probabilities_say():
    policy = policy_on(TOY, disturbed=0.3)
    sequences, log_weights = every_sequence(TOY, uniform_start=True)
    with torch.no_grad():
        expected = 4000 * policy(sequences, log_weights)[0].sum(1).exp().double().numpy()
    rng, sampler = np.random.default_rng(2), Sampler(policy)
    rows = {tuple(sequence): row for row, sequence in enumerate(sequences.tolist())}
    observed = np.bincount([rows[sampler.sample(rng).decisions] for _ in range(4000)], minlength=len(rows))
    chi_square = ((observed - expected) ** 2 / expected).sum()
    assert abs(chi_square - len(rows)) < 6 * math.sqrt(2 * len(rows))


def test_entropy_is_that_of_the_allowed_choices():
    policy = policy_on(SPINENET)
    sample = Sampler(policy).sample(np.random.default_rng(3))
    with torch.no_grad():
        _, entropy = policy(*stacked([sample])[:2])
    for step in range(len(sample.decisions)):
        counts = np.array(SPINENET.next_decision(sample.decisions[:step]).completions, dtype=float)
        odds = counts[counts > 0] / counts.sum()
        assert float(entropy[0, step]) == pytest.approx(-(odds * np.log(odds)).sum(), abs=1e-5)


def test_gradients_are_finite_where_choices_are_forbidden():
    policy = policy_on(SPINENET)
    sampler, rng = Sampler(policy), np.random.default_rng(4)
    decisions, log_weights, _ = stacked([sampler.sample(rng) for _ in range(3)])
    log_probs, entropy = policy(decisions, log_weights)
    (log_probs.sum() + entropy.sum()).backward()
    assert all(torch.isfinite(weights.grad).all() for weights in policy.parameters())


def test_a_sampler_keeps_the_policy_as_it_stood():
    policy = policy_on(TOY)
    sampler = Sampler(policy)
    before = sampler.sample(np.random.default_rng(5))
    with torch.no_grad():
        for weights in policy.parameters():
            weights += 1.0
    assert sampler.sample(np.random.default_rng(5)).decisions == before.decisions


def test_a_draw_never_lands_on_a_forbidden_choice():
    logits = [-math.inf, 0.0, -math.inf, 0.0, -math.inf]
    drawn = {_draw(logits, uniform)[0] for uniform in (0.0, 0.25, 0.5, 0.75, 1.0 - 2**-53, 1.0)}
    assert drawn == {1, 3}
    assert _draw(logits, 0.0)[1] == pytest.approx(math.log(0.5))
