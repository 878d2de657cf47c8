"""Cross-scale connections: how a feature map gets the size and channels of another level (SpineNet, section 3.2).

A connection narrows its parent with a 1x1 convolution, changes the resolution (down: a 3x3 convolution of stride 2 and,
for more than a factor of 2, max-pooling; up: nearest neighbour), and widens to the target's channels with a 1x1
convolution without activation. All connections of one parent share one convolution that narrows and one that goes down
(:class:`FanOut`); each connection has its own pooling (:class:`Pooling`).

A connection of the mobile family does not narrow its parent (:class:`PassOn`) and goes down by depthwise convolutions
alone (:class:`DepthwiseDown`; appendix A). Padding and pooling follow the scaling's convention.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from torch import Tensor, nn

from nas.detectors.convention import CONVENTIONS, Convention
from nas.detectors.layers import ConvNorm, depthwise_conv, max_pool, resize_nearest
from nas.detectors.parts import Part, Role, Weight
from nas.detectors.scaling import Scaling
from nas.detectors.sizes import Size
from search_spaces.block import BlockSpec


class FanOut(nn.Module):
    """The narrow end of all connections that leave one parent.

    Attributes:
        targets: node indices in the order of the channels; those at coarser levels come first.
        lower: how many of them are at coarser levels.
    """

    def __init__(
        self, source: BlockSpec, targets: Mapping[int, BlockSpec], channels_in: int, narrow: int, scaling: Scaling
    ) -> None:
        super().__init__()
        self.targets = tuple(sorted(targets, key=lambda index: targets[index].level <= source.level))
        lower = sum(target.level > source.level for target in targets.values())
        act = scaling.activation
        self.channels = (lower * narrow, *(narrow,) * (len(targets) - lower))
        self.width = narrow
        self.lower = lower
        self.narrow = ConvNorm(channels_in, narrow * len(targets), 1, source.level, scaling, activation=act)
        self.down = (
            ConvNorm(
                lower * narrow, lower * narrow, 3, source.level + 1, scaling, stride=2, groups=lower, activation=act
            )
            if lower
            else None
        )

    def parts(self, target: int, name: str, level: int | None, image_size: Size) -> Iterator[Part]:
        """One connection's share of the convolutions, as parts called ``name`` at ``level``."""
        for part in self.narrow.parts(name, level, image_size):
            yield replace(part, share=len(self.targets))
        if self.down is not None and self.targets.index(target) < self.lower:
            for part in self.down.parts(name, level, image_size):
                yield replace(part, share=self.lower)

    def roles(self, parent: int, key: str) -> Iterator[tuple[Role, Weight]]:
        """Every connection's rows of the convolutions; ``parent`` is the node they leave, ``key`` the layer's name."""
        for at, target in enumerate(self.targets):
            role = Role("connection", "narrow", node=target, parent=parent)
            rows = at * self.width, (at + 1) * self.width
            yield from self.narrow.roles(role, f"{key}.narrow", *rows)
            if self.down is not None and at < self.lower:
                yield from self.down.roles(replace(role, layer="down"), f"{key}.down", *rows)

    def forward(self, x: Tensor) -> dict[int, Tensor]:
        """[B, C, h, w] -> {target: [B, narrow, h, w]}; on the way to a coarser level h and w are halved."""
        going_down, *rest = self.narrow(x).split(self.channels, dim=1)
        halves = self.down(going_down).chunk(self.lower, dim=1) if self.down is not None else ()
        return dict(zip(self.targets, (*halves, *rest)))


class PassOn(nn.Module):
    """Stands in for a :class:`FanOut` where nothing is narrowed: every connection gets the parent's output."""

    def __init__(
        self, source: BlockSpec, targets: Mapping[int, BlockSpec], channels_in: int, narrow: int, scaling: Scaling
    ) -> None:
        super().__init__()
        self.targets = tuple(targets)

    def parts(self, target: int, name: str, level: int | None, image_size: Size) -> Iterator[Part]:
        """There are none."""
        yield from ()

    def roles(self, parent: int, key: str) -> Iterator[tuple[Role, Weight]]:
        """There are none."""
        yield from ()

    def forward(self, x: Tensor) -> dict[int, Tensor]:
        """[B, C, h, w] -> {target: the same map}."""
        return dict.fromkeys(self.targets, x)


