"""Sizes of images and of their feature maps."""

from __future__ import annotations

from collections.abc import Iterable

from search_spaces.errors import ConfigError
from search_spaces.settings import SettingError, as_yaml, fits

Size = tuple[int, int]


def read_size(image_size: object) -> Size:
    """(height, width) from a side or a pair of sides, in pixels.

    Raises:
        ConfigError: it is neither, or a side is no positive integer.
    """
    sides = tuple(image_size) if isinstance(image_size, list | tuple) else (image_size, image_size)
    if len(sides) != 2 or not all(fits(side, int) and side > 0 for side in sides):
        right = "a positive integer, or [height, width] of them"
        raise SettingError("image_size", f"is {as_yaml(image_size)}; it must be {right}.")
    return sides


def feature_size(image_size: Size, level: int) -> Size:
    """(height, width) of the feature maps at ``level``: the image's, divided by ``2**level`` and rounded up."""
    height, width = image_size
    return -(-height // 2**level), -(-width // 2**level)


def count_positions(image_size: Size, levels: Iterable[int]) -> int:
    """The number of positions in the feature maps at all ``levels`` together."""
    sizes = (feature_size(image_size, level) for level in levels)
    return sum(height * width for height, width in sizes)


def check_image_size(image_size: Size, multiple: int) -> None:
    """Check that both sides are multiples of ``multiple``.

    Raises:
        ConfigError: one is not; the sentence names the nearest sizes that are.
    """
    for name, side in zip(("height", "width"), image_size):
        if side % multiple:
            below, above = side // multiple * multiple, -(-side // multiple) * multiple
            nearest = f"{below} or {above}" if below else f"{above}"
            raise ConfigError(f"image size: {name} {side} is not a multiple of {multiple}; the nearest is {nearest}.")
