"""REINFORCE's objective, its metrics and its settings."""

import pytest
import torch

from controllers.reinforce import Reinforce
from search_spaces.errors import ConfigError


def test_reinforce_weighs_log_probabilities_by_advantages():
    log_probs = torch.tensor([[-1.0, -2.0], [-3.0, -4.0]], requires_grad=True)
    gain = Reinforce().objective(log_probs, torch.zeros(2, 2), torch.tensor([1.0, -2.0]))
    assert gain.item() == pytest.approx((-3.0 + 14.0) / 4)
    gain.backward()
    torch.testing.assert_close(log_probs.grad, torch.tensor([[1.0, 1.0], [-2.0, -2.0]]) / 4)


def test_there_is_one_gradient_step_and_nothing_is_clipped():
    assert Reinforce().gradient_steps == 1
    assert list(Reinforce().metrics(torch.zeros(2, 2))) == ["approx_kl"]


def test_a_setting_out_of_range_is_refused_by_name():
    with pytest.raises(ConfigError, match=r"^learning_rate is 0; it must be above 0\.$"):
        Reinforce(learning_rate=0)
