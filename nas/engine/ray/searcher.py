"""The search as Tune sees it.

Tune asks for trials through its own ``Searcher`` interface and is given an architecture, a seed and a length, nothing
more. It decides where and when each runs; what was proposed and what came back belongs to the record.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ray import cloudpickle, tune
from ray.exceptions import RayTaskError
from ray.tune.experiment import Trial as TuneTrial
from ray.tune.search import Searcher

from nas.engine.check import Check
from nas.engine.loop import describe
from nas.engine.search import Search
from nas.engine.stages import Work
from nas.engine.trial import Trial
from nas.words import number, plural
from proxies.base import Measurement
from search_spaces.errors import ConfigError


class SearchOfTune(Searcher):
    """The search as Tune sees it.

    Attributes:
        error: what the search raised. Tune would log and swallow it; it is kept, and :class:`StopOnError` stops Tune.
    """

    def __init__(self, search: Search) -> None:
        super().__init__()
        self.error: Exception | None = None
        self._search = search
        self._running: dict[str, Trial | Check] = {}

    def suggest(self, trial_id: str) -> Any:
        """What a worker is to evaluate next; None while only running trials can bring more; FINISHED at the end."""
        with self._keeping_errors():
            trial = self._search.next_trial()
            if trial is not None:
                self._running[trial_id] = trial
                return Work.of(trial).to_plain()
            if self._search.stop_reason is None:
                return None
        return Searcher.FINISHED

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        """Pass a result on, of a whole trial or of one that Tune stopped; a failure comes from :class:`Failures`."""
        if result is None:
            return
        with self._keeping_errors():
            if "no_proxy" in result:
                raise ConfigError(f"the proxy cannot be built in a worker {result['no_proxy']}")
            measurement = Measurement.from_dict(json.loads(result["measurement"]))
            trial, started = self._running.pop(trial_id), result["started"]
            if result["whole"] or isinstance(trial, Check):
                self._search.finish(trial, measurement, started)
            else:
                self._search.stop(trial, measurement, self._why_stopped(trial, measurement), started)

    def on_worker_lost(self, trial_id: str, reason: str) -> None:
        """The worker of the trial died or raised; a retry is a new trial for Tune."""
        with self._keeping_errors():
            self._search.fail(self._running.pop(trial_id), reason)

    def save(self, checkpoint_path: str) -> None:
        """Nothing is saved: the record has it all."""

    def restore(self, checkpoint_path: str) -> None:
        """Nothing is restored: see :meth:`save`."""

    def _why_stopped(self, trial: Trial, measurement: Measurement) -> str:
        value, reward = f"{measurement.value_name} {number(measurement.value, 4)}", self._search.reward
        if not reward.is_ap:
            value = f"reward {number(reward(measurement, trial.architecture), 4)} ({value})"
        steps = plural(measurement.budget.steps, "step")
        return f"stopped by ASHA: {value} after {steps} is not among the best that trials had there."

    @contextmanager
    def _keeping_errors(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            self.error = self.error or error


class StopOnError(tune.Stopper):
    """Ends Tune's run when the search has raised."""

    def __init__(self, searcher: SearchOfTune) -> None:
        self._searcher = searcher

    def __getstate__(self) -> dict[str, Any]:
        """Nothing of this goes into Tune's checkpoint."""
        return {}

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        """Whether to stop one trial: never."""
        return False

    def stop_all(self) -> bool:
        """Whether to stop all; Tune asks at every step."""
        return self._searcher.error is not None


class Failures(tune.Callback):
    """Tells the searcher why a trial failed, which Tune's ``Searcher`` interface does not."""

    def __init__(self, searcher: SearchOfTune) -> None:
        self._searcher = searcher

    def on_trial_error(self, iteration: int, trials: list[TuneTrial], trial: TuneTrial, **info: Any) -> None:
        """Tune calls this after ``on_trial_complete`` of the searcher."""
        self._searcher.on_worker_lost(trial.trial_id, _reason(trial))


def _reason(trial: TuneTrial) -> str:
    path = Path(trial.pickled_error_file) if trial.run_metadata.pickled_error_filename else None
    error = cloudpickle.loads(path.read_bytes()) if path is not None and path.exists() else None
    if isinstance(error, RayTaskError):
        return describe(error.cause if isinstance(error.cause, BaseException) else error)
    return "the worker process died (it was killed, crashed, or ran out of memory)."
