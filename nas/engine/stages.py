"""What is measured in the process that evaluates: the score of the filter first, then the stages of the proxy."""

from __future__ import annotations

import math
import os
import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from nas.engine.check import Check
from nas.engine.trial import Trial
from proxies.base import Measurement, Proxy
from search_spaces.architecture import Architecture


@dataclass(frozen=True, slots=True)
class Work:
    """What a worker is given of a trial or a check.

    Attributes:
        architecture: what is evaluated.
        seed: seed of the evaluation.
        longer: how many times as long as the proxy's the training is.
        is_trial: whether it may end early; a check is trained in any case, and to its end.
        threshold: the score in the filter from which on a trial is trained; None trains it in any case.
    """

    architecture: Architecture
    seed: int
    longer: float = 1.0
    is_trial: bool = True
    threshold: float | None = None

    @classmethod
    def of(cls, trial: Trial | Check) -> Work:
        """That of a trial or a check, as a search hands it out."""
        if isinstance(trial, Check):
            return cls(trial.architecture, trial.seed, trial.longer, is_trial=False)
        return cls(trial.architecture, trial.seed, trial.longer, threshold=trial.threshold)

    def to_plain(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "architecture": self.architecture.to_json(),
            "seed": self.seed,
            "longer": self.longer,
            "is_trial": self.is_trial,
            "threshold": self.threshold,
        }

    @classmethod
    def from_plain(cls, values: Mapping[str, Any]) -> Work:
        """Rebuild from :meth:`to_plain`'s form."""
        return cls(**{**values, "architecture": Architecture.from_json(values["architecture"])})


def stages(
    work: Work, proxy: Proxy, prefilter: Proxy | None = None, rungs: Sequence[int] = ()
) -> Iterator[Measurement]:
    """The measurements of a trial or a check, with this process as their worker (``host:process id``).

    Where the filter's score is below the threshold, there is one alone, without AP, score and error.

    Args:
        proxy: evaluates the architecture. One that trains longer shares all that is costly to open.
        prefilter: scores it before, if it is a trial; None for no filter.
        rungs: as in :meth:`proxies.base.Proxy.stages`; of a trial alone.
    """
    worker, score, seconds = f"{socket.gethostname()}:{os.getpid()}", None, dict[str, float]()
    if prefilter is not None and work.is_trial:
        filtered = _filter(prefilter, work)
        score, seconds = filtered.filter_score, dict(filtered.seconds)
        if score is None or (work.threshold is not None and score < work.threshold):
            yield replace(filtered, worker=worker)
            return
    for measured in proxy.longer(work.longer).stages(work.architecture, work.seed, rungs if work.is_trial else ()):
        yield replace(measured, worker=worker, filter_score=score, seconds={**seconds, **measured.seconds})


def _filter(prefilter: Proxy, work: Work) -> Measurement:
    """The measurement of the filter: ``filter_score`` in place of its value, or an error; its time is one phase."""
    started = time.perf_counter()
    measured = prefilter.evaluate(work.architecture, work.seed)
    error = _error(measured)
    return replace(
        measured,
        ap=None,
        score=None,
        filter_score=measured.value if error is None else None,
        error=error,
        seconds={"filter": time.perf_counter() - started},
    )


def _error(measured: Measurement) -> str | None:
    """Why the filter gives no score."""
    if measured.error is not None:
        return f"the prefilter failed: {measured.error}"
    if measured.value is None or not math.isfinite(measured.value):
        return f"the prefilter gave {measured.value}; a score must be a finite number."
    return None
