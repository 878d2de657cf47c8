"""What every controller must do."""

import io
import math
import re
from collections import deque
from contextlib import suppress

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import controllers
import search_spaces
from controllers import Controller, Proposal
from search_spaces import SearchSpace
from search_spaces.errors import ControllerError, SpaceExhausted

TOY = search_spaces.build("toy")
SPINENET = search_spaces.build("spinenet")
SMALL = {"hidden_size": 8, "embedding_size": 4, "batch_size": 4, "learning_rate": 0.02}
IMPLEMENTATIONS = {
    "random": ("random", {}),
    "ppo": ("ppo", SMALL),
    "ppo without uniform start": ("ppo", {**SMALL, "uniform_start": False}),
    "reinforce": ("reinforce", SMALL),
}
every_controller = pytest.mark.parametrize("key", IMPLEMENTATIONS)


def make(key: str, space: SearchSpace = TOY, seed: int = 0) -> Controller:
    name, chosen = IMPLEMENTATIONS[key]
    return controllers.build(name, space, seed=seed, **chosen)


def reward_of(proposal: Proposal) -> float:
    return math.sin(sum((at + 1) * index for at, index in enumerate(proposal.decisions)))


def run(controller: Controller, script: np.random.Generator, events: int) -> list[Proposal]:
    """Ask and tell in an order drawn from ``script``, with failures; every proposal asked, in order."""
    asked, waiting = [], []
    for _ in range(events):
        if not waiting or (len(waiting) < 5 and script.random() < 0.5):
            asked.append(controller.ask())
            waiting.append(asked[-1])
        else:
            proposal = waiting.pop(script.integers(len(waiting)))
            controller.tell(proposal, None if script.random() < 0.1 else reward_of(proposal))
    return asked


def same(one: object, two: object) -> bool:
    """Whether two states are equal to the last bit."""
    if isinstance(one, torch.Tensor) and isinstance(two, torch.Tensor):
        return torch.equal(one, two)
    if isinstance(one, dict) and isinstance(two, dict):
        return one.keys() == two.keys() and all(same(one[key], two[key]) for key in one)
    if isinstance(one, list) and isinstance(two, list):
        return len(one) == len(two) and all(map(same, one, two))
    return type(one) is type(two) and one == two


def through_a_file(state: dict) -> dict:
    file = io.BytesIO()
    torch.save(state, file)
    file.seek(0)
    return torch.load(file, weights_only=True)


def test_every_registered_controller_is_held_to_the_contract():
    assert {name for name, _ in IMPLEMENTATIONS.values()} == set(controllers.CONTROLLERS)


@every_controller
def test_one_seed_one_sequence_of_proposals(key):
    first, again, other = (run(make(key, seed=seed), np.random.default_rng(1), 80) for seed in (3, 3, 4))
    assert first == again
    assert [proposal.decisions for proposal in first] != [proposal.decisions for proposal in other]
    assert [proposal.number for proposal in first] == list(range(len(first)))


@every_controller
@pytest.mark.parametrize("events", [0, 7, 60, 83])
def test_a_saved_state_goes_on_as_if_nothing_had_happened(key, events):
    original = make(key)
    run(original, np.random.default_rng(2), events)
    restored = make(key)
    restored.load_state_dict(through_a_file(original.state_dict()))
    assert same(restored.state_dict(), original.state_dict())
    assert restored.metrics() == original.metrics()
    assert run(restored, np.random.default_rng(3), 60) == run(original, np.random.default_rng(3), 60)
    assert same(restored.state_dict(), original.state_dict())
    assert restored.metrics() == original.metrics()


@every_controller
def test_proposals_asked_before_saving_can_be_told_after_loading(key):
    original = make(key)
    proposals = [original.ask() for _ in range(9)]
    restored = make(key)
    restored.load_state_dict(through_a_file(original.state_dict()))
    for proposal in reversed(proposals):
        original.tell(proposal, reward_of(proposal))
        restored.tell(proposal, reward_of(proposal))
    assert same(restored.state_dict(), original.state_dict())


@every_controller
def test_replaying_the_calls_restores_the_state(key):
    played, replayed = make(key), make(key)
    for controller in (played, replayed):
        run(controller, np.random.default_rng(5), 120)
    assert same(played.state_dict(), replayed.state_dict())


@every_controller
def test_a_state_is_a_copy_of_plain_values(key):
    controller = make(key)
    run(controller, np.random.default_rng(6), 31)
    state = controller.state_dict()
    kept = through_a_file(state)
    run(controller, np.random.default_rng(7), 60)
    assert same(state, kept)
    pending: deque[object] = deque([state])
    while pending:
        value = pending.popleft()
        assert type(value) in (dict, list, str, int, float, bool, torch.Tensor)
        pending.extend([*value.keys(), *value.values()] if isinstance(value, dict) else [])
        pending.extend(value if isinstance(value, list) else [])


