"""Training batches: boxes follow their objects through flips and jitter."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nas.datasets.augment import MEAN_COLOUR, AugmentSettings, normalise, read_batch, read_images, to_device
from nas.datasets.dataset import Annotations, DetectionData
from search_spaces.errors import ConfigError

SIZE = 64


def one_white_box(x1: int, y1: int, x2: int, y2: int) -> DetectionData:
    image = np.empty((1, 3, SIZE, SIZE), dtype=np.uint8)
    image[:] = np.asarray(MEAN_COLOUR).reshape(1, 3, 1, 1)
    image[0, :, y1:y2, x1:x2] = 255
    annotations = Annotations(
        boxes=np.asarray([[x1, y1, x2, y2]], dtype=np.float32),
        labels=np.asarray([1]),
        areas=np.asarray([1.0], dtype=np.float32),
        crowd=np.asarray([False]),
        offsets=np.asarray([0, 1]),
        scales=np.ones(1, dtype=np.float32),
        class_names=("white",),
    )
    return DetectionData(image, annotations, "key")


@given(seed=st.integers(0, 10_000), left=st.integers(0, 40), top=st.integers(0, 40), flip=st.sampled_from([0.0, 1.0]))
@settings(max_examples=40, deadline=None)
def test_box_stays_on_its_object(seed: int, left: int, top: int, flip: float) -> None:
    data = one_white_box(left, top, left + 24, top + 20)
    varied = AugmentSettings(flip=flip, scale_min=0.5, scale_max=2.0)
    images, targets = to_device(read_batch(data, [0], np.random.default_rng(seed), varied), "cpu")
    assert images.shape == (1, 3, SIZE, SIZE)
    white = (images[0, 0] > 1).nonzero()
    if len(targets[0]["boxes"]) == 0:
        assert len(white) == 0 or min(np.ptp(white.numpy(), axis=0)) <= 2
        return
    box = targets[0]["boxes"][0]
    seen = torch.tensor([white[:, 1].min(), white[:, 0].min(), white[:, 1].max() + 1, white[:, 0].max() + 1])
    assert torch.allclose(seen.float(), box, atol=1.6)


def test_without_variation_the_batch_is_the_image() -> None:
    data = one_white_box(4, 8, 20, 30)
    still = AugmentSettings(flip=0.0)
    images, targets = to_device(read_batch(data, [0], np.random.default_rng(0), still), "cpu")
    assert torch.equal(images, read_images(data, [0]))
    assert targets[0]["boxes"].tolist() == [[4, 8, 20, 30]]


def test_normalisation_makes_padding_zero_and_keeps_the_range() -> None:
    padding = torch.tensor(MEAN_COLOUR, dtype=torch.uint8).view(1, 3, 1, 1)
    assert normalise(padding).abs().max() < 0.01
    assert torch.allclose(normalise(torch.zeros(1, 3, 1, 1, dtype=torch.uint8))[0, 0], torch.tensor(-0.485 / 0.229))


@pytest.mark.parametrize("values", [{"flip": 1.5}, {"scale_min": 0.0}, {"scale_min": 2.0, "scale_max": 1.0}])
def test_settings_out_of_range(values: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match=next(iter(values))):
        AugmentSettings(**values)
