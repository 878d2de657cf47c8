"""The types of the blocks that an architecture is made of, one frozen row for each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

SPINENET, MOBILE, RESNET_FPN = "spinenet", "mobile", "resnet-fpn"


@dataclass(frozen=True, slots=True)
class BlockType:
    """What is known about the blocks of a type without building one.

    Attributes:
        name: what an architecture file calls it.
        family: of the architectures that have such a block; it decides the widths, the stem and the connections.
        expansion: output channels divided by the width of the block's level; 0 if they do not depend on that width.
        first_level: feature level of the first block in a stem of such blocks.
        alone: whether an architecture with such a block must not have any other type.
        symbol: how it is drawn, ``rectangle`` or ``diamond``.
        title: what the legend of a picture calls it; None: the legend leaves it out.
    """

    name: str
    family: str = SPINENET
    expansion: int = 1
    first_level: int = 2
    alone: bool = False
    symbol: str = "rectangle"
    title: str | None = None


BLOCK_TYPES: Mapping[str, BlockType] = MappingProxyType(
    {
        row.name: row
        for row in (
            BlockType("bottleneck", expansion=4, title="bottleneck block"),
            BlockType("residual", symbol="diamond", title="residual block"),
            BlockType("mbconv", MOBILE, first_level=1, alone=True, title="inverted bottleneck block"),
            BlockType("fpn", RESNET_FPN, expansion=0),
        )
    }
)
"""Name -> block type: ResNet's bottleneck and residual block (arXiv 1512.03385), the inverted bottleneck with
squeeze-and-excite of SpineNet-mobile (SpineNet, appendix A), and a level of a feature pyramid (arXiv 1612.03144)."""

SCALE_PERMUTED_TYPES = tuple(name for name, row in BLOCK_TYPES.items() if row.family == SPINENET)
"""The types that the paper's search chooses from."""


def family_of(block_types: set[str]) -> str:
    """The family of an architecture with blocks of these types: one that is not SpineNet's, if there is such a type."""
    families = {BLOCK_TYPES[name].family for name in block_types}
    return next((family for family in sorted(families) if family != SPINENET), SPINENET)
