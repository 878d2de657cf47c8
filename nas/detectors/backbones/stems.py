"""The convolutions in front of the stem's blocks."""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor, nn

from nas.detectors import fused
from nas.detectors.convention import CONVENTIONS
from nas.detectors.layers import ConvNorm, activate, max_pool
from nas.detectors.parts import Part, Role, Weight
from nas.detectors.scaling import Scaling
from nas.detectors.sizes import Size

STEM_LEVEL = 1


class Stem(nn.Module):
    """A 7x7 convolution of stride 2 and 3x3 max-pooling of stride 2."""

    def __init__(self, channels: int, scaling: Scaling) -> None:
        super().__init__()
        self.conv = ConvNorm(3, channels, 7, STEM_LEVEL, scaling, stride=2)
        self.activation = scaling.activation
        self.same_pooling = CONVENTIONS[scaling.convention].same_pooling

    def parts(self, name: str, level: int | None, image_size: Size) -> Iterator[Part]:
        """The convolution, as a part called ``name`` at ``level``."""
        yield from self.conv.parts(name, level, image_size)

    def roles(self, role: Role, key: str) -> Iterator[tuple[Role, Weight]]:
        """The convolution's tensors by role; ``key`` is the stem's name."""
        yield from self.conv.roles(role, f"{key}.conv")

    def forward(self, images: Tensor) -> Tensor:
        """Images [B, 3, H, W] -> [B, channels, ceil(H / 4), ceil(W / 4)]."""
        if self.same_pooling and self.activation == "relu" and fused.can_fuse(self, self.activation):
            return self.conv.fused(images, self.activation, pool=True)
        x = self.conv(images)
        if self.activation == "relu":  # it may follow the pooling, since it is monotone: a quarter of the work
            return activate(max_pool(x, (3, 3), (2, 2), self.same_pooling), self.activation)
        return max_pool(activate(x, self.activation), (3, 3), (2, 2), self.same_pooling)


def mobile_stem(channels: int, scaling: Scaling) -> ConvNorm:
    """A 3x3 convolution of stride 2: images [B, 3, H, W] -> [B, channels, ceil(H / 2), ceil(W / 2)]."""
    return ConvNorm(3, channels, 3, STEM_LEVEL, scaling, stride=2, activation=scaling.activation)
