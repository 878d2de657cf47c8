"""What a proxy is: an architecture goes in, a measurement comes out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from nas.datasets.dropped import Dropped
from search_spaces.architecture import Architecture


@dataclass(frozen=True, slots=True)
class Budget:
    """How much was spent on one evaluation.

    Attributes:
        image_size: side of the square training images in pixels.
        batch_size: images per step.
        steps: optimiser steps.
        train_images, eval_images: how many images were trained and evaluated on.
    """

    image_size: int = 0
    batch_size: int = 0
    steps: int = 0
    train_images: int = 0
    eval_images: int = 0


@dataclass(frozen=True, slots=True)
class Score:
    """A number that is no AP and by which architectures are ranked in its place.

    Attributes:
        name: what it is called, for example ``synflow``.
        value: the higher, the better.
    """

    name: str
    value: float


@dataclass(frozen=True, slots=True)
class Measurement:
    """What one evaluation gave.

    Attributes:
        ap: COCO AP in [0, 1] (or what a synthetic proxy reports in its place); None when the evaluation failed,
            or gave a score.
        metrics: further numbers by name, for example COCO's twelve.
        params: trainable parameters of the evaluated detector.
        multiply_adds: multiply-adds of one image of ``budget.image_size``.
        seconds: wall time by phase, in which no second counts twice: ``build``, ``data`` (waiting for images, in all
            other phases), ``train``, ``statistics`` (of batch norm, estimated anew), ``evaluate``. Records of earlier
            versions have no ``data``: it is in the others. The engine adds ``filter``, that of the filter before
            training as a whole.
        budget: what was spent.
        diverged: whether training met a loss that is not finite.
        error: why there is neither AP nor score, as a sentence; None when there is one of them.
        device: what it was measured on.
        worker: which process measured it, ``host:process id``; the engine fills it in.
        score: what a proxy that measures no AP gives in its place; None where AP is measured or the evaluation failed.
        rungs: optimiser steps -> AP, or the score in its place, after that many, where the training was halted for it.
        filter_score: what the proxy gave that filters before training; the engine fills it in.
    """

    ap: float | None
    metrics: Mapping[str, float] = field(default_factory=dict)
    params: int = 0
    multiply_adds: int = 0
    seconds: Mapping[str, float] = field(default_factory=dict)
    budget: Budget = Budget()
    diverged: bool = False
    error: str | None = None
    device: str = "cpu"
    worker: str = ""
    score: Score | None = None
    rungs: Mapping[int, float] = field(default_factory=dict)
    filter_score: float | None = None

    @property
    def value(self) -> float | None:
        """What architectures are ranked by: the score, or AP where there is none; None when the evaluation failed."""
        return self.ap if self.score is None else self.score.value

    @property
    def value_name(self) -> str:
        """What :attr:`value` is called: ``AP``, or the name of the score."""
        return "AP" if self.score is None else self.score.name

    def to_dict(self) -> dict[str, Any]:
        """A JSON-ready dictionary; fields that earlier versions had not are in it only where they hold something."""
        return {key: value for key, value in asdict(self).items() if key not in _LATER or value not in (None, {})}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Measurement:
        """Rebuild from :meth:`to_dict`'s form, in which JSON may have made texts of the rungs' steps."""
        fields = {**data, "budget": Budget(**data["budget"])}
        if fields.get("score") is not None:
            fields["score"] = Score(**fields["score"])
        if "rungs" in fields:
            fields["rungs"] = {int(steps): value for steps, value in fields["rungs"].items()}
        return cls(**fields)


_LATER = ("score", "rungs", "filter_score")


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What one evaluation is expected to take.

    Attributes:
        measurement: its ``seconds`` and ``budget`` are those of a whole evaluation; its AP says nothing.
        how: what was done to know that, as the end of a sentence.
    """

    measurement: Measurement
    how: str


class Proxy(ABC):
    """A cheap stand-in for full training (the proxy task of the paper)."""

    @abstractmethod
    def evaluate(self, architecture: Architecture, seed: int) -> Measurement:
        """Measure one architecture.

        An architecture that cannot be measured (a loss that is not finite, out of memory) gives a measurement with
        ``error`` set and never raises; an exception means that the machine failed, and may be retried.
        """

    def rehearse(self, architecture: Architecture, seed: int) -> Rehearsal:
        """How long :meth:`evaluate` takes, extrapolated from less work where the proxy can."""
        return Rehearsal(self.evaluate(architecture, seed), "measured by one whole evaluation")

    def cache_bytes(self) -> int:
        """The size of the decoded images that :meth:`prepare` leaves on the disk."""
        return 0

    def stages(self, architecture: Architecture, seed: int, rungs: Sequence[int]) -> Iterator[Measurement]:
        """Measure one architecture after each of the rungs, then in full; who takes no more of them saves the rest.

        A proxy that can measure nothing before its end gives what :meth:`evaluate` gives, alone.

        Args:
            architecture, seed: as in :meth:`evaluate`.
            rungs: optimiser steps, rising and fewer than :meth:`training_steps`.

        Yields:
            for each rung a measurement whose ``budget.steps`` is the rung, and at last what :meth:`evaluate` gives,
            ``rungs`` and ``seconds`` apart; one with ``error`` set is the last in any case.
        """
        yield self.evaluate(architecture, seed)

    def training_steps(self) -> int:
        """Optimiser steps of a whole evaluation; 0 where there is nothing to halt."""
        return 0

    def prepare(self) -> None:  # noqa: B027 (most proxies share nothing)
        """Make or check the data set and fill its cache: first in the driver, for all workers, then in every worker."""

    def fingerprint(self) -> str:
        """Identity of what is measured on (the data set's fingerprint); recorded with every session."""
        return ""

    def dropped(self) -> Dropped | None:
        """What was left out of the data set for its faults; None where nothing was."""
        return None

    def resolved(self) -> dict[str, Any]:
        """What this machine made of settings that were left open, by name; plain values."""
        return {}

    def longer(self, factor: float) -> Proxy:
        """The same proxy with a training ``factor`` times as long; where nothing is trained, itself."""
        return self

    def score_name(self) -> str | None:
        """What it gives in the place of AP; None where it measures AP."""
        return None

    def has_detectors(self) -> bool:
        """Whether detectors are what it measures, so that it makes sense to count what they cost in full size."""
        return True

    def check(self, architecture: Architecture) -> None:  # noqa: B027 (most proxies build nothing)
        """Check, without training, that the proxy can build an architecture which need not come from the space.

        Raises:
            ConfigError: its settings do not allow it.
        """
