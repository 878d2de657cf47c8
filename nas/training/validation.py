"""What the weights of a training are worth on images that it does not learn from."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor
from torch.optim.swa_utils import AveragedModel

from nas.datasets.augment import normalise, read_images
from nas.datasets.colour import MEAN_COLOUR
from nas.datasets.dataset import DetectionData
from nas.datasets.live import BrokenPicture
from nas.detectors import DetectionSettings, Network
from nas.training.flat import FlatWeights
from nas.words import said_when_slow

log = logging.getLogger(__name__)
SCORE = "ap"
"""The number that is compared; higher is better."""


@dataclass(slots=True)
class Validation:
    """Measures a detector on some images of a data set.

    Attributes:
        evaluate: gives COCO's numbers of a network on images of a data set, :func:`nas.evaluation.evaluate`.
        data, indices: the images.
        what: what they are, in words.
        batch_size: images at once.
        settings: what counts as a detection.
        broken: images that could not be read; they are measured as if there was nothing to see.
    """

    evaluate: Callable[..., dict[str, float]]
    data: DetectionData
    indices: Sequence[int]
    what: str
    batch_size: int = 16
    settings: DetectionSettings | None = None
    broken: set[int] = field(default_factory=set)

    def measure(self, network: Network) -> dict[str, float]:
        """COCO's numbers, in [0, 1]; -1 where nothing could be measured."""
        with said_when_slow(log, f"validating on {self.what}"):
            return self.evaluate(network, self.data, self.indices, self.batch_size, self.settings, read=self.read)

    def read(self, data: DetectionData, indices: Sequence[int], device: torch.device) -> Tensor:
        """Normalised images [B, 3, S, S]; a broken picture is named once and shown as the mean colour."""
        try:
            return read_images(data, indices, device)
        except BrokenPicture:
            return torch.cat([self._read_one(data, index, device) for index in indices])

    def _read_one(self, data: DetectionData, index: int, device: torch.device) -> Tensor:
        try:
            return read_images(data, [index], device)
        except BrokenPicture as error:
            if index not in self.broken:
                self.broken.add(index)
                log.warning("%s It counts in validations as a picture in which nothing is found.", error)
        blank = np.broadcast_to(np.asarray(MEAN_COLOUR, dtype=np.uint8).reshape(1, 3, 1, 1), (1, 3, 1, 1))
        side = data.image_size
        return normalise(torch.from_numpy(blank.copy()).to(device)).expand(1, 3, side, side)


@contextmanager
def averaged(weights: FlatWeights, average: AveragedModel | None) -> Iterator[None]:
    """In the block, the network has the moving average of its weights, where there is one; afterwards its own again.

    What is done to weights and statistics in the block is undone, to the bit.
    """
    own = {name: value.clone() for name, value in weights.state_dict().items()}
    if average is not None:
        weights.load_state_dict(average.module.state_dict())
    try:
        yield
    finally:
        weights.load_state_dict(own)
