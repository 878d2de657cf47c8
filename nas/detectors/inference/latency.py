"""How long a network takes on the device at hand, and how much memory it needs. The network is run."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from nas.detectors.detector import Network
from nas.detectors.devices import device_name, find_device
from nas.detectors.sizes import Size
from search_spaces.settings import integer, one_of

PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
MEGABYTE = 2**20


@dataclass(frozen=True, slots=True)
class Latency:
    """A measurement, and how it was made.

    Attributes:
        milliseconds: median over the runs, for the whole batch; ``fastest`` and ``slowest`` are the extremes.
        peak_bytes: the most memory that the runs needed beyond what was in use before them (weights and input). On CUDA
            it is the allocator's, on a CPU the resident memory of the process, which only Linux tells; None: unknown.
        weight_bytes: size of the parameters and statistics.
        device, threads, precision, batch, image_size, warmup, runs, postprocessing: the method.
    """

    milliseconds: float
    fastest: float
    slowest: float
    peak_bytes: int | None
    weight_bytes: int
    device: str
    threads: int
    precision: str
    batch: int
    image_size: Size
    warmup: int
    runs: int
    postprocessing: bool

    def __str__(self) -> str:
        """The figures and, in a second line, the method."""
        height, width = self.image_size
        rate = 1000 * self.batch / self.milliseconds
        peak = "not measured" if self.peak_bytes is None else f"{self.peak_bytes / MEGABYTE:,.0f} MB"
        where = f"{self.device}, {self.threads} threads" if self.device == "cpu" else self.device
        return (
            f"latency {self.milliseconds:.1f} ms (from {self.fastest:.1f} to {self.slowest:.1f}), {rate:.2f} images/s, "
            f"peak memory {peak} beyond {self.weight_bytes / MEGABYTE:,.0f} MB of weights\n"
            f"method: median of {self.runs} runs after {self.warmup} to warm up, batch {self.batch} of {height}x{width}"
            f" px, {self.precision}, {'with' if self.postprocessing else 'without'} post-processing, on {where}"
        )


def measure_latency(
    network: Network,
    image_size: Size,
    batch: int = 1,
    precision: str = "float32",
    device: str = "cpu",
    warmup: int = 3,
    runs: int = 10,
    postprocessing: bool = False,
) -> Latency:
    """Run a network on random images. It stays in evaluation mode and on ``device``.

    Args:
        image_size: (height, width) in pixels.
        precision: a name of ``PRECISIONS``.
        device: as in :func:`nas.detectors.devices.find_device`.
        postprocessing: whether the detections (or classes) are timed, or only the raw outputs.

    Raises:
        ConfigError: the precision is unknown, the device is not there, or a count is too small.
    """
    _check_method(precision, batch, warmup, runs)
    kind = find_device(device)
    network = network.eval().to(kind)
    images = torch.rand(batch, 3, *image_size, device=kind).contiguous(memory_format=torch.channels_last)
    run: Callable[[Tensor], object] = network.predict if postprocessing else network
    with torch.inference_mode(), _precision(kind, precision):
        for _ in range(warmup):
            run(images)
        before = _reset_peak(kind)
        times = [_timed(run, images, kind) for _ in range(runs)]
        peak = None if before is None else max(_peak(kind) - before, 0)
    return Latency(
        milliseconds=1000 * statistics.median(times),
        fastest=1000 * min(times),
        slowest=1000 * max(times),
        peak_bytes=peak,
        weight_bytes=sum(x.numel() * x.element_size() for x in network.state_dict().values()),
        device=device_name(kind),
        threads=torch.get_num_threads(),
        precision=precision,
        batch=batch,
        image_size=image_size,
        warmup=warmup,
        runs=runs,
        postprocessing=postprocessing,
    )


def _check_method(precision: str, batch: int, warmup: int, runs: int) -> None:
    one_of("precision", precision, PRECISIONS)
    for name, value, least in (("batch", batch, 1), ("warmup", warmup, 0), ("runs", runs, 1)):
        integer(name, value, least)


def _precision(device: torch.device, precision: str) -> AbstractContextManager[object]:
    if precision == "float32":
        return nullcontext()
    return torch.autocast(device.type, PRECISIONS[precision])


def _timed(run: Callable[[Tensor], object], images: Tensor, device: torch.device) -> float:
    """Seconds of one run, until the device has finished."""
    started = time.perf_counter()
    run(images)
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - started


def _reset_peak(device: torch.device) -> int | None:
    """Bytes in use now; from here on the peak is counted again. None if that is unknown."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        return torch.cuda.memory_allocated(device)
    try:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # Linux: forget the peak of the resident size
        return _status("VmRSS")
    except OSError:
        return None


def _peak(device: torch.device) -> int:
    return torch.cuda.max_memory_allocated(device) if device.type == "cuda" else _status("VmHWM")


def _status(key: str) -> int:
    """A size in bytes from Linux' status file of this process."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{key}:"))
