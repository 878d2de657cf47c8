"""The parallel runner: Ray Tune evaluates one architecture per trial in workers that live from trial to trial.

Tune asks for trials through its own ``Searcher`` interface and is given a number and the decisions, nothing more. It
decides where and when; what was proposed and what came back is the record's, so Tune's own checkpoints, loggers and
retries are off, and its files are temporary.
"""

from __future__ import annotations

import json
import logging
import os
import re
import shutil
import socket
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import ray
import torch
from ray import cloudpickle, tune
from ray._private import ray_constants
from ray.exceptions import RayError, RayTaskError
from ray.tune.experiment import Trial as TuneTrial
from ray.tune.search import Searcher

from nas.engine.disk import sentences
from nas.engine.loop import MakeProxy, describe, measure
from nas.engine.search import Search
from nas.engine.store import RECORD_NAME
from nas.engine.trial import Trial
from proxies.base import Measurement, Proxy
from search_spaces.base import SearchSpace
from search_spaces.errors import ConfigError

PROJECT = Path(__file__).resolve().parents[2]
STORAGE_PREFIX = ".ray-"
OBJECT_STORE_BYTES = 128 * 2**20
CONNECT_SECONDS = 10.0
_ENVIRONMENT = {
    "RAY_AIR_NEW_OUTPUT": "0",
    "RAY_CHDIR_TO_TRIAL_DIR": "0",
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
    "RAY_TRAIN_ENABLE_V2_MIGRATION_WARNINGS": "0",
    "RAY_USAGE_STATS_ENABLED": "0",
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_DISABLE_SIGINT_HANDLER": "1",
    "TUNE_GLOBAL_CHECKPOINT_S": "inf",
    "TUNE_PRINT_ALL_TRIAL_ERRORS": "0",
    "TUNE_WARN_THRESHOLD_S": "60",
}


@dataclass(frozen=True, slots=True)
class RaySettings:
    """What each trial gets and where trials run.

    Attributes:
        workers: trials at a time; None: as many as the resources allow.
        cpus_per_trial: CPU cores, and torch threads, of a worker.
        gpus_per_trial: GPUs of a worker, fractions allowed (bookkeeping only: memory is not limited); None: one where
            the cluster has GPUs, else none.
        address: ``host:port`` of a running Ray cluster's head; None starts Ray here, reachable from this machine only.

    Raises:
        ConfigError: a number is out of range.
    """

    workers: int | None = None
    cpus_per_trial: int = 1
    gpus_per_trial: float | None = None
    address: str | None = None

    def __post_init__(self) -> None:
        if self.workers is not None and self.workers < 1:
            raise ConfigError(f"runner workers is {self.workers}; it must be at least 1, or null.")
        if self.cpus_per_trial < 1:
            raise ConfigError(f"runner cpus_per_trial is {self.cpus_per_trial}; it must be at least 1.")
        if self.gpus_per_trial is not None and self.gpus_per_trial < 0:
            raise ConfigError(f"runner gpus_per_trial is {self.gpus_per_trial}; it must not be negative, or null.")
        if self.address is not None and not re.fullmatch(r"[^:/]+:\d{1,5}", self.address):
            raise ConfigError(f"runner address is {self.address!r}; it must be host:port of a Ray cluster, or null.")


def run_ray(search: Search, make_proxy: MakeProxy, settings: RaySettings) -> None:
    """Evaluate trials in Ray workers until the search has none left; :attr:`Search.stop_reason` then says why.

    A Ray session that is already there is used and left running; else one is started and shut down, whatever happens.

    Args:
        search: hands out the trials and takes in the results.
        make_proxy: called once in every worker.
        settings: resources and address.

    Raises:
        ConfigError: the resources do not suffice for one trial, the cluster does not answer, or the proxy cannot be
            built in a worker.
        RecordError: the record cannot be written.
    """
    if search.stop_reason is not None:
        return
    with ray_session(settings), _storage(search.folder) as storage:
        resources, workers = _resources(settings)
        os.environ["TUNE_MAX_PENDING_TRIALS_PG"] = str(workers)
        searcher = _SearchOfTune(search)
        tune.run(
            _evaluator(search.space, make_proxy, settings.cpus_per_trial),
            name="search",
            storage_path=str(storage),
            search_alg=searcher,
            num_samples=-1,
            max_concurrent_trials=workers,
            resources_per_trial=resources,
            reuse_actors=True,
            stop=_StopOnError(searcher),
            callbacks=[_Failures(searcher)],
            trial_name_creator=_trial_name,
            trial_dirname_creator=_trial_name,
            raise_on_failed_trial=False,
            verbose=0,
        )
    if searcher.error is not None:
        raise searcher.error


