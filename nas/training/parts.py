"""The parts of each step's batch, without end: which images, read ahead by threads, broken pictures left out."""

from __future__ import annotations

import itertools
import logging
import threading
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace

import torch

from nas.datasets.augment import AugmentSettings, RawBatch, read_batch, to_device
from nas.datasets.dataset import DetectionData, check_masks
from nas.datasets.live import BrokenPicture
from nas.training.order import Pick, pick_batch
from nas.training.ranks import Ranks
from nas.training.step import Batch
from search_spaces.errors import DataError

log = logging.getLogger(__name__)
MOST_BROKEN = 0.02
"""Share of the training images that may turn out to be broken; one may always be."""


@dataclass(frozen=True, slots=True)
class Shares:
    """How a step's batch is shared out.

    Attributes:
        batch: images of a step, over all processes.
        part: the most images that a process has in memory at once.
        ranks: the processes.
    """

    batch: int
    part: int
    ranks: Ranks = field(default_factory=Ranks)

    @property
    def parts(self) -> int:
        """How many parts each process reads for a step."""
        return -(-self.batch // self.ranks.count // self.part)

    def of_step(self, seed: int, step: int, images: int) -> list[tuple[Pick, ...]]:
        """The picks of this process's parts of batch ``step``, sizes as equal as can be."""
        picks = pick_batch(seed, step, images, self.batch, self.ranks.rank, self.ranks.count)
        ends = [number * len(picks) // self.parts for number in range(self.parts + 1)]
        return [picks[first:last] for first, last in itertools.pairwise(ends)]


@dataclass(slots=True)
class Source:
    """Reads the parts of the batches of a training.

    Attributes:
        data, indices: what is trained on.
        shares: how a batch is shared out.
        augment: how images are varied.
        seed: of the order and the variation.
        masks: whether the targets have masks.
        most_objects: of one image.
        threads: that read ahead; 0 reads when it is asked, which suits a CPU that also trains.
        broken: indices of the pictures that could not be read; in their place comes the next one of the data set.

    Raises:
        DataError: masks are asked for and an object to train on has none.
    """

    data: DetectionData
    indices: Sequence[int]
    shares: Shares
    augment: AugmentSettings
    seed: int = 0
    masks: bool = False
    most_objects: int | None = None
    threads: int = 0
    broken: set[int] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        if self.masks:
            check_masks(self.data, self.indices)

    def parts(self, first_step: int, device: torch.device) -> Generator[Batch, None, None]:
        """The parts of step ``first_step``, then those of the next one, and so on.

        Raises:
            DataError: more than ``MOST_BROKEN`` of the pictures are broken.
        """
        picks = self._picks(first_step)
        raw = self._read_ahead(picks) if self.threads else map(self.read, picks)
        for batch in raw:
            if device.type == "cuda":
                batch = replace(batch, images=batch.images.pin_memory())
            yield to_device(batch, device)

    def images_of(self, step: int) -> list[int]:
        """The data set's indices of the images of this process's share of a batch."""
        parts = self.shares.of_step(self.seed, step, len(self.indices))
        return [self._sound(self.indices[pick.image]) for part in parts for pick in part]

    def read(self, picks: Sequence[Pick]) -> RawBatch:
        """One part; a broken picture is named once, and the next one of the data set is read in its place.

        Raises:
            DataError: too many are broken.
        """
        while True:
            chosen = [replace(pick, image=self._sound(self.indices[pick.image])) for pick in picks]
            try:
                return read_batch(self.data, chosen, self.augment, self.masks, self.most_objects)
            except BrokenPicture as error:
                self._leave_out(error)

    def _picks(self, first_step: int) -> Iterator[tuple[Pick, ...]]:
        for step in itertools.count(first_step):
            yield from self.shares.of_step(self.seed, step, len(self.indices))

    def _read_ahead(self, picks: Iterator[tuple[Pick, ...]]) -> Iterator[RawBatch]:
        """As :meth:`read`, in order, by several threads."""
        with ThreadPoolExecutor(self.threads) as pool:
            waiting: deque[Future[RawBatch]] = deque()
            try:
                while True:
                    while len(waiting) <= self.threads:
                        waiting.append(pool.submit(self.read, next(picks)))
                    yield waiting.popleft().result()
            finally:
                for one in waiting:
                    one.cancel()

    def _sound(self, index: int) -> int:
        """The image itself or, while that is known to be broken, the next one to train on."""
        if index not in self.broken:
            return index
        place = self.indices.index(index)
        return next(one for one in (*self.indices[place:], *self.indices[:place]) if one not in self.broken)

    def _leave_out(self, error: BrokenPicture) -> None:
        with self._lock:
            if error.index in self.broken:
                return
            self.broken.add(error.index)
            count, most = len(self.broken), max(1, int(MOST_BROKEN * len(self.indices)))
            log.warning("%s It is left out, and the next picture is read in its place.", error)
        if count > most or count == len(self.indices):
            raise DataError(
                f"data set {self.data.source}: {count} of {len(self.indices)} pictures to train on could not be read, "
                f"the last: {error} At most {most} may be broken; mend or remove them."
            )
