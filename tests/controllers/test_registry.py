"""Controllers by kind: each is built from its defaults, and what is unknown is refused with what there is."""

import pytest

import controllers
import search_spaces
from search_spaces.errors import ConfigError

TOY = search_spaces.build("toy")


@pytest.mark.parametrize("kind", controllers.CONTROLLERS)
def test_every_kind_is_built_from_its_defaults(kind):
    controller = controllers.build(kind, TOY, seed=1)
    assert isinstance(controller, controllers.Controller)
    TOY.check_decisions(controller.ask().decisions)
    assert controllers.CONTROLLERS[kind].settings_type() is not None


@pytest.mark.parametrize(
    ("kind", "chosen", "sentence"),
    [
        ("pp0", {}, "unknown controller 'pp0' (did you mean 'ppo'?); there are: ppo, random, reinforce."),
        ("xyz", {}, "unknown controller 'xyz'; there are: ppo, random, reinforce."),
        ("random", {"clip": 1}, "unknown controller setting 'clip'; it has no settings."),
        ("ppo", {"clip": "x"}, "controller.clip is 'x'; it must be a finite number."),
        ("ppo", {"clip": 0}, "controller.clip is 0; it must be above 0."),
        ("ppo", {"seed": -1}, "seed is -1; it must be at least 0."),
        ("ppo", {"seed": 0.5}, "seed is 0.5; it must be an integer."),
    ],
)
def test_a_wrong_kind_setting_or_seed_is_one_sentence(kind, chosen, sentence):
    with pytest.raises(ConfigError) as caught:
        controllers.build(kind, TOY, **chosen)
    assert str(caught.value) == sentence


def test_a_misspelt_setting_brings_a_suggestion_and_the_allowed_ones():
    with pytest.raises(
        ConfigError, match=r"'lerning_rate' \(did you mean 'learning_rate'\?\); there are: .*entropy_weight.*clip"
    ):
        controllers.build("ppo", TOY, lerning_rate=0.1)
    with pytest.raises(ConfigError, match="unknown controller setting 'clip'"):
        controllers.build("reinforce", TOY, clip=0.1)
