"""What runs the trials of a search: one after another in this process, or side by side in Ray's workers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from nas.command_line.config import Config
from nas.engine.loop import run_serial
from search_spaces.kinds import Kind, check_settings, find
from search_spaces.settings import SettingError, boolean, integer

if TYPE_CHECKING:
    from nas.engine.ray import RaySettings

Runner = Callable[..., None]
"""Called with the search, what makes the proxy and, as ``make_prefilter``, what makes the filter before it or None."""

RUNNERS: Mapping[str, Kind] = {
    "ray": Kind("nas.engine.ray:RaySettings", "nas.command_line.runners:ray_runner"),
    "serial": Kind("nas.command_line.runners:SerialSettings", "nas.command_line.runners:serial_runner"),
}
"""Kind -> its settings, and what makes a runner from them."""


@dataclass(frozen=True, slots=True)
class SerialSettings:
    """Settings of the serial runner.

    Attributes:
        threads: threads that PyTorch computes with in this process.
        asha: whether trials are stopped early, which this runner cannot do: must be false.

    Raises:
        ConfigError: a setting has the wrong type or is out of range.
    """

    threads: int = 1
    asha: bool = False

    def __post_init__(self) -> None:
        integer("threads", self.threads, 1)
        boolean("asha", self.asha)
        if self.asha:
            raise SettingError("asha", "is true, and only Ray Tune stops trials early; give runner=ray beside it.")


def make_runner(config: Config) -> Runner:
    """The runner of a configuration with ``runner``; ``retries`` is a setting of the search, not of the runner.

    Raises:
        ConfigError: an unknown setting, or a value of the wrong type or out of range.
    """
    row, settings = _checked(config)
    runner: Runner = row.maker(settings)
    return runner


def worker_count(config: Config, ask_cluster: bool = False) -> int | None:
    """How many trials run at a time.

    Args:
        config: with ``runner``.
        ask_cluster: whether to connect to a running Ray cluster, where the configuration names one.

    Returns:
        None where a cluster decides that which is not asked.

    Raises:
        ConfigError: as :func:`make_runner`; the resources do not suffice for one trial; or the cluster does not answer.
    """
    _, settings = _checked(config)
    if isinstance(settings, SerialSettings):
        return 1
    from nas.engine.ray.session import ray_session, resources_here, trial_resources

    if settings.address is None:
        return resources_here(settings)[1]
    if not ask_cluster:
        return None
    with ray_session(settings):
        return trial_resources(settings)[1]


def threads_of_a_trial(config: Config) -> int:
    """How many threads PyTorch computes with in one trial.

    Raises:
        ConfigError: as :func:`make_runner`.
    """
    _, settings = _checked(config)
    return int(settings.threads if isinstance(settings, SerialSettings) else settings.cpus_per_trial)


def _checked(config: Config) -> tuple[Kind, Any]:
    """The runner's row, and its settings as its dataclass."""
    row = find("runner", RUNNERS, config["runner"]["kind"])
    values = {key: value for key, value in config["runner"].items() if key not in ("kind", "name", "retries")}
    settings = check_settings("runner", row, values)
    return row, settings


def serial_runner(settings: SerialSettings) -> Runner:
    """The serial loop; PyTorch's number of threads is set at once, so that what is recorded of the device is right."""
    import torch

    torch.set_num_threads(settings.threads)
    return run_serial


def ray_runner(settings: RaySettings) -> Runner:
    """Ray Tune, which takes seconds to import."""
    from nas.engine.ray import run_ray

    return partial(run_ray, settings=settings)
