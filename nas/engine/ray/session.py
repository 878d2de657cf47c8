"""Ray itself: its resources, its start and end, and the switches that keep it silent."""

from __future__ import annotations

import logging
import os
import re
import shlex
import signal
import socket
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ray
import torch
from ray._private import ray_constants

from nas.engine.loop import describe
from nas.engine.ray import authentication
from nas.engine.ray.asha import AshaSettings
from nas.engine.ray.path import SamePath
from nas.machine.processors import usable_processors
from nas.machine.signals import deaf_children, kept_handlers, note, undisturbed
from nas.machine.temporary import temporary_folder
from search_spaces.errors import ConfigError
from search_spaces.settings import SettingError, as_yaml, at_least, integer

PROJECT = Path(__file__).resolve().parents[3]
OBJECT_STORE_BYTES = 128 * 2**20
CONNECT_SECONDS = 10.0
LONGEST_PLACE = 28
"""Characters of the place of Ray's files: with 79 more, its sockets' paths reach 107, the most that Linux takes."""
HERE = "Ray on this machine"
_ENVIRONMENT = {
    "RAY_AIR_NEW_OUTPUT": "0",
    "RAY_CHDIR_TO_TRIAL_DIR": "0",
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
    "RAY_TRAIN_ENABLE_V2_MIGRATION_WARNINGS": "0",
    "RAY_USAGE_STATS_ENABLED": "0",
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_DISABLE_SIGINT_HANDLER": "1",
    "TUNE_DISABLE_STRICT_METRIC_CHECKING": "1",  # a trial without AP has none to report
    "TUNE_GLOBAL_CHECKPOINT_S": "inf",
    "TUNE_PRINT_ALL_TRIAL_ERRORS": "0",
    "TUNE_WARN_THRESHOLD_S": "60",
}


@dataclass(frozen=True, slots=True)
class RaySettings(AshaSettings):
    """What each trial gets, where trials run, and when they are stopped early.

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
        AshaSettings.__post_init__(self)
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
        FileError: there is no temporary folder that Ray can use.
    """
    with _environment(), _silence():
        if ray.is_initialized():
            yield
        elif settings.address is not None:
            with _running(settings.address, f"runner address {settings.address}"):
                yield
        else:
            with temporary_folder("ray-", LONGEST_PLACE) as files, _running(None, HERE, **_own(settings, files)):
                yield


def _own(settings: RaySettings, files: Path) -> dict[str, Any]:
    """What Ray is started with on this machine."""
    return {
        "include_dashboard": False,
        "num_cpus": _own_processors(settings),
        "object_store_memory": OBJECT_STORE_BYTES,
        "_temp_dir": str(files),
    }


def _own_processors(settings: RaySettings) -> int:
    """CPU cores that Ray is given on this machine."""
    return settings.workers * settings.cpus_per_trial if settings.workers else usable_processors()


@contextmanager
def _running(address: str | None, where: str, **own: Any) -> Iterator[None]:
    """Ray on a cluster or, without an address, started here; its end is not disturbed by signals."""
    try:
        with kept_handlers(), deaf_children():
            _start(address, where, own)
        yield
    finally:
        with undisturbed():
            ray.shutdown()


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


def _start(address: str | None, where: str, own: dict[str, Any]) -> None:
    """Start Ray or connect to it."""
    ray_constants.ENABLE_RAY_CLUSTER = address is not None
    advice = "runner=serial needs no Ray." if address is None else "Is Ray running there?"
    try:
        if address is None:
            authentication.use_own_token()
        else:
            host, port = address.split(":")
            socket.create_connection((host, int(port)), CONNECT_SECONDS).close()
            authentication.use_known_token(address)
        ray.init(
            address=address or "local",
            log_to_driver=False,
            logging_level=logging.CRITICAL,
            job_config=SamePath(),
            runtime_env=_worker_environment(),
            **own,
        )
    except SystemExit:  # what Ray makes of SIGTERM while it starts
        note(signal.SIGTERM)
        raise KeyboardInterrupt from None
    except ConfigError:
        raise
    except Exception as error:  # of many types, Exception itself among them
        raise ConfigError(f"{where} cannot be used: {describe(error).rstrip('.')}. {advice}") from None


def _worker_environment() -> dict[str, Any]:
    """What workers are started with: the path that this process imports from, and its Python.

    Ray starts a worker through a shell and leaves the path of Python as it is, so one with a space would never start.
    It is given quoted where that changes anything; nodes of a cluster are taken to have the same folders.
    """
    path = os.pathsep.join([str(PROJECT), *filter(None, [os.environ.get("PYTHONPATH")])])
    quoted = shlex.quote(sys.executable)
    return {
        "env_vars": {"PYTHONPATH": path},
        **({} if quoted == sys.executable else {"py_executable": quoted}),
    }


def trial_resources(settings: RaySettings) -> tuple[dict[str, float], int]:
    """The resources of one trial, as Tune wants them, and how many trials run at a time.

    Raises:
        ConfigError: the resources do not suffice for one trial.
    """
    total = ray.cluster_resources()
    return shared_out(settings, total.get("CPU", 0.0), total.get("GPU", 0.0))


def resources_here(settings: RaySettings) -> tuple[dict[str, float], int]:
    """What :func:`trial_resources` will give when Ray is started on this machine.

    Raises:
        ConfigError: the resources do not suffice for one trial.
    """
    return shared_out(settings, _own_processors(settings), torch.cuda.device_count())


def shared_out(settings: RaySettings, cpus: float, gpus: float) -> tuple[dict[str, float], int]:
    """The resources of one trial, and how many trials fit into so many CPU cores and GPUs.

    Raises:
        ConfigError: the resources do not suffice for one trial.
    """
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
