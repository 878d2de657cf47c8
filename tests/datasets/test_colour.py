"""The colour that pads an image is nothing to a network."""

import numpy as np

from nas.datasets.colour import IMAGENET_MEAN, IMAGENET_STD, MEAN_COLOUR


def test_padding_is_zero_when_normalised():
    assert MEAN_COLOUR == (124, 116, 104)
    normalised = (np.array(MEAN_COLOUR) / 255 - IMAGENET_MEAN) / IMAGENET_STD
    assert np.abs(normalised).max() < 0.5 / 255 / min(IMAGENET_STD)