@every_controller
def test_metrics_are_finite_numbers_by_name_and_a_copy(key):
    controller = make(key)
    run(controller, np.random.default_rng(6), 60)
    metrics = controller.metrics()
    for name, value in metrics.items():
        assert re.fullmatch("[a-z_]+", name)
        assert type(value) is float
        assert math.isfinite(value)
    kept = dict(metrics)
    metrics["stranger"] = 1.0
    assert controller.metrics() == kept


@every_controller
def test_metrics_change_only_when_a_reward_is_told(key):
    controller = make(key)
    run(controller, np.random.default_rng(6), 60)
    before = controller.metrics()
    for _ in range(9):
        controller.tell(controller.ask(), None)
    assert controller.metrics() == before


@every_controller
def test_a_failed_evaluation_counts_as_told(key):
    controller = make(key)
    for _ in range(10):
        proposal = controller.ask()
        controller.tell(proposal, None)
        with pytest.raises(ControllerError, match="was told before"):
            controller.tell(proposal, 1.0)
    TOY.check_decisions(controller.ask().decisions)


@every_controller
def test_rewards_may_come_late_and_in_any_order(key):
    controller = make(key)
    late = [controller.ask() for _ in range(30)]
    for _ in range(20):
        proposal = controller.ask()
        controller.tell(proposal, reward_of(proposal))
    for proposal in [*late[::2], *late[::-2]]:
        controller.tell(proposal, reward_of(proposal))
    assert controller.ask().number == 50


@every_controller
@pytest.mark.parametrize("space", [TOY, SPINENET], ids=lambda space: space.name)
@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_every_proposal_obeys_every_mask(key, space, seed):
    controller = make(key, space, seed)
    for _ in range(9):
        proposal = controller.ask()
        space.check_decisions(proposal.decisions)
        controller.tell(proposal, float(seed % (proposal.number + 2)))


@every_controller
@pytest.mark.parametrize("window", [1, 2])
def test_a_space_that_is_used_up_never_hangs(key, window):
    tiny = search_spaces.build(
        "toy",
        intermediates=(3,),
        outputs=(3,),
        parents_per_block=1,
        intermediate_window=window,
        output_window=window,
        level_offsets=(0,),
        block_types=("bottleneck",),
    )
    assert tiny.size() == window**2
    controller = make(key, tiny)
    with suppress(SpaceExhausted):
        for _ in range(20 * tiny.size()):
            proposal = controller.ask()
            tiny.check_decisions(proposal.decisions)
            controller.tell(proposal, 1.0)


@every_controller
def test_global_generators_and_threads_are_neither_read_nor_changed(key):
    expected = run(make(key), np.random.default_rng(8), 60)
    threads = torch.get_num_threads()
    torch.manual_seed(11)
    np.random.seed(12)
    before = torch.get_rng_state(), np.random.get_state()[1].tolist()
    assert run(make(key), np.random.default_rng(8), 60) == expected
    assert torch.equal(torch.get_rng_state(), before[0])
    assert np.random.get_state()[1].tolist() == before[1]
    assert torch.get_num_threads() == threads


@every_controller
def test_the_number_of_threads_does_not_matter(key):
    threads = torch.get_num_threads()
    states = []
    for count in (1, 2):
        torch.set_num_threads(count)
        controller = make(key, SPINENET)
        run(controller, np.random.default_rng(9), 40)
        states.append(controller.state_dict())
    torch.set_num_threads(threads)
    assert same(*states)


@every_controller
@pytest.mark.parametrize("reward", [math.nan, math.inf, -math.inf, "0.3", True + 1j])
def test_a_reward_that_is_no_finite_number_is_refused(key, reward):
    controller = make(key)
    proposal = controller.ask()
    with pytest.raises(ControllerError, match=r"reward of proposal 0 is .* must be a finite number, or None"):
        controller.tell(proposal, reward)
    controller.tell(proposal, 0.5)


@every_controller
def test_a_proposal_that_was_not_asked_for_is_refused(key):
    controller = make(key)
    asked = controller.ask()
    for stranger in (Proposal(1, asked.decisions), Proposal(-1, asked.decisions), Proposal(0, asked.decisions[::-1])):
        with pytest.raises(ControllerError, match=rf"proposal {stranger.number} .* never asked for"):
            controller.tell(stranger, 0.5)


@every_controller
def test_a_state_of_another_controller_space_or_setting_is_refused(key):
    controller = make(key)
    strangers = {
        "controller": make("reinforce" if key == "random" else "random"),
        "space": make(key, search_spaces.build("toy", output_window=2)),
    }
    if key != "random":
        strangers["settings"] = controllers.build(
            IMPLEMENTATIONS[key][0], TOY, **{**IMPLEMENTATIONS[key][1], "batch_size": 5}
        )
    before = controller.state_dict()
    for difference, stranger in strangers.items():
        with pytest.raises(ControllerError, match=f"the saved state has {difference} "):
            controller.load_state_dict(stranger.state_dict())
    assert same(controller.state_dict(), before)
