"""Ray itself: its resources, its start and end, and the switches that keep it silent."""

from __future__ import annotations

import logging
import os
import re
import shutil
import socket
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import ray
from ray._private import ray_constants
from ray.exceptions import RayError

from nas.engine.loop import describe
from nas.engine.ray.path import SamePath
from search_spaces.errors import ConfigError
from search_spaces.settings import SettingError, as_yaml, at_least, integer

PROJECT = Path(__file__).resolve().parents[3]
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
        workers: how many trials run at a time; None for as many as the resources allow.
        cpus_per_trial: CPU cores and torch threads of a worker.
        gpus_per_trial: GPUs of a worker; a fraction is allowed, but Ray only counts it and does not limit memory. None
            gives one GPU where the cluster has any, and otherwise none.
        address: ``host:port`` of the head of a running Ray cluster; None starts Ray here, where only this
            machine can reach it.

    Raises:
        ConfigError: a setting has the wrong type or is out of range.
    """

    workers: int | None = None
    cpus_per_trial: int = 1
    gpus_per_trial: float | None = None
    address: str | None = None

    def __post_init__(self) -> None:
        if self.workers is not None:
            integer("workers", self.workers, 1)
        integer("cpus_per_trial", self.cpus_per_trial, 1)
        if self.gpus_per_trial is not None:
            at_least("gpus_per_trial", self.gpus_per_trial, 0)
        if self.address is not None and not _is_address(self.address):
            raise SettingError("address", f"is {as_yaml(self.address)}; it must be host:port of a Ray cluster or null.")


def _is_address(value: object) -> bool:
    return isinstance(value, str) and re.fullmatch(r"[^:/]+:\d{1,5}", value) is not None


@contextmanager
def ray_session(settings: RaySettings) -> Iterator[None]:
    """Ray, silenced, for the time of the block; a session that is there already is used and left running.

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
    """No prints, log lines or warnings from Ray: what matters reaches the user as progress, record or error."""
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
            job_config=SamePath(),
            runtime_env={"env_vars": {"PYTHONPATH": python_path}},
        )
    except (OverflowError, OSError, RayError, RuntimeError, ValueError) as error:
        where = f"runner.address {settings.address}" if settings.address else "Ray on this machine"
        raise ConfigError(f"{where} cannot be used: {describe(error)}") from None


def trial_resources(settings: RaySettings) -> tuple[dict[str, float], int]:
    """The resources of one trial, as Tune wants them, and how many trials run at a time.

    Raises:
        ConfigError: the resources do not suffice for one trial.
    """
    total = ray.cluster_resources()
    cpus, gpus = total.get("CPU", 0.0), total.get("GPU", 0.0)
    gpus_per_trial = min(gpus, 1.0) if settings.gpus_per_trial is None else settings.gpus_per_trial
    fitting = int(cpus // settings.cpus_per_trial)
    if gpus_per_trial:
        fitting = min(fitting, int(gpus / gpus_per_trial + 1e-9))
    if not fitting:
        raise ConfigError(
            f"runner.cpus_per_trial {settings.cpus_per_trial} and gpus_per_trial {gpus_per_trial:g} exceed what Ray "
            f"has: {cpus:g} CPUs and {gpus:g} GPUs; lower them."
        )
    return {"cpu": settings.cpus_per_trial, "gpu": gpus_per_trial}, min(settings.workers or fitting, fitting)
