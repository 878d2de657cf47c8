"""The recipe: one frozen value that knows its length, and leaves open only what suits a device."""

from dataclasses import FrozenInstanceError

import pytest
import torch

from nas.training.recipe import DEVICE_DEFAULTS, Recipe
from search_spaces.errors import ConfigError
from search_spaces.settings import build_settings

CPU = torch.device("cpu")


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_null_becomes_what_suits_the_device(device: str) -> None:
    chosen = Recipe(batch_size=5).resolve(torch.device(device))
    assert chosen.batch_size == 5
    for name in ("image_size", "steps", "learning_rate"):
        assert getattr(chosen, name) == DEVICE_DEFAULTS[device][name]
    assert Recipe(epochs=2).resolve(torch.device(device)).steps is None


def test_a_resolved_recipe_stays_as_it_is() -> None:
    recipe = Recipe().resolve(CPU)
    assert recipe.resolve(torch.device("cuda")) == recipe


def test_steps_for_a_number_of_images() -> None:
    assert Recipe(steps=7).steps_for(1000) == 7
    assert Recipe(epochs=1.5, batch_size=4).steps_for(100) == 38
    assert Recipe(epochs=0.01, batch_size=4).steps_for(4) == 1


def test_the_schedule_is_as_long_as_the_training() -> None:
    schedule = Recipe(epochs=2, batch_size=10, learning_rate=0.5, schedule="step", warmup_steps=3).schedule_for(100)
    assert (schedule.steps, schedule.learning_rate, schedule.kind, schedule.warmup_steps) == (20, 0.5, "step", 3)


@pytest.mark.parametrize("recipe", [Recipe(), Recipe(epochs=2)])
def test_what_is_open_is_named(recipe: Recipe) -> None:
    with pytest.raises(ConfigError, match=r"recipe setting (steps|batch_size) is null; resolve the recipe"):
        recipe.steps_for(100)
    with pytest.raises(ConfigError, match="recipe setting learning_rate is null"):
        recipe.schedule_for(100)


def test_a_recipe_is_a_value() -> None:
    assert hash(Recipe()) == hash(Recipe())
    with pytest.raises(FrozenInstanceError):
        Recipe().steps = 5  # type: ignore[misc]


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"image_size": 0}, "image_size is 0; it must be at least 1"),
        ({"batch_size": 0}, "batch_size is 0"),
        ({"steps": 0}, "steps is 0"),
        ({"epochs": 0}, "epochs is 0; it must be above 0"),
        ({"steps": 1, "epochs": 1.0}, "steps is 1 and epochs is 1.0; one of them must be null"),
        ({"learning_rate": 0.0}, "learning_rate is 0.0; it must be above 0"),
        ({"warmup_steps": -1}, "warmup_steps is -1"),
        ({"warmup_start": 2.0}, "warmup_start is 2.0"),
        ({"schedule": "linear"}, "schedule is 'linear'"),
        ({"order_seed": -1}, "order_seed is -1"),
        ({"statistics_images": -1}, "statistics_images is -1"),
        ({"statistics_batch_size": 0}, "statistics_batch_size is 0"),
        ({"eval_batch_size": 0}, "eval_batch_size is 0"),
        ({"optimiser": {"momentum": 1.0}}, "optimiser.momentum is 1.0"),
        ({"optimiser": {"kindd": "sgd"}}, r"unknown recipe\.optimiser setting 'kindd' \(did you mean 'kind'"),
    ],
)
def test_settings_out_of_range(values: dict[str, object], sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        build_settings(Recipe, values, "recipe")
