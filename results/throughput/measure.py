"""How many trivial trials a second run through Ray, and how the driver's memory grows.

    python results/throughput/measure.py [trials=2000] [bare=600]

First ``bare`` trials through bare Ray Tune (a trainable that returns at once, workers reused, no record, no
controller), then ``trials`` through the engine (the spinenet space, random controller, synthetic proxy, every event on
the disk), both in one Ray session with two workers.
"""

from __future__ import annotations

import json
import logging
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

from ray import tune
from ray.tune.search import Searcher

import controllers
import proxies
import search_spaces
from nas.engine import Search, SearchSettings, Store, TrialState, run_serial
from nas.engine.ray import RaySettings, ray_session, run_ray

SETTINGS = RaySettings(workers=2, gpus_per_trial=0)
WARM = 100


class Returns(tune.Trainable):
    """A trial of bare Tune."""

    def step(self) -> dict[str, object]:
        return {"done": True, "value": 0.0}

    def reset_config(self, new_config: dict[str, object]) -> bool:
        return True


class Numbers(Searcher):
    """A searcher of bare Tune: 0, 1, 2, ...; notes when trials end."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.count = count
        self.given = 0
        self.ends: list[float] = []

    def suggest(self, trial_id: str) -> object:
        if self.given == self.count:
            return Searcher.FINISHED
        self.given += 1
        return {"number": self.given}

    def on_trial_complete(self, trial_id: str, result: object = None, error: bool = False) -> None:
        self.ends.append(time.monotonic())

    def save(self, checkpoint_path: str) -> None:
        """Nothing to save."""


def bare_rate(trials: int, folder: Path) -> float:
    """Trials per second of bare Ray Tune after the first ``WARM``."""
    searcher = Numbers(trials)
    tune.run(
        Returns,
        storage_path=str(folder),
        search_alg=searcher,
        num_samples=-1,
        max_concurrent_trials=SETTINGS.workers,
        resources_per_trial={"cpu": 1},
        reuse_actors=True,
        trial_name_creator=lambda trial: trial.trial_id,
        trial_dirname_creator=lambda trial: trial.trial_id,
        verbose=0,
    )
    return rate(searcher.ends)


def engine_run(trials: int, folder: Path) -> dict[str, float]:
    """Rate and memory of the engine's run."""
    space = search_spaces.build("spinenet")
    memory: dict[int, float] = {}

    def note(search: Search) -> None:
        done = sum(trial.state is TrialState.COMPLETE for trial in search.history.trials[-4:])
        if done and len(search.history.trials) in (WARM, trials):
            memory[len(search.history.trials)] = resident_megabytes()

    with Store.create(folder / "run", {}, {}, {}) as store:
        search = Search(controllers.build("random", space), store, SearchSettings(samples=trials), on_change=note)
        started = time.monotonic()
        run_ray(search, partial(proxies.build, "synthetic", space="spinenet"), SETTINGS)
        seconds = time.monotonic() - started
    record_bytes = (folder / "run" / "record.db").stat().st_size
    return {
        "trials_per_second": rate([trial.finished or 0.0 for trial in search.history.trials]),
        "trials_per_second_with_start_and_end": trials / seconds,
        "workers": len({trial.measurement.worker for trial in search.history.trials if trial.measurement}),
        "driver_megabytes_after_100": memory[WARM],
        "driver_megabytes_at_the_end": memory[trials],
        "driver_megabytes_grown": memory[trials] - memory[WARM],
        "record_megabytes": record_bytes / 2**20,
    }


def serial_rate(trials: int, folder: Path) -> float:
    """The same search without Ray."""
    space = search_spaces.build("spinenet")
    with Store.create(folder / "serial", {}, {}, {}) as store:
        search = Search(controllers.build("random", space), store, SearchSettings(samples=trials))
        run_serial(search, partial(proxies.build, "synthetic", space="spinenet"))
    return rate([trial.finished or 0.0 for trial in search.history.trials])


def rate(ends: list[float]) -> float:
    """Trials per second from the end of trial ``WARM`` to the end of the last."""
    ends = sorted(ends)
    return (len(ends) - WARM) / (ends[-1] - ends[WARM - 1])


def resident_megabytes() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 2**20


def main(arguments: list[str]) -> None:
    given = dict(argument.split("=") for argument in arguments)
    trials, bare = int(given.get("trials", 2000)), int(given.get("bare", 600))
    logging.getLogger("ray").setLevel(logging.CRITICAL)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with ray_session(SETTINGS):
            bare_tune = bare_rate(bare, folder / "bare")
            engine = engine_run(trials, folder)
        serial = serial_rate(400, folder)
    result = {
        "trials": trials,
        **engine,
        "bare_tune_trials_per_second": bare_tune,
        "engine_over_bare_tune": engine["trials_per_second"] / bare_tune,
        "serial_trials_per_second": serial,
    }
    print(json.dumps({key: round(value, 2) for key, value in result.items()}, indent=2))


if __name__ == "__main__":
    main(sys.argv[1:])
