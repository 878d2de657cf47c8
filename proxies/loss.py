"""A proxy of few steps: how low the training loss of the small detector gets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import fmean

from nas.datasets.dataset import DetectionData, Split
from nas.detectors import Network
from proxies.base import Budget, Proxy, Rehearsal, Score
from proxies.detection import DetectionProxy, ProxySettings
from proxies.outcome import Outcome
from search_spaces.architecture import Architecture
from search_spaces.settings import at_least, not_above

NAME = "negative loss"


@dataclass(frozen=True, slots=True)
class LossSettings(ProxySettings):
    """As :class:`proxies.detection.ProxySettings`, with fewer steps; nothing is measured on the reserved images.

    Attributes:
        window: the mean is taken over that many last losses, or over all where there are fewer.
    """

    steps: int | None = 50
    window: int = 10

    def __post_init__(self) -> None:
        ProxySettings.__post_init__(self)
        at_least("window", self.window, 1)
        if self.steps is not None:
            not_above("window", self.window, "steps", self.steps)


class LossProxy(DetectionProxy):
    """Trains as :class:`proxies.detection.DetectionProxy` does, and scores minus the mean of the last losses.

    The sum of training losses after a part of the training ranks architectures in "Speedy Performance Estimation for
    Neural Architecture Search" (Ru et al. 2021, arXiv 2006.04492: TSE-E, the last epochs); here it is their
    mean over a window of steps. All architectures see the same images in the same order.
    """

    settings: LossSettings

    def score_name(self) -> str:
        """What minus the loss is called."""
        return NAME

    def rehearse(self, architecture: Architecture, seed: int) -> Rehearsal:
        """One whole evaluation, which is short."""
        return Proxy.rehearse(self, architecture, seed)

    def _judge(
        self, outcome: Outcome, detector: Network, losses: Sequence[float], data: DetectionData, split: Split
    ) -> None:
        outcome.score = Score(NAME, -fmean(losses[-self.settings.window :]))

    def _budget(self, split: Split) -> Budget:
        return replace(DetectionProxy._budget(self, split), eval_images=0)
