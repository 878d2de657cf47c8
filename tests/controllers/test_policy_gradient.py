"""When the recurrent controllers learn, from what, and which way."""

import math

import pytest
import torch

import controllers
import search_spaces
from controllers.policy_gradient import PolicyGradient
from controllers.reinforce import Reinforce
from search_spaces.errors import ConfigError
from search_spaces.settings import as_yaml

TOY = search_spaces.build("toy")
SMALL = {"hidden_size": 8, "embedding_size": 4}
both = pytest.mark.parametrize("name", ["ppo", "reinforce"])


def build(name: str, **chosen) -> PolicyGradient:
    controller = controllers.build(name, TOY, **SMALL, **chosen)
    assert isinstance(controller, PolicyGradient)
    return controller


@both
def test_an_update_comes_when_a_batch_of_rewards_is_full_and_failures_fill_no_place(name):
    controller = build(name, batch_size=3)
    updates = []
    for reward in (0.1, None, 0.2, None, None, 0.3, 0.4, 0.5, None, 0.6):
        controller.tell(controller.ask(), reward)
        updates.append(controller.updates)
    assert updates == [0, 0, 0, 0, 0, 1, 1, 1, 1, 2]


@both
@pytest.mark.parametrize("order", [(0, 1, 2, 3), (3, 2, 1, 0), (2, 0, 3, 1)])
def test_the_baseline_averages_rewards_in_the_order_of_telling(name, order):
    controller = build(name, batch_size=2, baseline_decay=0.9)
    proposals = [controller.ask() for _ in range(4)]
    for number in order:
        controller.tell(proposals[number], number / 10)
    expected = (order[0] + order[1]) / 20  # it starts at the mean of the first batch
    for number in order:
        expected = 0.9 * expected + 0.1 * number / 10
    assert controller.state_dict()["learnt"]["baseline"] == pytest.approx(expected)


@both
def test_equal_rewards_teach_nothing_but_entropy(name):
    controller = build(name, batch_size=4, entropy_weight=0.0)
    before = controller.state_dict()["learnt"]["policy"]
    for _ in range(8):
        controller.tell(controller.ask(), 0.7)
    after = controller.state_dict()["learnt"]["policy"]
    assert controller.updates == 2
    assert all(torch.equal(before[key], after[key]) for key in before)


@both
def test_the_scale_of_the_reward_does_not_matter(name):
    sequences = []
    for scale in (1.0, 1024.0):
        controller = build(name, batch_size=4, learning_rate=0.02)
        asked = [controller.ask()]
        for _ in range(40):
            controller.tell(asked[-1], scale * math.sin(sum(asked[-1].decisions)))
            asked.append(controller.ask())
        sequences.append([proposal.decisions for proposal in asked])
    assert sequences[0] == sequences[1]


@both
def test_what_is_rewarded_becomes_likely(name):
    controller = build(name, learning_rate=0.01)
    wanted = []
    for _ in range(400):
        proposal = controller.ask()
        wanted.append(sum(index == 1 for index in proposal.decisions[-4:]) / 4)  # the four block types
        controller.tell(proposal, wanted[-1])
    assert sum(wanted[:50]) / 50 < 0.65
    assert sum(wanted[-50:]) / 50 > 0.9


@both
def test_the_entropy_bonus_keeps_the_policy_open(name):
    distinct = []
    for weight in (0.0, 1.0):
        controller = build(name, learning_rate=0.02, entropy_weight=weight)
        asked = []
        for _ in range(400):
            asked.append(controller.ask())
            controller.tell(asked[-1], sum(asked[-1].decisions))
        distinct.append(len({proposal.decisions for proposal in asked[-100:]}))
    assert distinct[0] < 50 < distinct[1]


@both
def test_metrics_tell_what_the_last_update_did(name):
    controller = build(name, batch_size=4, learning_rate=0.02)
    assert controller.metrics() == {}
    for number in range(9):
        controller.tell(controller.ask(), number / 10)
    metrics = controller.metrics()
    assert list(metrics)[:4] == ["updates", "entropy", "baseline", "approx_kl"]
    assert metrics["updates"] == 2.0
    assert metrics["baseline"] == controller.state_dict()["learnt"]["baseline"]
    assert metrics["approx_kl"] > 0.0


@both
def test_the_entropy_is_that_of_a_mean_decision(name):
    """With a learning rate next to nothing, it is that of the uniform policy."""
    controller = build(name, batch_size=200, learning_rate=1e-9)
    for _ in range(200):
        controller.tell(controller.ask(), 0.5)
    steps = len(controller.ask().decisions)
    assert controller.metrics()["entropy"] == pytest.approx(math.log(TOY.size()) / steps, rel=0.02)
    assert controller.metrics()["approx_kl"] == pytest.approx(0.0, abs=1e-6)


def test_approx_kl_is_the_mean_of_a_function_of_the_ratios():
    metrics = Reinforce().metrics(torch.tensor([[0.0, math.log(2.0)], [math.log(0.5), 0.0]]))
    expected = ((2.0 - 1.0 - math.log(2.0)) + (0.5 - 1.0 - math.log(0.5))) / 4
    assert metrics == {"approx_kl": pytest.approx(expected)}


@pytest.mark.parametrize(
    ("key", "value", "right"),
    [
        ("learning_rate", 0, "above 0"),
        ("learning_rate", "fast", "a finite number"),
        ("learning_rate", math.nan, "a finite number"),
        ("entropy_weight", -0.1, "at least 0"),
        ("baseline_decay", 1.0, "at least 0 and below 1"),
        ("batch_size", 0, "at least 1"),
        ("hidden_size", 2.5, "an integer"),
        ("embedding_size", True, "an integer"),
        ("normalise_advantages", 1, "true or false"),
        ("uniform_start", None, "true or false"),
    ],
)
def test_a_setting_out_of_range_is_refused_in_one_sentence(key, value, right):
    sentence = f"{key} is {as_yaml(value)}; it must be {right}."
    with pytest.raises(ConfigError) as caught:
        controllers.build("ppo", TOY, **{key: value})
    assert str(caught.value) == f"controller.{sentence}"
    with pytest.raises(ConfigError) as caught:
        Reinforce(**{key: value})
    assert str(caught.value) == sentence
