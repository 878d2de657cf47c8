"""The families of architectures: how wide their blocks are, and what their stems and connections are made of."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from torch import nn

from nas.detectors.backbones.connections import DepthwiseDown, FanOut, PassOn, Pooling
from nas.detectors.backbones.stems import Stem, mobile_stem
from nas.detectors.convention import CONVENTIONS
from nas.detectors.scaling import Scaling
from search_spaces.architecture import Architecture
from search_spaces.block import BlockSpec
from search_spaces.errors import ConfigError
from search_spaces.vocabulary import BLOCK_TYPES, MOBILE, RESNET_FPN, SPINENET

STEM_CHANNELS = 64
MOBILE_WIDTHS = MappingProxyType({0: 8, 1: 16, 2: 24, 3: 40, 4: 80, 5: 112, 6: 112, 7: 112})  # 0: the stem


@dataclass(frozen=True, slots=True)
class Family:
    """One family of architectures.

    Attributes:
        name: as :attr:`search_spaces.Architecture.family` gives it.
        widths: level -> width of a block at ``Scaling.width`` 1.
        default: the published detector whose scaling an architecture gets if none is given.
        stem: (channels, scaling) -> the convolutions in front of the first block.
        stem_channels: scaling -> channels of those convolutions.
        drop_rate: (index, architecture, scaling) -> rate of stochastic depth in the blocks of a node.
        stem_width_level: entry of ``widths`` that the stem's channels follow; None: they follow none.
        narrows: whether a connection narrows its input by the scaling's alpha.
        whole_factors: whether connections resample by whole factors only, whatever the convention is.
        fan_out: (source, {target: node}, channels, narrowed channels, scaling) -> what a node sends its targets.
        down: (source, target, channels, scaling) -> what takes a connection down to the target's level.
    """

    name: str
    widths: Mapping[int, int]
    default: str
    stem: Callable[[int, Scaling], nn.Module]
    stem_channels: Callable[[Scaling], int]
    drop_rate: Callable[[int, Architecture, Scaling], float]
    stem_width_level: int | None = None
    narrows: bool = False
    whole_factors: bool = False
    fan_out: Callable[[BlockSpec, Mapping[int, BlockSpec], int, int, Scaling], nn.Module] = PassOn
    down: Callable[[BlockSpec, BlockSpec, int, Scaling], nn.Module] = Pooling

    def width(self, level: int, scaling: Scaling) -> int:
        """Width of a block: channels of its inner 3x3 convolutions, or of both ends of an inverted bottleneck."""
        return int(self.widths[level] * scaling.width)

    def channels(self, node: BlockSpec, scaling: Scaling) -> int:
        """Channels of a block's output; a level of a feature pyramid has as many as an endpoint."""
        expansion = BLOCK_TYPES[node.block_type].expansion
        return self.width(node.level, scaling) * expansion if expansion else scaling.endpoints

    def connection_width(self, level: int, scaling: Scaling) -> int:
        """Channels of a connection from a block at ``level`` before its wide end."""
        return int(self.width(level, scaling) * (scaling.alpha if self.narrows else 1))

    def resolved(self, scaling: Scaling) -> dict[str, Any]:
        """Widths and expansions as numbers, by name, JSON-serialisable."""
        return {
            "family": self.name,
            "stem_channels": self.stem_channels(scaling),
            "widths": {str(level): self.width(level, scaling) for level in self.widths},
            "expansions": {name: row.expansion for name, row in BLOCK_TYPES.items()},
        }

    def check_widths(self, levels: Iterable[int], scaling: Scaling) -> None:
        """Check that blocks at ``levels``, their narrowed connections and the stem keep at least one channel.

        Raises:
            ConfigError: no channel is left; the sentence names the level.
        """
        stem = () if self.stem_width_level is None else (self.stem_width_level,)
        for level in sorted({*levels, *stem}):
            if self.connection_width(level, scaling) < 1:
                narrowed = f" and alpha {scaling.alpha} leave" if self.narrows else " leaves"
                raise ConfigError(
                    f"scaling: width {scaling.width}{narrowed} no channel at level {level}; the width there is "
                    f"{self.widths[level]} times that, rounded down, and must be at least 1."
                )


def _fixed_channels(scaling: Scaling) -> int:
    """SpineNet's stem has 64 channels, whatever the width is."""
    return STEM_CHANNELS


def _mobile_channels(scaling: Scaling) -> int:
    return int(MOBILE_WIDTHS[0] * scaling.width)


def _resnet_channels(scaling: Scaling) -> int:
    """ResNet's stem scales like all its layers."""
    return int(STEM_CHANNELS * scaling.width)


def _rising_by_block(index: int, architecture: Architecture, scaling: Scaling) -> float:
    """The rate of stochastic depth rises from block to block of the scale-permuted network."""
    position = max(index - len(architecture.stem) + 1, 0)
    extra = CONVENTIONS[scaling.convention].stochastic_depth_extra
    return scaling.stochastic_depth * position / (len(architecture.blocks) + extra)


def _rising_by_level(index: int, architecture: Architecture, scaling: Scaling) -> float:
    """The rate of stochastic depth rises from level to level of a ResNet."""
    return scaling.stochastic_depth * architecture.nodes[index].level / 5


_SPINENET = Family(
    name=SPINENET,
    widths=MappingProxyType({1: 32, 2: 64, 3: 128, 4: 256, 5: 256, 6: 256, 7: 256}),
    default="spinenet-49",
    stem=Stem,
    stem_channels=_fixed_channels,
    drop_rate=_rising_by_block,
    narrows=True,
    fan_out=FanOut,
)
_MOBILE = Family(
    name=MOBILE,
    widths=MOBILE_WIDTHS,
    default="spinenet-mobile-49",
    stem=mobile_stem,
    stem_channels=_mobile_channels,
    drop_rate=_rising_by_block,
    stem_width_level=0,
    whole_factors=True,
    down=DepthwiseDown,
)
_RESNET_FPN = Family(
    name=RESNET_FPN,
    widths=MappingProxyType({1: 32, 2: 64, 3: 128, 4: 256, 5: 512, 6: 512, 7: 512}),
    default="r50-fpn",
    stem=Stem,
    stem_channels=_resnet_channels,
    drop_rate=_rising_by_level,
)

FAMILIES: Mapping[str, Family] = MappingProxyType({row.name: row for row in (_SPINENET, _MOBILE, _RESNET_FPN)})
"""Name -> family. Widths: SpineNet, section 3.2 and appendix A; ResNet, arXiv 1512.03385, Table 1."""
