"""Which detector arch=, weights= and the settings of the scaling mean."""

import pytest
import torch

import search_spaces
from nas.command_line.config import load_config
from nas.command_line.detector import SCALING_KEYS, SIZES, make_detector, read_image_size
from nas.detectors import PUBLISHED, Scaling, build_detector, save_detector
from search_spaces.errors import ArchitectureError, ConfigError

SMALL = Scaling(width=0.25, alpha=0.25, endpoints=8, head_channels=8, head_depth=1)


def made(*overrides, with_values=False):
    return make_detector(load_config("compile", list(overrides)), with_values)


def sizes(scaling):
    return {key: getattr(scaling, key) for key in SIZES}


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """A small RetinaNet on SpineNet-49 with 3 classes, saved."""
    path = tmp_path_factory.mktemp("weights") / "small.safetensors"
    torch.manual_seed(1)
    save_detector(build_detector("spinenet-49", SMALL, classes=3), path)
    return path


def test_a_name_brings_its_scaling():
    detector = made("arch=spinenet-96")
    assert sizes(detector.scaling) == sizes(PUBLISHED["spinenet-96"].scaling)
    assert (detector.head_name, detector.classes) == ("retinanet", 91)
    assert next(detector.parameters()).is_meta


def test_given_settings_change_a_name_s():
    detector = made("arch=spinenet-49", "width=0.5", "head=classifier", "activation=swish")
    assert (detector.scaling.width, detector.scaling.activation) == (0.5, "swish")
    assert (detector.head_name, detector.classes) == ("classifier", 1001)
    assert made("arch=spinenet-49", "head=classifier", "classes=10").classes == 10


def test_a_file_is_an_architecture(tmp_path):
    path = tmp_path / "found.json"
    path.write_text(search_spaces.load("r0-sp53").to_json())
    assert made(f"arch={path}").architecture == search_spaces.load("r0-sp53")


def test_values_are_there_when_asked_for_and_always_the_same():
    small = [f"{key}={getattr(SMALL, key)}" for key in ("width", "alpha", "endpoints", "head_channels", "head_depth")]
    first, again = (made("arch=spinenet-49", *small, with_values=True).state_dict() for _ in range(2))
    torch.testing.assert_close(first, again, rtol=0, atol=0)


def test_weights_bring_all(weights):
    detector = made(f"weights={weights}", "width=0.25", "classes=3")
    assert sizes(detector.scaling) == sizes(SMALL)
    assert not detector.training


@pytest.mark.parametrize(
    ("overrides", "sentence"),
    [
        (["arch=r0-sp53"], "of another architecture than r0-sp53; leave arch out"),
        (["arch=spinenet-49"], "their width is 0.25, not 1.0; leave arch out"),
        (["width=0.5"], "their width is 0.25, not 0.5; leave width out"),
        (["separable=true"], "their separable is false, not true; leave separable out"),
        (["classes=91"], "their classes is 3, not 91; leave classes out"),
        (["head=classifier"], "their head is 'retinanet', not 'classifier'; leave head out"),
    ],
)
def test_weights_that_disagree(weights, overrides, sentence):
    with pytest.raises(ConfigError, match=rf"weights .*small\.safetensors: .*{sentence}"):
        made(f"weights={weights}", *overrides)


def test_an_architecture_file_says_nothing_of_the_width_of_weights(weights, tmp_path):
    path = tmp_path / "same.json"
    path.write_text(search_spaces.load("spinenet-49").to_json())
    assert sizes(made(f"weights={weights}", f"arch={path}").scaling) == sizes(SMALL)


def test_an_unknown_name_is_refused():
    with pytest.raises(ArchitectureError, match="did you mean"):
        made("arch=spinenet-94")


def test_the_command_s_file_has_every_setting_of_the_scaling():
    assert set(SCALING_KEYS) <= set(load_config("compile", []))


@pytest.mark.parametrize(("value", "size"), [(64, (64, 64)), ([64, 96], (64, 96))])
def test_an_image_size_is_a_side_or_two(value, size):
    assert read_image_size(value, made("arch=spinenet-49")) == size


@pytest.mark.parametrize("value", [0, -64, 64.0, True, "64", None, [64], [64, 64, 64], [64, "64"], [True, 64]])
def test_another_image_size_is_refused(value):
    with pytest.raises(ConfigError, match=r"image_size is .*; it must be a positive integer, or \[height, width\]"):
        read_image_size(value, made("arch=spinenet-49"))


@pytest.mark.parametrize(
    ("arch", "value", "sentence"),
    [
        ("spinenet-49", 100, "height 100 is not a multiple of 8; the nearest is 96 or 104"),
        ("spinenet-mobile-49", 200, "not a multiple of 128; the nearest is 128 or 256"),
        ("r50-fpn", [64, 40], "width 40 is not a multiple of 32; the nearest is 32 or 64"),
    ],
)
def test_a_size_that_the_detector_cannot_take_is_refused(arch, value, sentence):
    with pytest.raises(ConfigError, match=sentence):
        read_image_size(value, made(f"arch={arch}"))