class Pooling(nn.Module):
    """The rest of the way down after a :class:`FanOut`: max-pooling, without weights."""

    def __init__(self, source: BlockSpec, target: BlockSpec, channels: int, scaling: Scaling) -> None:
        super().__init__()
        self.convention = CONVENTIONS[scaling.convention]

    def parts(self, name: str, level: int | None, image_size: Size) -> Iterator[Part]:
        """There are none."""
        yield from ()

    def roles(self, role: Role, key: str) -> Iterator[tuple[Role, Weight]]:
        """There are none."""
        yield from ()

    def forward(self, x: Tensor, source_size: Size, size: Size) -> Tensor:
        """What the fan-out made of a map of ``source_size``, [B, C, h, w] -> [B, C, *size] if the way leads down."""
        is_halved = (x.shape[2], x.shape[3]) != source_size
        return pool_to(x, source_size, size, self.convention) if is_halved else x


class DepthwiseDown(nn.Sequential):
    """Depthwise 3x3 convolutions of stride 2, one for each level that a connection goes down."""

    def __init__(self, source: BlockSpec, target: BlockSpec, channels: int, scaling: Scaling) -> None:
        levels = range(source.level + 1, target.level + 1)
        super().__init__(*(depthwise_conv(channels, level, scaling, stride=2) for level in levels))

    def parts(self, name: str, level: int | None, image_size: Size) -> Iterator[Part]:
        """The convolutions, as parts called ``name`` at ``level``."""
        layers: Iterator[Any] = self.children()
        for layer in layers:
            yield from layer.parts(name, level, image_size)

    def roles(self, role: Role, key: str) -> Iterator[tuple[Role, Weight]]:
        """The convolutions by role; ``role`` is the connection's, ``key`` the layer's name."""
        layers: Iterator[Any] = self.children()
        for index, layer in enumerate(layers):
            yield from layer.roles(replace(role, layer="down", index=index), f"{key}.{index}")

    def forward(self, x: Tensor, source_size: Size, size: Size) -> Tensor:  # type: ignore[override]
        """[B, C, h, w] -> [B, C, *size], if the way leads down."""
        y: Tensor = super().forward(x)
        return y


def widen_to(x: Tensor, size: Size, widen: nn.Module) -> Tensor:
    """The wide end of a connection: a map [B, C, h, w] with the channels that ``widen`` gives it.

    It is at ``size``, or smaller by a whole factor: up-sampling comes after the 1x1 convolution and its normalisation
    then. The result is the same, and the convolution costs less by the square of the factor.
    """
    height, width = x.shape[2], x.shape[3]
    if size[0] % height == 0 and size[1] % width == 0:
        y: Tensor = widen(x, size[0] * size[1] // (height * width))
    else:
        y = widen(resize_nearest(x, size))
    return y


def pool_to(x: Tensor, source_size: Size, size: Size, convention: Convention) -> Tensor:
    """The max-pooling that follows the strided convolution of a ``source_size`` map on its way to ``size``."""
    if convention.repeated_pooling:
        while x.shape[2] > size[0] or x.shape[3] > size[1]:
            x = max_pool(x, (3, 3), (2, 2))
        return x
    plans = [_pool_plan(source, target) for source, target in zip(source_size, size)]
    if all(kernel == 1 for kernel, _ in plans):
        return x
    return max_pool(x, (plans[0][0], plans[1][0]), (plans[0][1], plans[1][1]), convention.same_pooling)


def _pool_plan(source: int, target: int) -> tuple[int, int]:
    """(kernel, stride) along one axis."""
    if source // target <= 2:
        return 1, 1
    return 3 if source <= 4 * target else 5, source // target // 2 if source % target == 0 else 2
