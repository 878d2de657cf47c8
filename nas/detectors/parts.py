"""What a network says about itself: its parts, for counting, and its weights by role, for reading checkpoints."""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """Layers that work at the same number of positions.

    Attributes:
        name: what they belong to, for example ``block 3``; parts with the same name follow each other.
        level: its feature level, or None if it works on several.
        modules: the layers.
        positions: how many positions of one image each of their kernels is applied at.
        outputs: values that their kernels write for one image; None: output channels times positions.
        products: multiply-adds beside those of kernels and batch normalisation.
        share: the part is one of this many equal shares of the modules.
    """

    name: str
    level: int | None
    modules: tuple[nn.Module, ...]
    positions: int
    outputs: int | None = None
    products: int = 0
    share: int = 1


@dataclass(frozen=True, slots=True)
class Role:
    """What a layer, or one tensor of it, is in the network as the papers describe it.

    Attributes:
        module: ``stem``, ``block``, ``connection``, ``endpoint``, ``pyramid``, or a module of a head: ``class_tower``,
            ``class_predictor``, ``rpn_tower``, ``box_head``, ...
        layer: within the module, for example ``reduce``, ``narrow``, ``lateral``, ``conv``, ``norm``.
        part: a tensor of the layer: ``kernel`` or ``bias`` of a convolution; ``gamma``, ``beta``, ``mean`` or
            ``variance`` of batch normalisation. It is empty if the whole layer is meant.
        node: index of the block, or of the block that a connection leads to.
        parent: index of the block that a connection comes from.
        index: which of several equal layers it is: a node's blocks, a tower's convolutions, a connection's steps down.
        level: feature level of an endpoint, of a layer in the pyramid, or of a batch normalisation in a tower.
        factor: ``depthwise`` or ``pointwise``, the two convolutions of a separable one.
    """

    module: str
    layer: str = ""
    part: str = ""
    node: int | None = None
    parent: int | None = None
    index: int | None = None
    level: int | None = None
    factor: str = ""

    def __str__(self) -> str:
        """The name in error messages, for example ``node3.block0.reduce.kernel`` or ``connection2-4.narrow.gamma``."""
        index, level = ("" if number is None else str(number) for number in (self.index, self.level))
        if self.module == "block":
            names = [f"node{self.node}", f"block{index}", self.layer]
        elif self.module == "connection":
            names = [f"connection{self.parent}-{self.node}", f"{self.layer}{index}"]
        elif index:
            names = [self.module, f"{self.layer}{index}", level]
        else:
            names = [self.module, f"{self.layer}{level}"] if self.layer else [f"{self.module}{level}"]
        return ".".join(filter(None, (*names, self.factor, self.part)))


@dataclass(frozen=True, slots=True)
class Weight:
    """Where the tensor of a role is stored.

    Attributes:
        key: in the network's state dictionary.
        axes: ``conv``, ``depthwise``, ``transposed``, ``dense``, ``roi_dense`` (a fully connected layer on crops
            [7, 7]) or ``vector``; this decides how axes from another code base are permuted.
        first, last: range of the rows that belong to the role; None: all rows do.
    """

    key: str
    axes: str
    first: int | None = None
    last: int | None = None
