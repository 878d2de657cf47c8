"""Controllers by name: what is unknown is refused with what there is."""

import pytest

import controllers
import search_spaces
from search_spaces.errors import ControllerError

TOY = search_spaces.build("toy")


@pytest.mark.parametrize(
    ("name", "chosen", "sentence"),
    [
        ("pp0", {}, "unknown controller 'pp0' (did you mean 'ppo'?); there are: ppo, random, reinforce."),
        ("xyz", {}, "unknown controller 'xyz'; there are: ppo, random, reinforce."),
        ("random", {"clip": 1}, "controller random: unknown setting 'clip'; it has no settings."),
        ("ppo", {"seed": -1}, "controller ppo: seed is -1; it must be a whole number, 0 or more."),
        ("ppo", {"seed": 0.5}, "controller ppo: seed is 0.5; it must be a whole number, 0 or more."),
    ],
)
def test_a_wrong_name_setting_or_seed_is_one_sentence(name, chosen, sentence):
    with pytest.raises(ControllerError) as caught:
        controllers.build(name, TOY, **chosen)
    assert str(caught.value) == sentence


def test_a_misspelt_setting_brings_a_suggestion_and_the_allowed_ones():
    with pytest.raises(
        ControllerError, match=r"'lerning_rate' \(did you mean 'learning_rate'\?\).*clip.*entropy_weight"
    ):
        controllers.build("ppo", TOY, lerning_rate=0.1)
    with pytest.raises(ControllerError, match="unknown setting 'clip'"):
        controllers.build("reinforce", TOY, clip=0.1)