class _SearchOfTune(Searcher):
    """The search as Tune sees it.

    Attributes:
        error: what the search raised. Tune would log and swallow it; kept, it stops Tune by :class:`_StopOnError`.
    """

    def __init__(self, search: Search) -> None:
        super().__init__()
        self.error: Exception | None = None
        self._search = search
        self._running: dict[str, Trial] = {}

    def suggest(self, trial_id: str) -> Any:
        """The next trial's configuration; None while only running trials can bring more; FINISHED after the last."""
        with self._keeping_errors():
            trial = self._search.next_trial()
            if trial is not None:
                self._running[trial_id] = trial
                return {"number": trial.number, "decisions": json.dumps(trial.decisions), "seed": trial.seed}
            if self._search.stop_reason is None:
                return None
        return Searcher.FINISHED

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        """Pass a result on; a failure comes with its reason through :class:`_Failures`."""
        if result is None:
            return
        with self._keeping_errors():
            if "no_proxy" in result:
                raise ConfigError(f"the proxy cannot be built in a worker: {result['no_proxy']}")
            measurement = Measurement.from_dict(json.loads(result["measurement"]))
            self._search.finish(self._running.pop(trial_id), measurement, result["started"])

    def on_worker_lost(self, trial_id: str, reason: str) -> None:
        """The trial's worker died or raised; a retry is a new trial of Tune."""
        with self._keeping_errors():
            self._search.fail(self._running.pop(trial_id), reason)

    def save(self, checkpoint_path: str) -> None:
        """Nothing: the record has it."""

    def restore(self, checkpoint_path: str) -> None:
        """Nothing: see :meth:`save`."""

    @contextmanager
    def _keeping_errors(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            self.error = self.error or error


class _StopOnError(tune.Stopper):
    """Ends Tune's run when the search has raised."""

    def __init__(self, searcher: _SearchOfTune) -> None:
        self._searcher = searcher

    def __getstate__(self) -> dict[str, Any]:
        """Nothing of it goes into Tune's checkpoint."""
        return {}

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        """No trial is stopped by itself."""
        return False

    def stop_all(self) -> bool:
        """Asked by Tune at every step."""
        return self._searcher.error is not None


class _Failures(tune.Callback):
    """Tells the searcher why a trial failed, which Tune's ``Searcher`` interface does not."""

    def __init__(self, searcher: _SearchOfTune) -> None:
        self._searcher = searcher

    def on_trial_error(self, iteration: int, trials: list[TuneTrial], trial: TuneTrial, **info: Any) -> None:
        """Called by Tune after the searcher's ``on_trial_complete``."""
        self._searcher.on_worker_lost(trial.trial_id, _reason(trial))


class _Evaluation:
    """What a worker does with a trial; lives as long as the worker."""

    def __init__(self, space: SearchSpace, make_proxy: MakeProxy, threads: int) -> None:
        torch.set_num_threads(threads)
        self._space = space
        self._proxy: Proxy | None = None
        try:
            self._proxy = make_proxy()
        except Exception as error:
            self._no_proxy = describe(error)

    def __call__(self, config: dict[str, Any]) -> dict[str, Any]:
        if self._proxy is None:
            return {"no_proxy": self._no_proxy}
        started = time.time()
        architecture = self._space.decode(tuple(json.loads(config["decisions"])))
        measurement = measure(self._proxy, architecture, config["seed"])
        return {"started": started, "measurement": json.dumps(measurement.to_dict(), default=float)}


def _evaluator(space: SearchSpace, make_proxy: MakeProxy, threads: int) -> type[tune.Trainable]:
    """The class whose instances are the workers; one step is one trial.

    Tune gives a waiting trial to whichever worker is free first and then stops the worker that was starting for it. So
    workers start light, and import and build what evaluates within their first trial: all of them are up by its end.
    """
    payload = cloudpickle.dumps(partial(_Evaluation, space, make_proxy, threads))

    class Evaluator(tune.Trainable):
        evaluation: Any = None

        def reset_config(self, new_config: dict[str, Any]) -> bool:
            return True

        def step(self) -> dict[str, Any]:
            if self.evaluation is None:
                self.evaluation = cloudpickle.loads(payload)()
            return {"done": True, **self.evaluation(self.config)}

    return Evaluator


def _reason(trial: TuneTrial) -> str:
    path = Path(trial.pickled_error_file) if trial.run_metadata.pickled_error_filename else None
    error = cloudpickle.loads(path.read_bytes()) if path is not None and path.exists() else None
    if isinstance(error, RayTaskError):
        return describe(error.cause if isinstance(error.cause, BaseException) else error)
    return "the worker process died (it was killed, crashed, or ran out of memory)."


def _trial_name(trial: TuneTrial) -> str:
    return str(trial.trial_id)


def _resources(settings: RaySettings) -> tuple[dict[str, float], int]:
    """What one trial takes, and how many run at a time."""
    total = ray.cluster_resources()
    cpus, gpus = total.get("CPU", 0.0), total.get("GPU", 0.0)
    gpus_per_trial = min(gpus, 1.0) if settings.gpus_per_trial is None else settings.gpus_per_trial
    fitting = int(cpus // settings.cpus_per_trial)
    if gpus_per_trial:
        fitting = min(fitting, int(gpus / gpus_per_trial + 1e-9))
    if not fitting:
        raise ConfigError(
            f"runner cpus_per_trial {settings.cpus_per_trial} and gpus_per_trial {gpus_per_trial:g} exceed what Ray "
            f"has: {cpus:g} CPUs and {gpus:g} GPUs; lower them."
        )
    return {"cpu": settings.cpus_per_trial, "gpu": gpus_per_trial}, min(settings.workers or fitting, fitting)


@contextmanager
def ray_session(settings: RaySettings) -> Iterator[None]:
    """Ray for the time of the block, silent; a session that is there already is used and left running.

    Raises:
        ConfigError: Ray cannot be started, or the cluster does not answer.
    """
    with _environment(), _silence():
        if ray.is_initialized():
            yield
            return
        files = tempfile.mkdtemp(prefix="ray-")
        try:
            _start_ray(settings, files)
            yield
        finally:
            ray.shutdown()
            shutil.rmtree(files, ignore_errors=True)


@contextmanager
def _environment() -> Iterator[None]:
    """Ray's and Tune's switches, for as long as they are needed."""
    before = dict(os.environ)
    os.environ.update(_ENVIRONMENT)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


@contextmanager
def _silence() -> Iterator[None]:
    """No prints, log lines and warnings of Ray: what matters reaches the user as progress, record or error."""
    logger = logging.getLogger("ray")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        with open(os.devnull, "w") as nowhere, redirect_stdout(nowhere), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


def _start_ray(settings: RaySettings, files: str) -> None:
    python_path = os.pathsep.join([str(PROJECT), *filter(None, [os.environ.get("PYTHONPATH")])])
    local = {
        "address": "local",
        "include_dashboard": False,
        "num_cpus": settings.workers and settings.workers * settings.cpus_per_trial,
        "object_store_memory": OBJECT_STORE_BYTES,
        "_temp_dir": files,
    }
    ray_constants.ENABLE_RAY_CLUSTER = settings.address is not None
    try:
        if settings.address is not None:
            host, port = settings.address.split(":")
            socket.create_connection((host, int(port)), CONNECT_SECONDS).close()
        ray.init(
            **({"address": settings.address} if settings.address else local),
            log_to_driver=False,
            logging_level=logging.CRITICAL,
            runtime_env={"env_vars": {"PYTHONPATH": python_path}},
        )
    except (OverflowError, OSError, RayError, RuntimeError, ValueError) as error:
        where = f"runner address {settings.address}" if settings.address else "Ray on this machine"
        raise ConfigError(f"{where} cannot be used: {describe(error)}") from None


@contextmanager
def _storage(folder: Path) -> Iterator[Path]:
    """A temporary folder for Tune in the run folder; what a killed search left there is removed."""
    for left in folder.glob(f"{STORAGE_PREFIX}*"):
        shutil.rmtree(left, ignore_errors=True)
    with sentences(folder / RECORD_NAME):
        storage = Path(tempfile.mkdtemp(prefix=STORAGE_PREFIX, dir=folder.absolute()))
    try:
        yield storage
    finally:
        shutil.rmtree(storage, ignore_errors=True)
