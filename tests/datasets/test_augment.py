"""Training batches: boxes and masks follow their objects through flips and jitter."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nas.datasets.augment import AugmentSettings, normalise, read_batch, read_images, to_device
from nas.datasets.colour import MEAN_COLOUR
from nas.datasets.masks import Masks
from nas.datasets.square import SquareData
from search_spaces.errors import ConfigError
from tests.datasets.square_support import SIZE, blank_data, masks_as_boxes, white_boxes


@dataclass(frozen=True)
class Choice:
    image: int = 0
    seed: int = 0

    def generator(self) -> np.random.Generator:
        return np.random.default_rng(self.seed)


def batch(data: SquareData, settings: AugmentSettings, *seeds: int) -> Any:
    """Images and targets of the first image, once for each seed."""
    return to_device(read_batch(data, [Choice(seed=seed) for seed in seeds], settings, masks=True), "cpu")


@given(seed=st.integers(0, 10_000), left=st.integers(0, 40), top=st.integers(0, 40), flip=st.sampled_from([0.0, 1.0]))
@settings(max_examples=40, deadline=None)
def test_box_stays_on_its_object(seed: int, left: int, top: int, flip: float) -> None:
    data = white_boxes((left, top, left + 24, top + 20))
    images, targets = batch(data, AugmentSettings(flip=flip, scale_min=0.5, scale_max=2.0), seed)
    assert images.shape == (1, 3, SIZE, SIZE)
    white = (images[0, 0] > 1).nonzero()
    if len(targets[0]["boxes"]) == 0:
        assert len(white) == 0 or min(np.ptp(white.numpy(), axis=0)) <= 2
        return
    box = targets[0]["boxes"][0]
    seen = torch.tensor([white[:, 1].min(), white[:, 0].min(), white[:, 1].max() + 1, white[:, 0].max() + 1])
    assert torch.allclose(seen.float(), box, atol=1.6)


@given(seed=st.integers(0, 10_000), left=st.integers(0, 30), top=st.integers(0, 30), flip=st.sampled_from([0.0, 1.0]))
@settings(max_examples=40, deadline=None)
def test_masks_move_with_their_boxes(seed: int, left: int, top: int, flip: float) -> None:
    data = white_boxes((left, top, left + 24, top + 20), (30, 2, 60, 50))
    _, (target,) = batch(data, AugmentSettings(flip=flip, scale_min=0.5, scale_max=2.0), seed)
    assert target["masks"].dtype == torch.bool
    assert target["masks"].shape == (len(target["boxes"]), SIZE, SIZE)
    thick = (target["boxes"][:, 2:] - target["boxes"][:, :2]).amin(dim=1) > 2
    extents = masks_as_boxes(target["masks"][thick].numpy())
    np.testing.assert_allclose(extents, target["boxes"][thick].numpy(), atol=1.0)


def test_without_variation_the_batch_is_the_image() -> None:
    data = white_boxes((4, 8, 20, 30))
    images, (target,) = batch(data, AugmentSettings(flip=0.0), 0)
    assert torch.equal(images, read_images(data, [0]))
    assert target["boxes"].tolist() == [[4, 8, 20, 30]]
    assert masks_as_boxes(target["masks"].numpy()).tolist() == [[4, 8, 20, 30]]


def test_variation_is_each_image_s_own() -> None:
    data, varied = white_boxes((4, 8, 20, 30)), AugmentSettings(scale_min=0.5, scale_max=2.0)
    images, _ = batch(data, varied, 1, 2, 3)
    alone, _ = batch(data, varied, 2)
    assert torch.equal(images[1], alone[0])
    assert not torch.equal(images[1], images[0])


def test_masks_are_not_read_unless_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    data = white_boxes((4, 8, 20, 30))
    monkeypatch.setattr(Masks, "decode", None)
    raw = read_batch(data, [Choice()], AugmentSettings())
    assert set(raw.targets[0]) == {"boxes", "labels"}


def test_targets_are_copies() -> None:
    data = white_boxes((4, 8, 20, 30))
    raw = read_batch(data, [Choice()], AugmentSettings(flip=0.0))
    raw.targets[0]["boxes"].zero_()
    assert data.annotations.boxes.tolist() == [[4, 8, 20, 30]]


def test_an_image_without_objects_has_empty_masks() -> None:
    raw = read_batch(blank_data(1, per_image=0), [Choice()], AugmentSettings(), masks=True)
    assert raw.targets[0]["masks"].shape == (0, 8, 8)
    with pytest.raises(ValueError, match="no masks"):
        read_batch(blank_data(1), [Choice()], AugmentSettings(), masks=True)


def test_normalisation_makes_padding_zero_and_keeps_the_range() -> None:
    padding = torch.tensor(MEAN_COLOUR, dtype=torch.uint8).view(1, 3, 1, 1)
    assert normalise(padding).abs().max() < 0.01
    assert torch.allclose(normalise(torch.zeros(1, 3, 1, 1, dtype=torch.uint8))[0, 0], torch.tensor(-0.485 / 0.229))


@pytest.mark.parametrize("values", [{"flip": 1.5}, {"scale_min": 0.0}, {"scale_min": 2.0, "scale_max": 1.0}])
def test_settings_out_of_range(values: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match=next(iter(values))):
        AugmentSettings(**values)
