"""What all compiled networks share: a backbone, a head on it, and what can be asked of either."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from nas.detectors.convention import CONVENTIONS
from nas.detectors.detections import DetectionSettings
from nas.detectors.parts import Part, Role, Weight
from nas.detectors.scaling import Scaling
from nas.detectors.sizes import Size
from search_spaces.architecture import Architecture
from search_spaces.errors import ConfigError

RawOutputs = Mapping[str, Any]


class Backbone(nn.Module, ABC):
    """An architecture as a module; it declares its outputs, and heads are built from the declaration.

    Attributes:
        architecture: what it was built from.
        outputs: level -> channels of the feature maps, levels ascending.
        multiple: the sides of an image must be multiples of this many pixels; 1: any size will do.
    """

    architecture: Architecture
    outputs: Mapping[int, int]
    multiple: int

    @abstractmethod
    def forward(self, images: Tensor) -> dict[int, Tensor]:
        """Images [B, 3, H, W] -> {level: [B, channels, ceil(H / 2**level), ceil(W / 2**level)]}.

        Raises:
            ConfigError: a side is not a multiple of :attr:`multiple`.
        """

    @abstractmethod
    def parts(self, image_size: Size) -> Iterator[Part]:
        """Every layer with weights, and where it works in an image of (height, width)."""

    @abstractmethod
    def roles(self, key: str) -> Iterator[tuple[Role, Weight]]:
        """Every tensor by its role; ``key`` is what the backbone is called in the state dictionary."""

    @abstractmethod
    def resolved(self) -> dict[str, Any]:
        """Numbers beside architecture and scaling that the computation needs, by name, JSON-ready."""


class Network(nn.Module, ABC):
    """A backbone with a head: what can be trained.

    Attributes:
        head_name: the head's name, as in ``build_detector(head=...)``.
        fixed_names: names of what :meth:`fixed` gives, in order.
        needs_masks: whether :meth:`loss` needs the objects' masks.
        architecture, scaling, classes: what it was built from.
        levels: of the backbone's outputs, ascending.
    """

    head_name: ClassVar[str]
    fixed_names: ClassVar[tuple[str, ...]]
    needs_masks: ClassVar[bool] = False

    def __init__(self, backbone: Backbone, scaling: Scaling, classes: int) -> None:
        super().__init__()
        self.architecture = backbone.architecture
        self.scaling = scaling
        self.classes = classes
        self.levels = tuple(backbone.outputs)
        self.backbone = backbone

    def features(self, images: Tensor) -> dict[int, Tensor]:
        """The backbone's maps for normalised images [B, 3, H, W]; see :meth:`Backbone.forward`."""
        maps: dict[int, Tensor] = self.backbone(images.contiguous(memory_format=torch.channels_last))
        return maps

    @abstractmethod
    def forward(self, images: Tensor) -> dict[str, Any]:
        """Raw outputs for normalised images [B, 3, H, W]."""

    @abstractmethod
    def loss(self, raw: RawOutputs, targets: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
        """Losses of a batch, scalars whose sum is what to minimise."""

    @abstractmethod
    def fixed(self, raw: RawOutputs, image_size: Size, settings: DetectionSettings) -> dict[str, Tensor]:
        """What the network finds in one image, by the names of :attr:`fixed_names`, in shapes that no data changes.

        Args:
            raw: what :meth:`forward` gave for images [1, 3, H, W].
            image_size: (H, W).
        """

    def parts(self, image_size: Size) -> Iterator[Part]:
        """Every layer with weights, and where it works in an image of (height, width)."""
        yield from self.backbone.parts(image_size)
        yield from self.head_parts(image_size)

    def roles(self) -> Iterator[tuple[Role, Weight]]:
        """Every tensor by its role; together they cover the state dictionary exactly."""
        yield from self.backbone.roles("backbone")
        yield from self.head_roles()

    def resolved(self) -> dict[str, Any]:
        """Numbers beside architecture and scaling that the computation needs, by name, JSON-ready."""
        convention = CONVENTIONS[self.scaling.convention]
        names = [field.name for field in fields(convention) if field.name not in ("name", "batch_norm")]
        return {name: getattr(convention, name) for name in names} | self.backbone.resolved() | self.head_resolved()

    @abstractmethod
    def head_resolved(self) -> dict[str, Any]:
        """The head's share of :meth:`resolved`."""

    @abstractmethod
    def head_parts(self, image_size: Size) -> Iterator[Part]:
        """The head's share of :meth:`parts`."""

    @abstractmethod
    def head_roles(self) -> Iterator[tuple[Role, Weight]]:
        """The head's share of :meth:`roles`."""


class Detector(Network):
    """A network that finds objects; class 0 is the background."""

    @abstractmethod
    def detect(self, images: Tensor, settings: DetectionSettings | None = None) -> list[dict[str, Tensor]]:
        """What is found in each of the normalised images [B, 3, H, W], best first; see :func:`in_evaluation`."""


def as_detector(network: Network, purpose: str) -> Detector:
    """The network, which must find objects.

    Args:
        purpose: what it is needed for, as a sentence begins: ``"evaluation"``.

    Raises:
        ConfigError: it does not: a classifier.
    """
    if not isinstance(network, Detector):
        raise ConfigError(
            f"{purpose} needs a detector; a network with head {network.head_name!r} finds no objects, one with "
            f"retinanet or mask_rcnn does."
        )
    return network


@contextmanager
def in_evaluation(network: nn.Module) -> Iterator[None]:
    """The network in evaluation mode, without gradients, and every module as it was in the end.

    The one rule for whatever is computed with trained weights: batch normalisation takes the running statistics.
    """
    training = [module for module in network.modules() if module.training]
    for module in training:
        module.training = False
    try:
        with torch.no_grad():
            yield
    finally:
        for module in training:
            module.training = True
