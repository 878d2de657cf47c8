"""Proxies without training: a zero-cost score of the small detector with its initial weights."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from nas.datasets.augment import AugmentSettings
from nas.datasets.dataset import DetectionData, Split
from nas.datasets.dropped import Dropped
from nas.detectors import PROXY, Scaling
from nas.detectors.backbones import FAMILIES
from nas.detectors.devices import find_device
from nas.training.input import batches
from nas.training.recipe import Recipe, known
from proxies.base import Budget, Measurement, Proxy, Score
from proxies.images import image_bytes, open_images
from proxies.outcome import Outcome, check_builds
from proxies.scores import SCORES
from search_spaces.architecture import Architecture
from search_spaces.block import MAX_BLOCK_LEVEL, MIN_BLOCK_LEVEL
from search_spaces.settings import SettingError, at_least, one_of
from search_spaces.vocabulary import SPINENET


@dataclass(frozen=True, slots=True)
class ZeroCostSettings:
    """Which score, of which detector, on which images.

    Attributes:
        score: one of :data:`proxies.scores.SCORES`.
        image_size, batch_size, order_seed, scaling, augment: those of a training, see
            :class:`nas.training.recipe.Recipe`; the score is computed on its first batch.
        data, cache_dir, reserved_images, reserve_seed, device: see :class:`proxies.detection.ProxySettings`; the
            images that AP would be measured on are left out here too.

    Raises:
        ConfigError: a value is out of range, or the score cannot be computed with the others.
    """

    score: str = "synflow"
    image_size: int | None = None
    batch_size: int | None = None
    order_seed: int = 0
    scaling: Scaling = PROXY
    augment: AugmentSettings = field(default_factory=AugmentSettings)
    data: Mapping[str, Any] = field(default_factory=lambda: {"kind": "synthetic"})
    cache_dir: str | None = None
    reserved_images: int | None = None
    reserve_seed: int = 0
    device: str = "auto"

    def __post_init__(self) -> None:
        one_of("score", self.score, SCORES)
        _ = self.recipe  # checks its own
        at_least("reserve_seed", self.reserve_seed, 0)
        method = SCORES[self.score]
        if method.compares_images and self.batch_size is not None:
            at_least("batch_size", self.batch_size, 2)
        if method.needs_relu and self.scaling.activation != "relu":
            problem = f"is {self.scaling.activation!r}; {self.score} looks at ReLUs, so it must be relu."
            raise SettingError("scaling.activation", problem)

    @property
    def recipe(self) -> Recipe:
        """The recipe of the training whose first batch is looked at."""
        return Recipe(
            image_size=self.image_size,
            batch_size=self.batch_size,
            order_seed=self.order_seed,
            scaling=self.scaling,
            augment=self.augment,
        )


class ZeroCostProxy(Proxy):
    """Builds the architecture's small detector and computes a score, which is told in the place of AP."""

    def __init__(self, settings: ZeroCostSettings) -> None:
        self.device = find_device(settings.device, "proxy.device")
        self.settings, self.recipe = settings, settings.recipe.resolve(self.device)
        FAMILIES[SPINENET].check_widths(range(MIN_BLOCK_LEVEL, MAX_BLOCK_LEVEL + 1), settings.scaling)

    def prepare(self) -> None:
        """Check the data set and fill its cache; faults of the data are raised here."""
        self.open()

    def fingerprint(self) -> str:
        """The data set's fingerprint, at this image size."""
        return self.open()[0].fingerprint

    def dropped(self) -> Dropped | None:
        """What was left out of the data set for its faults; None where nothing was."""
        return self.open()[0].dropped

    def resolved(self) -> dict[str, Any]:
        """The settings that depend on the device, and the device."""
        chosen = {name: getattr(self.recipe, name) for name in ("image_size", "batch_size")}
        return {**chosen, "device": self.device.type if self.settings.device == "auto" else self.settings.device}

    def score_name(self) -> str:
        """The score's own."""
        return self.settings.score

    def cache_bytes(self) -> int:
        """The size of the decoded images."""
        return image_bytes(self.open()[0])

    def check(self, architecture: Architecture) -> None:
        """Build the detector without memory for its weights, for images of this size."""
        check_builds(architecture, self.settings.scaling, known("image_size", self.recipe.image_size))

    def evaluate(self, architecture: Architecture, seed: int) -> Measurement:
        """Build and score; ``seed`` decides the initial weights. For errors see :meth:`Outcome.filled_by`."""
        data, split = self.open()
        sizes = known("image_size", self.recipe.image_size), known("batch_size", self.recipe.batch_size)
        outcome = Outcome(self.device, Budget(*sizes, train_images=len(split.train)))
        return outcome.filled_by(lambda: self._measure(outcome, architecture, seed, data, split))

    def _measure(
        self, outcome: Outcome, architecture: Architecture, seed: int, data: DetectionData, split: Split
    ) -> None:
        recipe, budget, name = self.recipe, outcome.budget, self.settings.score
        detector = outcome.build(architecture, recipe.scaling, len(data.class_names) + 1, seed)
        with outcome.timed("evaluate"):
            stream = batches(data, split.train, budget.batch_size, recipe.augment, recipe.order_seed, self.device)
            with outcome.timed("data"):
                batch = next(stream)
            value = SCORES[name].compute(detector, batch)
        outcome.score = Score(name, value)
        if not math.isfinite(value):
            outcome.error = f"the score {name} is {value}: {SCORES[name].not_finite}"

    def open(self) -> tuple[DetectionData, Split]:
        """The data set and its reserved images; opened once per process, however many trials it runs."""
        settings, image_size = self.settings, known("image_size", self.recipe.image_size)
        return open_images(
            settings.data, image_size, settings.cache_dir, settings.reserved_images, settings.reserve_seed
        )
