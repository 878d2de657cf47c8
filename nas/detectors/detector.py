"""What all compiled networks share: a backbone, a head on it, and what both can be asked."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields
from typing import Any, ClassVar, cast

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
    """An architecture as a module. It declares its outputs, and heads are built from that declaration.

    Attributes:
        architecture: what it was built from.
        outputs: level -> channels of the feature maps, levels ascending.
        multiple: the sides of an image must be multiples of this many pixels; 1: any size is allowed.
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
        """The role and the place of every tensor; ``key`` is the name of the backbone in the state dictionary."""

    @abstractmethod
    def resolved(self) -> dict[str, Any]:
        """By name the numbers that the computation needs beside architecture and scaling, JSON-serialisable."""


class Network(nn.Module, ABC):
    """A backbone with a head: what can be trained.

    Attributes:
        head_name: the head's name, as in ``build_detector(head=...)``.
        fixed_names: names of what :meth:`fixed` returns, in order.
        needs_masks: whether :meth:`loss` needs the objects' masks.
        divisor_of_whole: what a whole batch adds to the divisors of its parts, see :meth:`loss_of_part`.
        architecture, scaling, classes: what it was built from.
        levels: levels of the backbone's outputs, ascending.
    """

    head_name: ClassVar[str]
    fixed_names: ClassVar[tuple[str, ...]]
    needs_masks: ClassVar[bool] = False
    divisor_of_whole: ClassVar[int] = 0

    def __init__(self, backbone: Backbone, scaling: Scaling, classes: int) -> None:
        super().__init__()
        self.architecture = backbone.architecture
        self.scaling = scaling
        self.classes = classes
        self.levels = tuple(backbone.outputs)
        self.backbone = backbone
        self.folded = False

    def features(self, images: Tensor) -> dict[int, Tensor]:
        """The backbone's maps for normalised images [B, 3, H, W]; see :meth:`Backbone.forward`."""
        maps: dict[int, Tensor] = self.backbone(images.contiguous(memory_format=torch.channels_last))
        return maps

    @abstractmethod
    def forward(self, images: Tensor) -> dict[str, Any]:
        """Raw outputs for normalised images [B, 3, H, W]."""

    @abstractmethod
    def loss(self, raw: RawOutputs, targets: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
        """Losses of a batch: scalars whose sum must be minimised."""

    def loss_of_part(
        self, raw: RawOutputs, targets: Sequence[Mapping[str, Tensor]]
    ) -> tuple[dict[str, Tensor], Tensor]:
        """Losses of a part of a batch, not divided yet, and what they are divided by.

        The losses of the whole batch are the sums over its parts, divided by the sum of the divisors and
        :attr:`divisor_of_whole`. Here each image counts alike; a head whose losses count something else says so.
        """
        count = len(targets)
        losses = {name: value * count for name, value in self.loss(raw, targets).items()}
        return losses, next(iter(losses.values())).new_tensor(count)

    @abstractmethod
    def predict(self, images: Tensor) -> list[dict[str, Tensor]]:
        """What the network says of each of the normalised images [B, 3, H, W]: objects, or the likeliest classes."""

    @abstractmethod
    def fixed(self, raw: RawOutputs, image_size: Size, settings: DetectionSettings) -> dict[str, Tensor]:
        """What the network finds in one image, under the names of :attr:`fixed_names`.

        The shapes of the tensors do not depend on the image.

        Args:
            raw: what :meth:`forward` returned for an image [1, 3, H, W].
            image_size: (H, W).
            settings: what counts as a detection.
        """

    def parts(self, image_size: Size) -> Iterator[Part]:
        """Every layer with weights, and where it works in an image of (height, width).

        Raises:
            ConfigError: the network is a fast copy, whose layers are others.
        """
        self._check_not_folded()
        yield from self.backbone.parts(image_size)
        yield from self.head_parts(image_size)

    def roles(self) -> Iterator[tuple[Role, Weight]]:
        """The role and the place of every tensor; together they cover the state dictionary exactly.

        Raises:
            ConfigError: the network is a fast copy, whose layers are others.
        """
        self._check_not_folded()
        yield from self.backbone.roles("backbone")
        yield from self.head_roles()

    def _check_not_folded(self) -> None:
        if self.folded:
            raise ConfigError("a fast copy has no batch normalisation any more; ask the network that it was made from.")

    def resolved(self) -> dict[str, Any]:
        """By name the numbers that the computation needs beside architecture and scaling, JSON-serialisable."""
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
    """A network that finds objects. Class 0 is the background."""

    @abstractmethod
    def detect(self, images: Tensor, settings: DetectionSettings | None = None) -> list[dict[str, Tensor]]:
        """The detections in each of the normalised images [B, 3, H, W], best first, as in evaluation."""

    def predict(self, images: Tensor) -> list[dict[str, Tensor]]:
        """As :meth:`detect` with its default settings."""
        return self.detect(images)


def as_detector(network: nn.Module, purpose: str) -> Detector:
    """The network itself, if it can detect. A compiled one (``torch.compile``) can do what the one inside it can.

    Args:
        purpose: what the detector is needed for; the message of the error begins with it, for example ``"evaluation"``.

    Raises:
        ConfigError: the network finds no objects; it is a classifier.
    """
    if not callable(getattr(network, "detect", None)):
        name = getattr(network, "head_name", type(network).__name__)
        raise ConfigError(f"{purpose} needs a detector; a network with head {name!r} finds no objects.")
    return cast(Detector, network)


@contextmanager
def in_evaluation(network: nn.Module) -> Iterator[None]:
    """Put the network into evaluation mode, without gradients; afterwards every module is in its former mode.

    Whatever is computed with trained weights must be computed here, so that batch normalisation takes the running
    statistics. A network that is in evaluation mode itself is left as it is.
    """
    training = [module for module in network.modules() if module.training] if network.training else []
    for module in training:
        module.training = False
    try:
        with torch.no_grad():
            yield
    finally:
        for module in training:
            module.training = True
