"""PPO's clipped objective, its metrics and its settings."""

import pytest
import torch

import controllers
import search_spaces
from controllers.ppo import Ppo
from search_spaces.errors import ConfigError


def test_ppo_takes_the_smaller_of_plain_and_clipped():
    ratios = torch.tensor([[1.5, 1.1, 0.5], [1.5, 0.9, 0.5]], requires_grad=True)
    sampled = torch.full((2, 3), -0.7)
    gain = Ppo(clip=0.2).objective(ratios.log() + sampled, sampled, torch.tensor([1.0, -2.0]))
    assert gain.item() == pytest.approx((1.2 + 1.1 + 0.5 - 2 * (1.5 + 0.9 + 0.8)) / 6)
    gain.backward()
    expected = [[0.0, 1.0, 1.0], [-2.0, -2.0, 0.0]]  # beyond the clip, on the side of the gain, no gradient
    torch.testing.assert_close(ratios.grad, torch.tensor(expected) / 6)


def test_the_clip_fraction_is_the_share_of_ratios_beyond_the_clip():
    log_ratios = torch.tensor([[1.5, 1.19, 0.5], [0.81, 1.0, 1.21]]).log()
    metrics = Ppo(clip=0.2).metrics(log_ratios)
    assert list(metrics) == ["approx_kl", "clip_fraction"]
    assert metrics["clip_fraction"] == pytest.approx(3 / 6)


def test_every_epoch_is_a_gradient_step():
    assert Ppo(epochs=7).gradient_steps == 7


@pytest.mark.parametrize(
    ("key", "value", "right"),
    [
        ("epochs", 0, "at least 1"),
        ("clip", 0.0, "above 0"),
        ("epochs", 1.5, "an integer"),
        ("batch_size", 0, "at least 1"),
    ],
)
def test_a_setting_out_of_range_is_refused_in_one_sentence(key, value, right):
    with pytest.raises(ConfigError) as caught:
        controllers.build("ppo", search_spaces.build("toy"), **{key: value})
    assert str(caught.value) == f"controller.{key} is {value!r}; it must be {right}."
